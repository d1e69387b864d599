"""What cannot be computed on is told before models are loaded, by whatever loads them."""

import pytest
import torch

from flows.config.reading import read_config
from flows.loading import load_pipeline, load_retoucher
from synth.errors import UserError

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


def test_a_build_on_a_device_that_is_not_there_is_told_by_its_field(write_config):
    config = read_config(write_config(images={"device": "cuda"}), [])
    with pytest.raises(UserError, match=r"images\.device: cuda, expected cpu: torch finds no CUDA device"):
        load_pipeline(config)


def test_an_edit_on_a_device_that_is_not_there_is_told():
    with pytest.raises(UserError, match="device: cuda, expected cpu: torch finds no CUDA device"):
        load_retoucher(device="cuda")
