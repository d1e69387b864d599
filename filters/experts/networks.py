"""The embedded experts' networks: classes of segmentation-models-pytorch at modest widths."""

from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from synth.findings import FINDING_NAMES

#: Encoders of the filters' first experts (He et al., 2016), of their second ones (Qin et al., 2024) and of
#: the evaluators (Radosavovic et al., 2020); and the stages used of them: to a sixteenth of the input's side.
RESNET, MOBILENET, REGNET, DEPTH = "resnet18", "tu-mobilenetv4_conv_small", "tu-regnety_002", 4


def anatomy_network(structures: int) -> nn.Module:
    """(N, 1, R, R) in [-1, 1] to logits (N, structures, R, R); R is a multiple of 16.

    U-Net (Ronneberger et al., 2015) on a ResNet-18 without its last stage (He et al., 2016).
    """
    unet = smp.Unet(
        RESNET,
        encoder_depth=DEPTH,
        encoder_weights=None,
        decoder_channels=(128, 64, 48, 24),
        in_channels=1,
        classes=structures,
    )
    return _without_last_stage(unet)


def _pyramid(encoder: str, widths: tuple[int, int], classes: int, upsampling: int) -> Any:
    """Feature pyramid (Kirillov et al., 2019), ``widths`` of its levels and of its head.

    (N, 1, R, R) to logits (N, classes, r, r), where r is R / 2 times ``upsampling``.
    """
    return smp.FPN(
        encoder,
        encoder_depth=DEPTH,
        encoder_weights=None,
        decoder_pyramid_channels=widths[0],
        decoder_segmentation_channels=widths[1],
        upsampling=upsampling,
        in_channels=1,
        classes=classes,
    )


def _without_last_stage(network: Any) -> Any:
    """Of a ResNet or MobileNet: never reached at this depth, yet two thirds of the weights."""
    if hasattr(network.encoder, "layer4"):
        network.encoder.layer4 = nn.Identity()
    else:
        del network.encoder.model.blocks[DEPTH - 1 :]
    return network


class FindingNetwork(nn.Module):
    """Where and whether: lesion logits (N, 13, R/2, R/2) and finding logits (N, 14) of (N, 1, R, R).

    Channels are FINDING_NAMES; the last finding logit is "opacity", any airspace opacity as the
    NIH and RSNA labels have it. R is a multiple of 16.
    """

    def __init__(self, segmenter: Any) -> None:
        super().__init__()
        self.segmenter = segmenter
        width = segmenter.encoder.out_channels[-1]
        self.classify = nn.Linear(2 * width, len(FINDING_NAMES) + 1)
        self.gain = nn.Parameter(torch.full((len(FINDING_NAMES),), 0.5))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.heads(self.encode(x))

    def encode(self, x: Tensor) -> list[Tensor]:
        """All the encoder's features, the deepest last: (N, F, R/16, R/16)."""
        return list(self.segmenter.encoder(x))

    def heads(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What :meth:`forward` gives, from what :meth:`encode` gives of the same input."""
        deepest = features[-1]
        lesions = self.segmenter.segmentation_head(self.segmenter.decoder(features))
        pooled = nn.functional.dropout(_mean_and_max(deepest), 0.3, training=self.training)
        return lesions, self.classify(pooled) + _peaks(lesions, self.gain)


def _mean_and_max(x: Tensor) -> Tensor:
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def _peaks(lesions: Tensor, gain: Tensor) -> Tensor:
    """(N, 14): each map's peak over 3×3 pixels times its gain, 0 for opacity, which has no map.

    A lesion of a few pixels, averaged away in pooled features, still shows.
    """
    peaks = nn.functional.avg_pool2d(lesions, 3, 1, 1, count_include_pad=False).amax((2, 3)) * gain
    return nn.functional.pad(peaks, (0, 1))


def mobilenet_lung_network() -> nn.Module:
    """The second anatomy expert's, on the same encoder; as :func:`regnet_lung_network`."""
    return _without_last_stage(_pyramid(MOBILENET, (48, 32), 2, 2))


def regnet_finding_network() -> FindingNetwork:
    """The independent lesion evaluator's: a narrower feature pyramid on a RegNetY."""
    return FindingNetwork(_pyramid(REGNET, (64, 32), len(FINDING_NAMES), 1))


def regnet_lung_network() -> nn.Module:
    """(N, 1, R, R) in [-1, 1] to logits (N, 2, R, R) of the right and left lung; R a multiple of 16."""
    return _pyramid(REGNET, (48, 32), 2, 2)
