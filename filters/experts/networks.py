"""Networks that see anatomy: classes of segmentation-models-pytorch at modest widths."""

from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

#: Encoders of the filters' first expert (He et al., 2016), of the second (Qin et al., 2024) and of the
#: evaluator (Radosavovic et al., 2020); and the stages used of them: to a sixteenth of the input's side.
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


def mobilenet_lung_network() -> nn.Module:
    """The second anatomy expert's, on the same encoder; as :func:`regnet_lung_network`."""
    return _without_last_stage(_pyramid(MOBILENET, (48, 32), 2, 2))


def regnet_lung_network() -> nn.Module:
    """(N, 1, R, R) in [-1, 1] to logits (N, 2, R, R) of the right and left lung; R a multiple of 16."""
    return _pyramid(REGNET, (48, 32), 2, 2)
