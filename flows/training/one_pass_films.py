"""Real films as the one-pass model learns from them: without letters, with organs and lesions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import load_file, save_file
from scipy import ndimage
from torch import Tensor, nn

from flows.config.terminal import tracked
from flows.material.films import FOLDERS, RealFilms, load_real
from flows.material.learned import teaches
from flows.material.lesion_regions import GRID, SIDE, Regions, State, lesion_regions
from flows.material.trained import expert_anatomy, unmarked
from flows.training.augment import draw_warp, vary_exposure
from flows.training.labels import AIRSPACE, BOXED, NIH, UNLABELLED
from flows.training.loop import console
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.one_pass.networks import FINE, ROUGH

#: Films that are worked on at once.
AT_ONCE = 128


@dataclass(frozen=True)
class Batch:
    """N films (N, 1, S, S) in [-1, 1], their ``rough`` ones (N, 1, 32, 32), coverage by ``masks``
    (N, 18, 64, 64), ``patient`` (N, 30); which findings are ``known`` and which ``there``, (N, 13)."""

    films: Tensor
    rough: Tensor
    masks: Tensor
    patient: Tensor
    known: Tensor
    there: Tensor


@dataclass(frozen=True)
class OnePassFilms:
    """N films (N, S, S) uint8 of one size; ``masks`` (N, 18, GRID, GRID) uint8; ``state`` (N, 13);
    ``patient`` (N, 3), age / 100, woman, PA; ``odds`` (N,)."""

    images: np.ndarray
    masks: np.ndarray
    state: np.ndarray
    patient: np.ndarray
    odds: np.ndarray

    @classmethod
    def of(cls, films: RealFilms, anatomy: np.ndarray, regions: Regions) -> "OnePassFilms":
        """Those of ``films`` on which both lungs and the heart are seen; ``anatomy`` (N, 5, S, S) bool."""
        organs = _cells(anatomy)
        kept = _complete(organs)
        masks = np.concatenate([np.rint(255 * organs).astype(np.uint8), regions.cover], 1)
        patient = np.stack([np.clip(films.ages / 100, 0, 1), films.sexes == "F", films.views == "PA"], 1)
        state = regions.state[kept]
        return cls(
            films.images[kept],
            masks[kept],
            state,
            patient[kept].astype(np.float32),
            odds(state, regions.cover[kept], films.ages[kept]),
        )

    def batch(self, rng: np.random.Generator, count: int, varied: float = 1.0) -> Batch:
        """``count`` films, moved and exposed a little otherwise, ``varied`` times as much as usual."""
        chosen = rng.choice(len(self.images), count, p=self.odds)
        side = self.images.shape[-1]
        warp = draw_warp(rng, count, side, 4 * varied, 0.08 * varied, 0.03 * varied, 0.006 * varied)
        films = warp.sharply(torch.from_numpy(self.images[chosen])[:, None].float() / 255).clamp(0, 1)
        films = 2 * vary_exposure(films, rng, 0.15 * varied) - 1
        grid = F.interpolate(warp.grid.permute(0, 3, 1, 2), size=(GRID, GRID), mode="area").permute(
            0, 2, 3, 1
        )
        masks = torch.from_numpy(self.masks[chosen]).float() / 255
        masks = F.grid_sample(masks, grid, padding_mode="border", align_corners=False)
        there, known = self.there[chosen], self.known[chosen]
        told = np.concatenate([there, known, self.patient[chosen], np.ones((count, 1))], 1)
        return Batch(
            films,
            F.avg_pool2d(films, side // ROUGH),
            masks,
            *(torch.from_numpy(a.astype(np.float32)) for a in (told, known, there)),
        )

    @property
    def there(self) -> np.ndarray:
        """(N, 13) bool: the finding is in the film, wherever."""
        return np.isin(self.state, (State.OUTLINED, State.SOMEWHERE))

    @property
    def known(self) -> np.ndarray:
        """(N, 13) bool: the finding is absent, or its mask is where it is."""
        known = np.isin(self.state, (State.ABSENT, State.OUTLINED))
        known[:, [FINDING_NAMES.index(name) for name in UNLABELLED]] = False
        return known


def load_films(data: Path, out: Path, run: Path, guide: nn.Module) -> list[OnePassFilms]:
    """The films of NIH's two folders of all patients but those who test, one entry a folder.

    What takes long, organs and the guide's maps, is kept in ``run``, part by part while it is being made.
    """
    found = []
    for folder, size in FOLDERS.items():
        films = load_real(data, folder, min(size, SIDE), keep=lambda row: teaches(row["patient"]))
        path = run / f"{folder}.safetensors"
        if not path.exists():
            _keep(_looked_at(films, out, guide, run / folder), path)
            rmtree(run / folder)
        kept = load_file(path)
        anatomy = _organs(kept)
        regions = lesion_regions(
            films, states(films), anatomy, kept["maps"], kept["probabilities"], dict(BOXED)
        )
        clean = RealFilms(**{**vars(films), "images": kept["images"]})
        found.append(OnePassFilms.of(clean, anatomy, regions))
    return found


def load_fine(data: Path, run: Path, films: OnePassFilms) -> OnePassFilms:
    """The first of :func:`load_films`' entries at FINE pixels; where letters were, they are enlarged."""
    name = next(iter(FOLDERS))
    kept = load_file(run / f"{name}.safetensors")
    chosen = _complete(_cells(_organs(kept)))
    large, marked = (
        load_real(data, name, side, keep=lambda row: teaches(row["patient"])).images[chosen]
        for side in (FINE, SIDE)
    )
    pairs = zip(large, marked, kept["images"][chosen], strict=True)
    return replace(films, images=np.stack([_without_letters(*images) for images in pairs]))


def _without_letters(large: np.ndarray, marked: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """A film (2 S, 2 S) as its two smaller versions (S, S), before and after, say: (2 S, 2 S) uint8."""
    gone = ndimage.binary_dilation(marked != clean, iterations=2).repeat(2, 0).repeat(2, 1)
    wide = Image.fromarray(clean).resize(large.shape[::-1], Image.Resampling.BILINEAR)
    return np.where(gone, np.asarray(wide), large)


def states(films: RealFilms) -> np.ndarray:
    """(N, 13) uint8: what NIH's labels say of each finding, where it is being left open."""
    state = np.zeros((len(films), len(FINDING_NAMES)), np.uint8)
    for k, name in enumerate(FINDING_NAMES):
        if name not in UNLABELLED:
            state[films.labelled(NIH[name]), k] = State.SOMEWHERE
    k = FINDING_NAMES.index("consolidation")
    state[films.labelled(*AIRSPACE) & (state[:, k] == State.ABSENT), k] = State.UNKNOWN
    state[films.labelled("Pneumonia"), k] = State.SOMEWHERE
    return state


def odds(state: np.ndarray, cover: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """(N,) how often each film is drawn: outlined lesions the more the rarer they are, decades nearer to one
    another than they come."""
    outlined = (state == State.OUTLINED) & (cover.max((2, 3)) > 0)
    normal = ~np.isin(state, (State.OUTLINED, State.SOMEWHERE, State.UNKNOWN)).any(1)
    weight = np.where(normal, 0.45, 0.35) + 9 * (outlined / np.sqrt(outlined.sum(0) + 1)).sum(1)
    decades = np.clip(ages, 10, 89) // 10
    weight *= np.bincount(decades, minlength=9)[decades] ** -0.35
    return weight / weight.sum()


def _looked_at(films: RealFilms, out: Path, guide: nn.Module, run: Path) -> dict[str, np.ndarray]:
    """Organs as bits, films without letters, and what the guide says of each; parts stand in ``run``."""
    parts = []
    starts = range(0, len(films), AT_ONCE)
    for start in tracked(starts, "organs and lesions", len(starts), console):
        path = run / f"{start:05}.safetensors"
        if not path.exists():
            these = films.images[start : start + AT_ONCE]
            anatomy = expert_anatomy(out, these)
            bits = (anatomy << np.arange(len(ANATOMY))[:, None, None]).sum(1).astype(np.uint8)
            maps, probabilities = _said(guide, these)
            clean = unmarked(these, anatomy)
            _keep({"anatomy": bits, "images": clean, "maps": maps, "probabilities": probabilities}, path)
        parts.append(load_file(path))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _keep(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(arrays, temporary)
    temporary.replace(path)


@torch.inference_mode()
def _said(guide: nn.Module, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps (N, 13, h, w) uint8 and probabilities (N, 13)."""
    maps, probabilities = list[np.ndarray](), list[np.ndarray]()
    for batch in torch.from_numpy(images).split(16):
        x = batch[:, None].float() / 127.5 - 1
        x = F.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        there, logits = guide(x.to(memory_format=torch.channels_last))
        count = len(FINDING_NAMES)
        maps.append((there[:, :count].sigmoid() * 255).round().byte().numpy())
        probabilities.append(logits[:, :count].sigmoid().numpy())
    return np.concatenate(maps), np.concatenate(probabilities)


def _organs(kept: dict[str, np.ndarray]) -> np.ndarray:
    """(N, 5, S, S) bool, of what :func:`_looked_at` kept."""
    bits = np.arange(len(ANATOMY), dtype=np.uint8)[:, None, None]
    return (kept["anatomy"][:, None] >> bits & 1).astype(bool)


def _cells(anatomy: np.ndarray) -> np.ndarray:
    """Coverage (N, K, GRID, GRID) float32 of masks (N, K, S, S) bool."""
    side = anatomy.shape[-1] // GRID
    parts = [m.reshape(len(m), GRID, side, GRID, side).mean((2, 4), dtype=np.float32) for m in anatomy]
    return np.stack(parts)


def _complete(organs: np.ndarray) -> np.ndarray:
    """Indices of films on which both lungs and the heart are seen."""
    seen = (organs[:, :2].mean((2, 3)).sum(1) > 0.06) & (organs[:, 2].mean((1, 2)) > 0.01)
    return np.flatnonzero(seen)


def joined(folders: Sequence[OnePassFilms], side: int, shares: Sequence[float]) -> OnePassFilms:
    """Several folders' films at ``side`` pixels; of those drawn each has its share."""
    images = [_smaller(f.images, side) for f in folders]
    weights = [share * f.odds for share, f in zip(shares, folders, strict=True)]
    parts = [[f.masks for f in folders], [f.state for f in folders], [f.patient for f in folders]]
    masks, state, patient = (np.concatenate(p) for p in parts)
    return OnePassFilms(np.concatenate(images), masks, state, patient, np.concatenate(weights))


def _smaller(images: np.ndarray, side: int) -> np.ndarray:
    times = images.shape[-1] // side
    if times == 1:
        return images
    parts = [b.reshape(len(b), side, times, side, times).mean((2, 4)) for b in np.array_split(images, 32)]
    return np.rint(np.concatenate(parts)).astype(np.uint8)
