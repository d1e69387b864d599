"""Drawn films as a retoucher sees them, and what tests ask to be changed in them."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from drawn_films import drawn_film
from editing import shipped

from flows.editing.plan import Film
from manifests.films.originals import Original, default_window
from synth.cases import FindingRequest
from synth.prompts.edit_requests import EditRequest

SIZE = 256
ADDED = EditRequest(add=(FindingRequest("consolidation", "right", "lower", "severe"),))
REMOVED = EditRequest(remove=("effusion",))
REPLACED = EditRequest(remove=("effusion",), add=(FindingRequest("mass"),), replace=True)


@cache
def retoucher():
    return shipped()[0]


def original(seed: int = 0, bits: int = 8, height: int = 320, width: int = 300) -> Original:
    """A drawn film of an odd size whose grey levels use most of its bits."""
    grey = drawn_film(seed, 320)[0][:height, 10 : 10 + width]
    pixels = np.rint(grey / 255.0 * ((1 << bits) - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    return Original(Path("a.png"), "png", "", pixels, bits, default_window(pixels, bits))


@cache
def film(seed: int = 0, bits: int = 8) -> Film:
    (seen,) = retoucher().look([original(seed, bits)])
    return seen


def blob(lung: np.ndarray, lower: bool = True) -> np.ndarray:
    """(S, S) bool: a third of a lung, at its base or its apex."""
    ys = np.flatnonzero(lung.any(1))
    rows = ys[-len(ys) // 3 :] if lower else ys[: len(ys) // 3]
    out = np.zeros_like(lung)
    out[rows] = lung[rows]
    return out


def seeing(seen: Film, name: str, *masks: np.ndarray) -> Film:
    """The film as if experts saw a finding there."""
    maps = {**seen.opinion.lesions, name: np.any(masks, axis=0).astype(np.float32) * 0.9}
    return replace(seen, opinion=replace(seen.opinion, lesions=maps))


def whole(seen: Film, mask: np.ndarray) -> np.ndarray:
    """A mask on what models see as one at the original's size."""
    height, width = seen.original.pixels.shape
    rows, columns = np.arange(height) * SIZE // height, np.arange(width) * SIZE // width
    return seen.framed.restore_mask(mask)[rows][:, columns]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())
