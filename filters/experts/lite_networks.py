"""Finding networks on encoders that have seen the world: EfficientNet-Lite under Segformer's decoder.

Tan & Le (2019) without squeeze-and-excitation or swish, so that a CPU runs them fast; Xie et al. (2021), as
segmentation-models-pytorch has them. Its feature pyramid, at widths that a CPU can bear, normalises each
channel over the film, so that a map cannot tell a film without a lesion; and it is slower.
"""

import itertools
from typing import Any, Final

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from synth.findings import FINDING_NAMES

#: Channels of the decoder.
DECODER: Final = 64
#: Channels of ImageNet's last layer.
WIDTH: Final = 1280
#: Encoder of each network, by the name that recipes and configs know it by: timm's own. The library's
#: "timm-" encoders of these names pad and normalise otherwise than the networks that ImageNet taught.
LITE: Final = {f"lite{i}": f"tu-tf_efficientnet_lite{i}" for i in range(3)}


class LiteFindings(nn.Module):
    """Where and whether: map logits (N, 14, R/4, R/4) and finding logits (N, 14) of (N, 1, R, R) in [-1, 1].

    Channels of both are FINDING_NAMES and opacity, any airspace opacity as NIH's and RSNA's labels have it.
    R is a multiple of 32; the encoder's deepest features are (N, F, R/32, R/32), and ImageNet's last layer
    makes ``WIDTH`` of them.
    """

    def __init__(self, segmenter: Any) -> None:
        super().__init__()
        self.segmenter = segmenter
        channels = len(FINDING_NAMES) + 1
        deepest = segmenter.encoder.out_channels[-1]
        self.last = nn.Sequential(
            nn.Conv2d(deepest, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH, eps=1e-3), nn.ReLU6()
        )
        self.classify = nn.Linear(2 * WIDTH, channels)
        self.gain = nn.Parameter(torch.zeros(channels))  # maps join in when they have been taught

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.heads(self.encode(x))

    def encode(self, x: Tensor) -> list[Tensor]:
        """All the encoder's features, the deepest last."""
        return list(self.segmenter.encoder(x))

    def heads(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What :meth:`forward` gives, from what :meth:`encode` gives of the same input."""
        nothing = features[1][:, :0]  # Segformer's encoder has no features of half the input's side
        seen = self.segmenter.decoder([features[0], nothing, *features[2:]])
        maps = self.segmenter.segmentation_head(seen)
        return maps, self.classify(self.pool(features)) + self.gain * peaks(maps)

    def pool(self, features: list[Tensor]) -> Tensor:
        """(N, 2 · WIDTH): mean and maximum of what ImageNet's last layer sees in the deepest features."""
        seen = self.last(features[-1])
        pooled = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1)
        return nn.functional.dropout(pooled, 0.3, training=self.training)


def peaks(maps: Tensor) -> Tensor:
    """(N, K): the greatest value of each map (N, K, h, w) averaged over 3 × 3 cells.

    A lesion of a few pixels, averaged away in pooled features, still shows.
    """
    return nn.functional.avg_pool2d(maps, 3, 1, 1, count_include_pad=False).amax((2, 3))


def lite_network(name: str) -> LiteFindings:
    """The network of one of :data:`LITE`, not yet taught."""
    segmenter: Any = smp.Segformer(
        LITE[name],
        encoder_weights=None,
        decoder_segmentation_channels=DECODER,
        upsampling=1,
        in_channels=1,
        classes=len(FINDING_NAMES) + 1,
    )
    channels = segmenter.encoder.out_channels
    segmenter.decoder = SegformerDecoder([channels[0], 0, *channels[2:]], segmentation_channels=DECODER)
    return LiteFindings(segmenter)


def folded(network: nn.Module) -> nn.Module:
    """The network, in place, with each normalisation folded into the convolution before it: for asking only.

    It says the same but for rounding, a fifth faster on CPUs.
    """
    network.eval()
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for (first, convolution), (second, norm) in itertools.pairwise(children):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, first, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, second, getattr(norm, "act", nn.Identity()))  # timm's bring their own
    return network
