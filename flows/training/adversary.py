"""Who tells drawn films from real ones: small heads on frozen features (Projected GANs, arXiv 2111.01007)."""

import itertools
from collections.abc import Sequence
from typing import Any, Final

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from filters.experts.lite_networks import folded
from flows.training.backbones import imagenet
from synth.images.one_pass.networks import MASKS, PATIENT

#: Blocks of EfficientNet-Lite0 after which features are taken, their channels, and channels once mixed.
BLOCKS: Final = (0, 1, 2, 4, 6)
CHANNELS: Final = (16, 24, 40, 112, 320)
MIXED: Final = (32, 64, 64, 96, 128)
WIDTH: Final = 64
#: The first scale whose head sees masks; finer ones would ask for edges where masks end.
MASKED: Final = 2


class Features(nn.Module):
    """What ImageNet's EfficientNet-Lite0, frozen, sees of (N, 1, S, S) in [-1, 1] at strides 2 to 32."""

    def __init__(self) -> None:
        super().__init__()
        network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, in_chans=1)
        network.load_state_dict(imagenet("lite0"))
        network = folded(network)
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.blocks: Any = network.blocks
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        found = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in BLOCKS:
                found.append(x)
        return found


class Head(nn.Module):
    """How real one scale looks: (N, K) of features halved ``times``, beside masks, given the patient."""

    def __init__(self, channels: int, masks: int, times: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = channels + masks
        for size, stride, padding in [(4, 2, 1)] * times or [(1, 1, 0)]:
            layers += [spectral_norm(nn.Conv2d(width, WIDTH, size, stride, padding)), nn.LeakyReLU(0.2)]
            width = WIDTH
        layers += [spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, 1, 1)), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Conv2d(WIDTH, 1, 3, 1, 1))
        self.patient = spectral_norm(nn.Linear(PATIENT, WIDTH))

    def forward(self, features: Tensor, patient: Tensor) -> Tensor:
        x = self.body(features)
        known = (x.mean((2, 3)) * self.patient(patient)).sum(1, keepdim=True)  # Miyato & Koyama, 2018
        return self.score(x).flatten(1) + known / 8


class Adversary(nn.Module):
    """Features mixed across scales by random, frozen convolutions, and a head for each; the finest sees no
    masks, so that it asks for no edges where they end."""

    def __init__(self) -> None:
        super().__init__()
        self.features = Features()
        self.across: Any = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(CHANNELS, MIXED, strict=True))
        self.down: Any = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in itertools.pairwise(MIXED))
        for mixing in (*self.across, *self.down):
            nn.init.kaiming_normal_(mixing.weight, a=1)
            nn.init.zeros_(mixing.bias)
            mixing.requires_grad_(False)
        self.scales: Tensor
        self.register_buffer("scales", torch.ones(len(MIXED)))
        self.heads: Any = nn.ModuleList(
            Head(n, MASKS if i >= MASKED else 0, len(MIXED) - 1 - i) for i, n in enumerate(MIXED)
        )

    @torch.no_grad()
    def settle(self, films: Tensor) -> None:
        """Bring mixed features of real films to unit deviation."""
        self.scales.fill_(1)
        self.scales.copy_(torch.stack([m.std() for m in self.mixed(films)[0]]))

    def mixed(self, films: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Mixed features of films (N, 1, S, S) at each scale, and the features as they are."""
        features = self.features(films.contiguous(memory_format=torch.channels_last))
        across = [layer(f) for layer, f in zip(self.across, features, strict=True)]
        mixed = [across[-1]]
        for above, layer in zip(across[-2::-1], self.down[::-1], strict=True):
            below = F.interpolate(layer(mixed[0]), above.shape[-2:], mode="bilinear", align_corners=False)
            mixed.insert(0, 0.7 * (above + below))
        return [m / s for m, s in zip(mixed, self.scales, strict=True)], features

    def judge(self, mixed: Sequence[Tensor], masks: Tensor, patient: Tensor) -> list[Tensor]:
        """Scores of each head, high for real films; of the finest where ``mixed`` has no others."""
        scores = []
        for i, (head, seen) in enumerate(zip(self.heads, mixed, strict=False)):
            if i >= MASKED:
                seen = torch.cat([seen, F.adaptive_avg_pool2d(masks, seen.shape[-1])], 1)
            scores.append(head(seen, patient))
        return scores


def hinge(real: Sequence[Tensor], drawn: Sequence[Tensor]) -> Tensor:
    """The heads' loss (Lim & Ye, 2017): 0 where all are told apart by a margin, 2 a head where none is."""
    pairs = zip(real, drawn, strict=True)
    return torch.stack([F.relu(1 - a).mean() + F.relu(1 + b).mean() for a, b in pairs]).sum()
