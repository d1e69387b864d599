"""What the machine carries."""

import pytest
import torch

from flows.config.workers import bf16_pays


@pytest.mark.parametrize("has", [True, False])
def test_bf16_is_for_devices_that_compute_in_it(has, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has})
    assert bf16_pays("cpu") == has
    assert bf16_pays("cuda")
