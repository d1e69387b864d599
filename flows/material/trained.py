"""What earlier trainings left: the checkpoints that later ones build on, and the anatomy expert's masks."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn

import filters
from filters.experts.embedded import load_network
from filters.experts.networks import anatomy_network
from synth.errors import UserError
from synth.findings import ANATOMY
from synth.images.radiographs import remove_markers, to_uint8
from synth.weights import SHIPPED, SUMS

#: Pixels a side that the anatomy expert learns at.
SIZE = 128


def locate(out: Path, name: str) -> Path:
    """A checkpoint that a training builds on: the one just trained under ``out``, or the shipped."""
    places = [p / name for p in (out, SHIPPED, Path(filters.__file__).parent / "checkpoints")]
    if name == "codec":  # ships inside the image model's folder, as diffusers has it
        places.append(SHIPPED / "images" / "vae")
    for place in places:
        if (place / SUMS).exists():
            return place
    raise UserError(f"checkpoint: {name} not found, expected `synthorax train {name}` to be run first")


def predict(network: nn.Module, images: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Probabilities (N, 5, H, W) float32 of (N, H, W) uint8 images, upsampled to their size."""
    out = []
    with torch.inference_mode():
        for batch in torch.from_numpy(images).split(16):
            x = F.interpolate(batch[:, None].float() / 127.5 - 1, size=(size, size), mode="area")
            p = network(x).sigmoid()
            out.append(F.interpolate(p, size=images.shape[1:], mode="bilinear", align_corners=False))
    return torch.cat(out).numpy()


def expert_anatomy(out: Path, images: np.ndarray) -> np.ndarray:
    """(N, 5, H, W) bool: the trained expert's masks of (N, H, W) uint8 images."""
    network, _ = load_network(anatomy_network(len(ANATOMY)), locate(out, "anatomy"))
    found = predict(network, images)
    masks = found > 0.5
    masks[:, :2] = np.stack([clean_lungs(p) for p in found])
    return masks


def unmarked(images: np.ndarray, anatomy: np.ndarray) -> np.ndarray:
    """Radiographs (N, H, W) uint8 without burned-in letters; ``anatomy`` (N, K, H, W) bool, lungs first."""
    pairs = zip(images, anatomy, strict=True)
    return np.stack([to_uint8(remove_markers(i / 255.0, a[:2].any(0))) for i, a in pairs])


def clean_lungs(probabilities: np.ndarray) -> np.ndarray:
    """(2, H, W) bool: the largest part of each lung at 0.5."""
    return np.stack([_largest(p > 0.5) for p in probabilities[:2]])


def _largest(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return labels == 1 + int(np.argmax(ndimage.sum(mask, labels, np.arange(1, count + 1))))
