"""The finding experts on EfficientNet-Lite: asked like :class:`EmbeddedFindings`, and pointing at opacity."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from filters.experts.configs import LiteConfig, config_of
from filters.experts.embedded import EmbeddedFindings, enlarge, logistic, prepare
from filters.experts.lite_networks import folded, lite_network
from filters.experts.opinion import Opinion


class LiteExpert(EmbeddedFindings):
    """A finding expert whose opinions have a map of each finding that it speaks of, and one of ``opacity``.

    ``map_calibration`` maps a finding to Platt's (scale, bias) of its map's logits, as ``calibration`` to
    that of its logit; ``doubted`` are the findings that it could not tell on real films.
    """

    name = "findings on EfficientNet-Lite"
    doubted: frozenset[str] = frozenset()
    map_calibration: Mapping[str, Mapping[str, float]] = MappingProxyType({})

    @classmethod
    def read(cls, folder: Path, batch_size: int = 8, device: str = "cpu") -> "LiteExpert":
        """From a checkpoint folder (:class:`LiteConfig`); WeightsError says what is wrong."""
        config = config_of(folder, LiteConfig)
        expert = cls.of(lite_network(config.network), folder, batch_size, device)
        assert isinstance(expert, cls)
        expert.doubted = frozenset(expert.findings) - frozenset(config.trusted)
        expert.map_calibration = config.model_dump()["map_calibration"]
        folded(expert.network).to(memory_format=torch.channels_last)  # twice as fast on CPUs
        return expert

    def _encode(self, batch: np.ndarray) -> list[Tensor]:
        x = resized(batch, self.resolution, self.device)
        return self.network.encode(x.contiguous(memory_format=torch.channels_last))

    def _look(self, batch: np.ndarray) -> list[Opinion]:
        map_logits, logits = self.network.heads(self._encode(batch))
        probabilities = logistic((self.scale * logits + self.bias)[:, self._columns])
        plain = {"scale": 1.0, "bias": 0.0}
        fitted = [self.map_calibration.get(n, plain) for n in self.spoken]
        scale, bias = (torch.tensor([f[k] for f in fitted], device=self.device) for k in plain)
        calibrated = map_logits[:, self._columns] * scale[:, None, None] + bias[:, None, None]
        maps = enlarge(calibrated.sigmoid(), batch.shape[1:])
        return [
            Opinion(
                probabilities=dict(zip(self.spoken, map(float, p), strict=True)),
                lesions=dict(zip(self.spoken, m, strict=True)),
                doubted=self.doubted,
            )
            for p, m in zip(probabilities, maps, strict=True)
        ]


def resized(images: np.ndarray, resolution: int, device: str = "cpu") -> Tensor:
    """uint8 (N, H, W) as (N, 1, R, R) float32 in [-1, 1]: smaller by the mean of areas, larger bilinearly."""
    if resolution <= images.shape[-1]:
        return prepare(images, resolution, device)
    x = torch.from_numpy(np.ascontiguousarray(images)).to(device).float().div(127.5).sub(1)
    return functional.interpolate(
        x[:, None], size=(resolution, resolution), mode="bilinear", align_corners=False
    )
