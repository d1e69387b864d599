"""How well real radiographs are edited: opacities removed, in radiologists' boxes or all, lesions added."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from filters.experts.embedded import OPACITY
from filters.experts.evaluators import load_finding_evaluator
from filters.experts.opinion import Expert
from flows.editing.retoucher import Retouched, Retoucher, unasked
from flows.evaluation import pictures
from flows.evaluation.copies import spaces
from flows.figures.ranking import auroc
from flows.loading import load_retoucher
from flows.material.real import Radiographs, load_nih
from flows.material.scenes import demographics_of
from flows.training.loop import console
from manifests.films.compositing import blend_weight
from manifests.films.files import read_original
from synth.cases import FindingRequest
from synth.findings import OPACITIES
from synth.images.radiographs import border_box, read_radiograph
from synth.prompts.edit_requests import EditRequest
from synth.settings import TRIES

#: What is asked of all films with a box, one after the other, and of the normal ones.
REMOVE = EditRequest(remove=("consolidation",))
CLEAR = EditRequest(remove=("consolidation",), everywhere=True)
ADD = EditRequest(add=(FindingRequest("consolidation", severity="moderate"),))
#: Seed of the edits, films edited at a time, and edits of each where lungs are cleared.
SEED, BATCH, CLEARINGS = 71, 8, 16


@dataclass(frozen=True)
class Edited:
    """N films edited by one request and the indices of their NIH images."""

    indices: np.ndarray
    outcomes: list[Retouched]
    request: EditRequest

    @property
    def seen(self) -> np.ndarray:
        """(N, S, S) uint8: what the models see of the edited radiographs."""
        return np.stack([o.seen for o in self.outcomes])

    @property
    def before(self) -> np.ndarray:
        """(N, S, S) uint8: what they saw of the radiographs."""
        return np.stack([o.film.framed.seen for o in self.outcomes])


def choose(nih: Radiographs, count: int) -> tuple[np.ndarray, np.ndarray]:
    """``count`` films with a radiologist's box and as many normal ones without, held-out ones first."""
    order = np.argsort(nih.parts == "train", kind="stable")
    boxed = np.array([len(b) > 0 for b in nih.boxes])
    return order[boxed[order] & ~nih.normal[order]][:count], order[nih.normal[order] & ~boxed[order]][:count]


def box_mask(nih: Radiographs, index: int, data: Path) -> np.ndarray:
    """(H, W) bool at the film's own size: the inside of its boxes."""
    original = read_original(data / "nih" / "images" / nih.names[index])
    height, width = original.pixels.shape
    x0, y0, x1, y1 = border_box(read_radiograph(original.path, nih.images.shape[-1]))
    out = np.zeros((height, width), bool)
    for box in nih.boxes[index]:
        left, right = ((x0 + v * (x1 - x0)) * width for v in box[[0, 2]])
        top, bottom = ((y0 + v * (y1 - y0)) * height for v in box[[1, 3]])
        out[round(top) : round(bottom), round(left) : round(right)] = True
    return out


def edit_films(
    retoucher: Retoucher,
    nih: Radiographs,
    data: Path,
    indices: np.ndarray,
    request: EditRequest,
    tries: int = TRIES,
) -> Edited:
    """Edit films by one request; what it removes lies in their boxes."""
    outcomes: list[Retouched] = []
    for start in range(0, len(indices), BATCH):
        some = indices[start : start + BATCH]
        films = retoucher.look(
            [read_original(data / "nih" / "images" / nih.names[i]) for i in some],
            [demographics_of(nih, i) for i in some],
        )
        masks = [box_mask(nih, i, data) if request.remove else None for i in some]
        seeds = [SEED + int(i) for i in some]
        outcomes += retoucher.retouch(films, [request] * len(some), seeds, masks, tries)
        console.print(f"{request}: {len(outcomes)} of {len(indices)}", highlight=False)
    return Edited(indices, outcomes, request)


def figures(retoucher: Retoucher, nih: Radiographs, sets: Mapping[str, Edited]) -> dict[str, Any]:
    """Figures of the sets "removed", "cleared" and "added": by the filters' experts, who chose among
    attempts, and by the findings' evaluator, who did not."""
    experts = {"experts": retoucher.findings, "evaluator": load_finding_evaluator()}
    out: dict[str, Any] = {"films": {name: len(some.indices) for name, some in sets.items()}}
    for name, expert in experts.items():
        out[name] = _by(expert, nih, sets)
    everyone = [outcome for some in sets.values() for outcome in some.outcomes]
    out["pixels_changed_outside"] = sum(map(changed_outside, everyone))
    for name, some in sets.items():
        inside, outside = zip(*map(change, some.outcomes), strict=True)
        out[f"{name}_change_inside"] = round(float(np.mean(inside)), 3)
        out[f"{name}_change_outside"] = round(float(np.mean(outside)), 3)
        out[f"{name}_attempts"] = np.bincount([o.attempt for o in some.outcomes]).tolist()
        out[f"{name}_unasked"] = Counter(n for o in some.outcomes for n in unasked(o, some.request))
    return out


def _by(expert: Expert, nih: Radiographs, sets: Mapping[str, Edited]) -> dict[str, Any]:
    """One expert's figures. ``inside``: its maps of opacities, averaged inside the mask, against the median
    of held-out films without a finding at the same place."""
    held = np.flatnonzero(nih.parts != "train")
    everyone, maps = ask(expert, nih.images[held])
    normal = nih.normal[held]
    none, some = (float(np.median(everyone[which])) for which in (normal, ~normal))
    out: dict[str, Any] = {"median_without_a_finding": none, "median_with_opacity": some}
    for name, edited in sets.items():
        (after, maps_after), (before, maps_before) = ask(expert, edited.seen), ask(expert, edited.before)
        both, first = np.concatenate([before, after]), np.arange(2 * len(before)) < len(before)
        figures = {"median_before": np.median(before), "median_after": np.median(after)}
        if name == "added":
            figures |= {"above_median": np.mean(after > some), "auroc": auroc(both, ~first)}
        else:
            masks = [o.edit.mask for o in edited.outcomes]
            inside_before, inside_after = (
                np.array([seen[mask].mean() for seen, mask in zip(each, masks, strict=True)])
                for each in (maps_before, maps_after)
            )
            inside_none = np.array([np.median(maps[normal][:, mask].mean(1)) for mask in masks])
            figures |= {
                "below_median": np.mean(after < none),
                "auroc": auroc(both, first),
                "inside_median_without_a_finding": np.median(inside_none),
                "inside_median_before": np.median(inside_before),
                "inside_median_after": np.median(inside_after),
                "inside_below_median_before": np.mean(inside_before < inside_none),
                "inside_below_median": np.mean(inside_after < inside_none),
            }
        out[name] = {k: round(float(v), 3) for k, v in figures.items()}
    return out


def ask(expert: Expert, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probability (N,) of any opacity in ``images`` (N, S, S) uint8, and the map (N, S, S) float32 of
    where the expert sees one of OPACITIES: of each pixel the likeliest."""
    said, maps = [], []
    for start in range(0, len(images), BATCH):
        for opinion in expert.look(images[start : start + BATCH]):
            said.append(opinion.probabilities[OPACITY])
            maps.append(np.max([opinion.lesions[n] for n in OPACITIES if n in opinion.lesions], 0))
    return np.array(said), np.stack(maps)


def changed_outside(outcome: Retouched) -> int:
    """Pixels of the original that changed though the mask and its soft edge do not reach them."""
    original, framed = outcome.film.original, outcome.film.framed
    weight = blend_weight(framed.restore_mask(outcome.edit.mask), original.pixels.shape)
    return int((outcome.pixels != original.pixels)[weight == 0].sum())


def change(outcome: Retouched) -> tuple[float, float]:
    """Mean absolute change inside the mask and outside, in grey levels of what the models see."""
    moved = np.abs(outcome.seen.astype(float) - outcome.film.framed.seen)
    mask = outcome.edit.mask
    return float(moved[mask].mean()), float(moved[~mask].mean())


def identity(nih: Radiographs, sets: Mapping[str, Edited]) -> dict[str, dict[str, float]]:
    """Share of edited films whose nearest of all films is their source, by space and set.

    The spaces are those of :func:`flows.evaluation.copies.spaces`, where it is measured what each knows of
    patients; ``anatomy`` is the one that duplicates and copies are found by.
    """
    shares = {}
    for name, space in spaces(nih.images[nih.where("train")]).items():
        films = space(nih.images)
        shares[name] = {
            kind: round(float(np.mean((space(some.seen) @ films.T).argmax(1) == some.indices)), 3)
            for kind, some in sets.items()
        }
    return shares


def measure(retoucher: Retoucher, data: Path, count: int) -> tuple[dict[str, Any], dict[str, Edited]]:
    """Edit ``count`` films with boxes, twice, and ``count`` normal ones of ``data/nih``, and measure."""
    nih = load_nih(data)
    boxed, normal = choose(nih, count)
    made = {
        "removed": edit_films(retoucher, nih, data, boxed, REMOVE),
        "cleared": edit_films(retoucher, nih, data, boxed, CLEAR, CLEARINGS),
        "added": edit_films(retoucher, nih, data, normal, ADD),
    }
    found = figures(retoucher, nih, made)
    found["identity"] = identity(nih, made)
    return found, made


def evaluate_edits(data: Path, out: Path, count: int, device: str) -> None:
    """Edit ``count`` films of each kind; write ``edits.json`` and ``edits.png``, print the figures."""
    retoucher, _ = load_retoucher(device=device)
    found, made = measure(retoucher, data, count)
    out.mkdir(parents=True, exist_ok=True)
    (out / "edits.json").write_text(json.dumps(found, indent=1) + "\n")
    before, after = (
        np.concatenate([x[:8] for x in three])
        for three in ([s.before for s in made.values()], [s.seen for s in made.values()])
    )
    pictures.before_and_after(before, after, out / "edits.png")
    print(json.dumps(found, indent=1))
