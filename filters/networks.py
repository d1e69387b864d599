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

    def __init__(self, unet: Any = None) -> None:
        super().__init__()
        self.unet: Any = unet or _unet(len(FINDING_NAMES))
        width = self.unet.encoder.out_channels[-1]
        self.classify = nn.Linear(2 * width, len(FINDING_NAMES) + 1)
        self.gain = nn.Parameter(torch.full((len(FINDING_NAMES),), 0.5))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.heads(self.unet.encoder(x))

    def heads(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What :meth:`forward` gives, from all the encoder's features of the same input."""
        deepest = features[-1]
        lesions = self.unet.segmentation_head(self.unet.decoder(features))
        pooled = nn.functional.dropout(_mean_and_max(deepest), 0.3, training=self.training)
        return lesions, self.classify(pooled) + _peaks(lesions, self.gain)

    def features(self, x: Tensor) -> Tensor:
        """Deepest encoder features (N, 256, R/16, R/16)."""
        return self.unet.encoder(x)[-1]


def _mean_and_max(x: Tensor) -> Tensor:
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def _peaks(lesions: Tensor, gain: Tensor) -> Tensor:
    """(N, 14): each map's peak over 3×3 pixels times its gain, 0 for opacity, which has no map.

    A lesion of a few pixels, averaged away in pooled features, still shows.
    """
    peaks = nn.functional.avg_pool2d(lesions, 3, 1, 1, count_include_pad=False).amax((2, 3)) * gain
    return nn.functional.pad(peaks, (0, 1))


def finding_network() -> FindingNetwork:
    """The finding expert's network, randomly initialised."""
    return FindingNetwork()


#: Encoder of the independent evaluators: RegNetY-200MF (Radosavovic et al., 2020).
EVALUATOR_ENCODER = "tu-regnety_002"
#: Stages of it that are kept: to a sixteenth of the input's side.
EVALUATOR_DEPTH = 4


def lung_evaluator_network() -> nn.Module:
    """(N, 1, R, R) in [-1, 1] to logits (N, 2, R, R) of the right and left lung; R a multiple of 16.

    A feature pyramid (Kirillov et al., 2019) on a RegNetY.
    """
    return smp.FPN(
        EVALUATOR_ENCODER,
        encoder_depth=EVALUATOR_DEPTH,
        encoder_weights=None,
        decoder_pyramid_channels=48,
        decoder_segmentation_channels=32,
        upsampling=2,
        in_channels=1,
        classes=2,
    )


class AttributeNetwork(nn.Module):
    """(N, 1, R, R) in [-1, 1] to (N, 3): logit of female, logit of PA, standardised age."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder: Any = smp.encoders.get_encoder(
            EVALUATOR_ENCODER, in_channels=1, depth=EVALUATOR_DEPTH, weights=None
        )
        self.classify = nn.Linear(2 * self.encoder.out_channels[-1], 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(nn.functional.dropout(self.features(x), 0.4, training=self.training))

    def features(self, x: Tensor) -> Tensor:
        """(N, 304): mean and maximum of the deepest features."""
        return _mean_and_max(self.encoder(x)[-1])


class LesionEvaluatorNetwork(FindingNetwork):
    """Where and whether, as :class:`FindingNetwork` answers, by a U-Net on a RegNetY."""

    def __init__(self) -> None:
        super().__init__(
            smp.Unet(
                EVALUATOR_ENCODER,
                encoder_depth=EVALUATOR_DEPTH,
                encoder_weights=None,
                decoder_channels=(96, 64, 48, 24),
                in_channels=1,
                classes=len(FINDING_NAMES),
            )
        )
