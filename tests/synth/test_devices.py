"""A device that is not there is told before anything is loaded."""

import pytest
import torch

from synth.devices import check_device
from synth.errors import UserError


def test_the_processor_is_always_there():
    check_device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_a_device_is_told_by_the_field(device):
    with pytest.raises(UserError, match=rf"images\.device: {device}, expected cpu: torch finds no CUDA"):
        check_device(device, "images.device")


@pytest.mark.parametrize("device", ["gpu", "cpu:0", ""])
def test_what_is_no_device_is_told(device):
    with pytest.raises(UserError, match="expected cpu, cuda, cuda:N or mps"):
        check_device(device)
