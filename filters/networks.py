"""The embedded experts' networks: classes of segmentation-models-pytorch at modest widths."""

from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from synth.findings import FINDING_NAMES


def _unet(classes: int) -> Any:
    """U-Net (Ronneberger et al., 2015) on a ResNet-18 without its last stage (He et al., 2016)."""
    unet = smp.Unet(
        "resnet18",
        encoder_depth=4,
        encoder_weights=None,
        decoder_channels=(128, 64, 48, 24),
        in_channels=1,
        classes=classes,
    )
    unet.encoder.layer4 = nn.Identity()  # never reached at this depth, yet two thirds of the weights
    return unet


def anatomy_network(structures: int) -> nn.Module:
    """(N, 1, R, R) in [-1, 1] to logits (N, structures, R, R); R is a multiple of 16."""
    return _unet(structures)


class FindingNetwork(nn.Module):
    """Where and whether: lesion logits (N, 13, R, R) and finding logits (N, 14).

    Channels are FINDING_NAMES; the last finding logit is "opacity", any airspace opacity as the
    NIH and RSNA labels have it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unet: Any = _unet(len(FINDING_NAMES))
        width = self.unet.encoder.out_channels[-1]
        self.classify = nn.Linear(2 * width, len(FINDING_NAMES) + 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.heads(self.unet.encoder(x))

    def heads(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What :meth:`forward` gives, from all the encoder's features of the same input."""
        deepest = features[-1]
        lesions = self.unet.segmentation_head(self.unet.decoder(features))
        pooled = nn.functional.dropout(_mean_and_max(deepest), 0.3, training=self.training)
        return lesions, self.classify(pooled)

    def features(self, x: Tensor) -> Tensor:
        """Deepest encoder features (N, 256, R/16, R/16)."""
        return self.unet.encoder(x)[-1]


def _mean_and_max(x: Tensor) -> Tensor:
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def finding_network() -> FindingNetwork:
    """The finding expert's network, randomly initialised."""
    return FindingNetwork()
