"""The finding experts, on EfficientNet-Lite: which findings there are, and where."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from filters.experts.configs import LiteConfig, config_of
from filters.experts.embedded import OPACITY, Embedded, enlarge, load_network, logistic, prepare
from filters.experts.lite_networks import LiteFindings, folded, lite_network
from filters.experts.opinion import Maps, Opinion
from synth.findings import FINDING_NAMES

Calibration = Mapping[str, Mapping[str, float]]

#: The network's channels.
CHANNELS: Final = (*FINDING_NAMES, OPACITY)
#: No calibration.
PLAIN: Final = {"scale": 1.0, "bias": 0.0}


class LiteExpert(Embedded):
    """A finding expert: it speaks of ``findings`` and of opacity, and has a map of each.

    ``calibration`` maps a finding to Platt's (scale, bias): p = sigmoid(scale · logit + bias) (Platt, 1999),
    ``map_calibration`` to that of its map's logits; what has none is taken as it is. ``doubted`` are the
    findings that it could not tell on real films, ``unplaced`` those whose maps have no calibration where
    others have one: none of their outlines in real films was there to fit it.
    """

    name = "findings on EfficientNet-Lite"
    structures: tuple[str, ...] = ()

    def __init__(
        self,
        network: LiteFindings,
        resolution: int,
        findings: Sequence[str],
        calibration: Calibration = MappingProxyType({}),
        map_calibration: Calibration = MappingProxyType({}),
        digest: str = "",
        batch_size: int = 8,
        device: str = "cpu",
        doubted: frozenset[str] = frozenset(),
    ) -> None:
        self.network = network.eval()
        self.resolution, self.digest, self.doubted = resolution, digest, doubted
        self.findings = tuple(f for f in findings if f in FINDING_NAMES)
        self.unplaced = frozenset(self.findings) - map_calibration.keys() if map_calibration else frozenset()
        self.batch_size, self.device = batch_size, device
        self.spoken = (*self.findings, OPACITY)
        self._columns = [CHANNELS.index(n) for n in self.spoken]
        self._logits, self._maps = (
            [torch.tensor([c.get(n, PLAIN)[k] for n in self.spoken], device=device) for k in PLAIN]
            for c in (calibration, map_calibration)
        )

    @classmethod
    def read(cls, folder: Path, batch_size: int = 8, device: str = "cpu") -> "LiteExpert":
        """From a checkpoint folder (:class:`LiteConfig`); WeightsError says what is wrong."""
        config = config_of(folder, LiteConfig)
        network, digest = load_network(lite_network(config.network), folder, device)
        folded(network).to(memory_format=torch.channels_last)  # twice as fast on CPUs
        plain = config.model_dump()
        doubted = frozenset(config.findings) - frozenset(config.trusted)
        calibrations = plain["calibration"], plain["map_calibration"]
        return cls(
            network, config.resolution, config.findings, *calibrations, digest, batch_size, device, doubted
        )

    def _encode(self, batch: np.ndarray) -> list[Tensor]:
        x = resized(batch, self.resolution, self.device)
        return self.network.encode(x.contiguous(memory_format=torch.channels_last))

    def _look(self, batch: np.ndarray) -> list[Opinion]:
        map_logits, logits = (each[:, self._columns] for each in self.network.heads(self._encode(batch)))
        scale, bias = self._logits
        probabilities = logistic(scale * logits + bias)
        scale, bias = (c[:, None, None] for c in self._maps)
        maps, size = (scale * map_logits + bias).sigmoid(), batch.shape[1:]
        return [
            Opinion(
                probabilities=dict(zip(self.spoken, map(float, p), strict=True)),
                lesions=Maps(
                    {n: partial(_enlarged, one, size) for n, one in zip(self.spoken, m, strict=True)}
                ),
                doubted=self.doubted,
                unplaced=self.unplaced,
            )
            for p, m in zip(probabilities, maps, strict=True)
        ]


def _enlarged(one: Tensor, size: tuple[int, int]) -> np.ndarray:
    """A map (r, r) at ``size``."""
    return enlarge(one[None, None], size)[0, 0]


def resized(images: np.ndarray, resolution: int, device: str = "cpu") -> Tensor:
    """uint8 (N, H, W) as (N, 1, R, R) float32 in [-1, 1]: smaller by the mean of areas, larger bilinearly."""
    if resolution <= images.shape[-1]:
        return prepare(images, resolution, device)
    x = torch.from_numpy(np.ascontiguousarray(images)).to(device).float().div(127.5).sub(1)
    return functional.interpolate(
        x[:, None], size=(resolution, resolution), mode="bilinear", align_corners=False
    )
