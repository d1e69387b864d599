"""Candidates, masks and networks that several filter tests are made of."""

from functools import cache

import numpy as np
import torch
from skimage.draw import ellipse

from filters.experts.embedded import EmbeddedAnatomy
from filters.experts.embedding import TrainingIndex
from filters.experts.lite import LiteExpert
from filters.experts.lite_networks import lite_network
from filters.experts.networks import anatomy_network
from filters.panel import Panel
from filters.registry import FILTERS
from synth.cases import Candidate, Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY, FINDING_NAMES

SIZE = 64
RESOLUTION = 32
STRUCTURES = ("right_lung", "left_lung", "heart")


def disc(y: float, x: float, height: float, width: float, size: int = SIZE) -> np.ndarray:
    """A filled ellipse by its centre and half axes, all as shares of the image's side."""
    mask = np.zeros((size, size), dtype=bool)
    mask[ellipse(y * size, x * size, height * size, width * size, shape=mask.shape)] = True
    return mask


def anatomy(size: int = SIZE) -> np.ndarray:
    """(5, H, W) bool: two lungs, a heart between them, two clavicles."""
    heart = disc(0.6, 0.55, 0.14, 0.14, size)
    right, left = disc(0.5, 0.28, 0.32, 0.15, size), disc(0.5, 0.74, 0.32, 0.15, size)
    clavicles = disc(0.16, 0.3, 0.03, 0.16, size), disc(0.16, 0.7, 0.03, 0.16, size)
    stack = (right & ~heart, left & ~heart, heart, *clavicles)
    assert len(stack) == len(ANATOMY)
    return np.stack(stack)


def masks(*lesions: Lesion, size: int = SIZE) -> MaskSet:
    """The anatomy above with some lesions."""
    return MaskSet(anatomy(size), lesions)


def case(key: str = "0", *findings: str) -> Case:
    """A case that asks for findings by name."""
    return Case(key, 7, ", ".join(findings), tuple(FindingRequest(f) for f in findings))


def textured(seed: int, size: int = SIZE) -> np.ndarray:
    """(H, W) uint8: the anatomy in grey under smooth noise, another for every seed."""
    generator = np.random.default_rng(seed)
    coarse = generator.normal(0, 40, (8, 8)).repeat(size // 8, 0).repeat(size // 8, 1)
    fine = generator.normal(0, 12, (size, size))
    body = np.where(anatomy(size)[:2].any(0), 70, 170)
    return np.clip(body + coarse + fine, 1, 254).astype(np.uint8)


def candidate(seed: int, *findings: str, lesions: tuple[Lesion, ...] = ()) -> Candidate:
    """A readable candidate whose key is its seed."""
    return Candidate(case(str(seed), *findings), masks(*lesions), textured(seed))


def anatomy_expert(batch_size: int = 4, index: TrainingIndex | None = None) -> EmbeddedAnatomy:
    """The real network with seeded random weights."""
    torch.manual_seed(0)
    network = anatomy_network(len(STRUCTURES))
    return EmbeddedAnatomy(network, RESOLUTION, STRUCTURES, "a" * 64, batch_size, index=index)


def finding_expert(batch_size: int = 4) -> LiteExpert:
    """The real network with seeded random weights."""
    torch.manual_seed(1)
    network = lite_network("lite0")
    return LiteExpert(network, RESOLUTION, FINDING_NAMES, digest="b" * 64, batch_size=batch_size)


@cache
def panel() -> Panel:
    """Both experts and an index of twelve images, shared by all tests: it is read-only."""
    names = [f"train/{i}.png" for i in range(12)]
    features = anatomy_expert().features(np.stack([textured(1000 + i) for i in range(12)]))
    index = TrainingIndex.fit(features, names)
    anatomist, findings = anatomy_expert(index=index), finding_expert()
    by_kind = {"anatomy": anatomist, "findings": findings}
    experts = {f.name: by_kind[f.asks] for f in FILTERS.values() if f.asks}
    return Panel(experts, anatomist, index, {"filters/findings/model.safetensors": "b" * 64})
