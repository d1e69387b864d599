"""Which folders are read as the base of a ControlNet, and what is said of others."""

import json
import shutil

import pytest
import torch
from diffusers import EulerDiscreteScheduler, PNDMScheduler
from small_stable import write_base

from flows.training.frozen_base import load_base


@pytest.mark.parametrize("kind", [PNDMScheduler, EulerDiscreteScheduler])
def test_the_schedulers_of_published_bases_are_read(base, tmp_path, kind):
    folder = shutil.copytree(base, tmp_path / "stable")
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    shutil.rmtree(folder / "scheduler")
    kind.from_config(config).save_pretrained(folder / "scheduler")
    schedule, before = (load_base(f)[0].schedule for f in (folder, base))
    assert schedule.prediction == "v_prediction"
    assert torch.equal(schedule.scheduler.alphas_cumprod, before.scheduler.alphas_cumprod)


def test_what_is_no_base_is_told(base, tmp_path):
    from synth.weights import SHIPPED

    def refused(folder):
        with pytest.raises(ValueError, match="base: ") as told:
            load_base(folder)
        assert "\n" not in str(told.value)
        return str(told.value)

    assert "scheduler is not there, expected a folder with" in refused(tmp_path)
    assert "FlowMatchEulerDiscreteScheduler" in refused(SHIPPED / "images")
    wide = write_base(tmp_path / "wide", in_channels=9)
    assert "unet: in_channels is 9, expected 4" in refused(wide)
    weights = wide / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert "holds no .safetensors, expected weights that run no code" in refused(wide)
    (wide / "scheduler" / "scheduler_config.json").write_text("{")
    weights.write_bytes(b"broken")
    assert "scheduler_config.json cannot be read" in refused(wide)
    shutil.copytree(base / "scheduler", wide / "scheduler", dirs_exist_ok=True)
    assert "cannot be read" in refused(wide)
