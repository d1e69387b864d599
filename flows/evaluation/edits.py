"""How well real radiographs are edited: opacities in radiologists' boxes removed, lesions added."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from filters.embedding import INDEX, TrainingIndex, normalise
from filters.evaluators import load_lesion_evaluator
from filters.experts import CHECKPOINTS, OPACITY, EmbeddedFindings
from filters.opinions import Expert
from flows.evaluation.features import attribute_features
from flows.retouching import Retouched, Retoucher
from flows.training.data import Radiographs, load_nih
from flows.training.lesion_learning import auroc
from flows.training.loop import console
from flows.training.scenes import demographics_of
from manifests.compositing import blend_weight
from manifests.radiograph_files import read_original
from synth.cases import FindingRequest
from synth.edit_requests import EditRequest
from synth.findings import OPACITIES
from synth.radiographs import border_box, read_radiograph

#: What is asked of all films with a box, and of the normal ones.
REMOVE = EditRequest(remove=("consolidation",))
ADD = EditRequest(add=(FindingRequest("consolidation", severity="moderate"),))
#: Seed of the edits, and films edited at a time.
SEED, BATCH = 71, 8


@dataclass(frozen=True)
class Edited:
    """N edited films and the indices of their NIH images."""

    indices: np.ndarray
    outcomes: list[Retouched]

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
    retoucher: Retoucher, nih: Radiographs, data: Path, indices: np.ndarray, request: EditRequest
) -> Edited:
    """Edit films by one request; where it removes, inside their boxes."""
    outcomes: list[Retouched] = []
    for start in range(0, len(indices), BATCH):
        some = indices[start : start + BATCH]
        films = retoucher.look(
            [read_original(data / "nih" / "images" / nih.names[i]) for i in some],
            [demographics_of(nih, i) for i in some],
        )
        masks = [box_mask(nih, i, data) if request.remove else None for i in some]
        seeds = [SEED + int(i) for i in some]
        outcomes += retoucher.retouch(films, [request] * len(some), seeds, masks)
        console.print(f"{request}: {len(outcomes)} of {len(indices)}", highlight=False)
    return Edited(indices, outcomes)


def figures(retoucher: Retoucher, nih: Radiographs, removed: Edited, added: Edited) -> dict[str, Any]:
    """Figures of both sets: the filters' experts, who chose among attempts, and the lesions' evaluator, who
    did not.

    ``removed_inside_below_median``: share of films on which an expert's maps of opacities, averaged inside
    the mask, come to less than the median of held-out films without a finding, at the same place.
    """
    experts = {"experts": retoucher.findings, "evaluator": load_lesion_evaluator()}
    out: dict[str, Any] = {"films": {"removed": len(removed.indices), "added": len(added.indices)}}
    for name, expert in experts.items():
        out[name] = _by(expert, nih, removed, added)
    everyone, sources = [*removed.outcomes, *added.outcomes], [*removed.indices, *added.indices]
    out["pixels_changed_outside"] = sum(map(changed_outside, everyone))
    out["identity"] = identity(nih, np.concatenate([removed.seen, added.seen]), sources)
    out["identity_removed"] = identity(nih, removed.seen, removed.indices.tolist())
    inside, outside = zip(*map(change, everyone), strict=True)
    out["change_inside"], out["change_outside"] = (round(float(np.mean(c)), 3) for c in (inside, outside))
    out["attempts"] = np.bincount([o.attempt for o in everyone]).tolist()
    return out


def _by(expert: Expert, nih: Radiographs, removed: Edited, added: Edited) -> dict[str, Any]:
    held = np.flatnonzero(nih.parts != "train")
    everyone, maps = ask(expert, nih.images[held])
    normal = nih.normal[held]
    none, some = (float(np.median(everyone[which])) for which in (normal, ~normal))
    (gone, maps_gone), (was, maps_was) = ask(expert, removed.seen), ask(expert, removed.before)
    (there, _), (lacked, _) = ask(expert, added.seen), ask(expert, added.before)
    masks = [o.edit.mask for o in removed.outcomes]
    inside_gone, inside_was = (
        np.array([seen[mask].mean() for seen, mask in zip(two, masks, strict=True)])
        for two in (maps_gone, maps_was)
    )
    inside_none = np.array([np.median(maps[normal][:, mask].mean(1)) for mask in masks])
    values = {
        "median_without_a_finding": none,
        "median_with_opacity": some,
        "removed_median_before": float(np.median(was)),
        "removed_median_after": float(np.median(gone)),
        "removed_below_median": float(np.mean(gone < none)),
        "removed_auroc": auroc(np.concatenate([was, gone]), np.arange(2 * len(was)) < len(was)),
        "inside_median_without_a_finding": float(np.median(inside_none)),
        "removed_inside_median_before": float(np.median(inside_was)),
        "removed_inside_median_after": float(np.median(inside_gone)),
        "removed_inside_below_median_before": float(np.mean(inside_was < inside_none)),
        "removed_inside_below_median": float(np.mean(inside_gone < inside_none)),
        "added_median_before": float(np.median(lacked)),
        "added_median_after": float(np.median(there)),
        "added_above_median": float(np.mean(there > some)),
        "added_auroc": auroc(np.concatenate([there, lacked]), np.arange(2 * len(there)) < len(there)),
    }
    return {k: round(v, 3) for k, v in values.items()}


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


def identity(nih: Radiographs, seen: np.ndarray, sources: Sequence[int]) -> dict[str, float]:
    """Share of edited films whose nearest of all films is their source, by two embeddings.

    The finding expert's, which near duplicates are found by, is made to tell findings, and so edits; the
    attributes' evaluator's knows age, sex and view, and took no part in anything.
    """
    index, expert = TrainingIndex.load(CHECKPOINTS / "findings" / INDEX), EmbeddedFindings.load()
    centre = attribute_features(nih.images).mean(0)
    spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "finding_expert": lambda x: index.project(expert.features(x)),
        "attribute_evaluator": lambda x: normalise(attribute_features(x) - centre),
    }
    return {
        name: round(float(np.mean((space(seen) @ space(nih.images).T).argmax(1) == np.asarray(sources))), 3)
        for name, space in spaces.items()
    }


def measure(retoucher: Retoucher, data: Path, count: int) -> tuple[dict[str, Any], Edited, Edited]:
    """Edit ``count`` films with boxes and ``count`` normal ones of ``data/nih``, and measure."""
    nih = load_nih(data)
    boxed, normal = choose(nih, count)
    removed = edit_films(retoucher, nih, data, boxed, REMOVE)
    added = edit_films(retoucher, nih, data, normal, ADD)
    return figures(retoucher, nih, removed, added), removed, added
