"""One film as tensors, for each task. Channels and classes are in the order of FINDING_NAMES.

What is asked for in the text, but nobody outlined, is nowhere known to be absent: it is to be ignored in the
whole film.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.pictures import anatomy, pixels
from synth.findings import FINDING_NAMES

if TYPE_CHECKING:
    import torch


def image(film: LabelledFilm) -> "torch.Tensor":
    """(1, H, W) float32, 0 to 1, brighter is denser."""
    import torch

    return torch.from_numpy(np.divide(pixels(film)[None], np.float32(255), dtype=np.float32))


def segmentation(film: LabelledFilm, with_anatomy: bool = False) -> dict[str, Any]:
    """``image``; ``mask`` (13, H, W) uint8, 1 where a finding is; ``ignore`` of the same shape, 1 where
    nobody knows. With anatomy both have 18 channels, the structures of ANATOMY last."""
    import torch

    mask, ignore = _channels(film, film.lesions), _channels(film, film.doubted)
    for name in film.unoutlined:
        ignore[FINDING_NAMES.index(name)] = 1
    for channel in {FINDING_NAMES.index(lesion.finding) for lesion in film.doubted}:
        ignore[channel] &= 1 - mask[channel]
    if with_anatomy:
        structures = anatomy(film).astype(np.uint8)
        mask = np.concatenate([mask, structures])
        ignore = np.concatenate([ignore, np.zeros_like(structures)])
    return {"image": image(film), "mask": torch.from_numpy(mask), "ignore": torch.from_numpy(ignore)}


def detection(film: LabelledFilm) -> tuple["torch.Tensor", dict[str, Any]]:
    """``image`` and target as torchvision's detectors take them: ``boxes`` (N, 4) float32, x and y of two
    corners in pixels; ``labels`` (N,) int64, 1 to 13; ``masks`` (N, H, W) uint8; ``area`` (N,) float32;
    ``iscrowd`` (N,) int64, 0; ``ignore_boxes`` (M, 4) and ``ignore_labels`` (M,) of what nobody knows."""
    import torch

    height, width = film.shape
    boxes, labels = _boxes(film.lesions)
    ignore_boxes, ignore_labels = _boxes(film.doubted)
    for name in sorted(film.unoutlined):
        ignore_boxes.append((0, 0, width, height))
        ignore_labels.append(FINDING_NAMES.index(name) + 1)
    masks = [lesion.mask for lesion in film.lesions]
    stacked = np.array(masks, np.uint8) if masks else np.zeros((0, height, width), np.uint8)
    target = {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": torch.from_numpy(stacked),
        "area": torch.tensor([lesion.area for lesion in film.lesions], dtype=torch.float32),
        "iscrowd": torch.zeros(len(labels), dtype=torch.int64),
        "ignore_boxes": torch.tensor(ignore_boxes, dtype=torch.float32).reshape(-1, 4),
        "ignore_labels": torch.tensor(ignore_labels, dtype=torch.int64),
    }
    return image(film), target


def classification(film: LabelledFilm) -> dict[str, Any]:
    """``image``; ``labels`` (13,) float32, 1 where the film shows a finding; ``known`` (13,) float32, 0 where
    nobody knows whether it does: weights of a loss."""
    import torch

    found = {lesion.finding for lesion in film.lesions}
    unsure = {lesion.finding for lesion in film.doubted} | film.unoutlined
    if not film.row.get("complete", True):
        unsure = set(FINDING_NAMES)
    labels = torch.tensor([float(name in found) for name in FINDING_NAMES])
    known = torch.tensor([float(name in found or name not in unsure) for name in FINDING_NAMES])
    return {"image": image(film), "labels": labels, "known": known}


def _channels(film: LabelledFilm, lesions: Iterable[LabelledLesion]) -> np.ndarray:
    """(13, H, W) uint8: the union of a finding's lesions."""
    out = np.zeros((len(FINDING_NAMES), *film.shape), np.uint8)
    for lesion in lesions:
        x, y, width, height = lesion.box
        here = np.s_[y : y + height, x : x + width]  # most lesions are small
        out[FINDING_NAMES.index(lesion.finding)][here] |= lesion.mask[here]
    return out


def _boxes(lesions: Iterable[LabelledLesion]) -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """Corners and classes of lesions; class 0 is the background."""
    boxes, labels = [], []
    for lesion in lesions:
        x, y, width, height = lesion.box
        boxes.append((x, y, x + width, y + height))
        labels.append(FINDING_NAMES.index(lesion.finding) + 1)
    return boxes, labels
