"""Weights in a byte each: whole numbers, and one factor for each output channel."""

import torch
from torch import Tensor

from synth.errors import WeightsError

#: What the name of a tensor's factors ends in.
FACTOR = ".factor"
#: Tensors of fewer numbers stay as they are.
LEAST = 1024


def stored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Large tensors (C, ...) as int8 with their factors (C,) beside them, the others in half precision."""
    out = {}
    for name, tensor in tensors.items():
        if tensor.ndim > 1 and tensor.numel() >= LEAST:
            factor = tensor.flatten(1).abs().amax(1).clamp(min=1e-8) / 127
            out[name] = (tensor / factor.view(-1, *[1] * (tensor.ndim - 1))).round().to(torch.int8)
            out[name + FACTOR] = factor.float()
        else:
            out[name] = tensor.half() if tensor.is_floating_point() else tensor
    return out


def restored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What :func:`stored` was given, rounded, as float32.

    :raises WeightsError: one line, where the factors of a tensor are missing or not its own.
    """
    out = {}
    for name, tensor in tensors.items():
        if tensor.dtype == torch.int8:
            factor = tensors.get(name + FACTOR)
            if factor is None or tensor.ndim < 2 or factor.shape != tensor.shape[:1]:
                raise WeightsError(f"weights: {name} has no {FACTOR[1:]} for each of its channels")
            out[name] = tensor.float() * factor.view(-1, *[1] * (tensor.ndim - 1))
        elif not name.endswith(FACTOR):
            out[name] = tensor.float() if tensor.is_floating_point() else tensor
    return out
