"""A checkpoint is tried out before a build begins with it: one image, finite and not of one grey."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_pipelines import save_pipeline, small_settings

from synth.errors import WeightsError
from synth.generate import Synthesizer

UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "controlnet"])
def saved(request, tmp_path_factory):
    return save_pipeline(tmp_path_factory.mktemp("pipelines") / "saved", controlnet=request.param)


def broken(saved, folder, path, **values):
    """The checkpoint with all of the tensors filled whose name begins so (``_`` for ``.``)."""
    shutil.copytree(saved, folder)
    tensors = load_file(folder / path)
    for name in tensors:
        for start, value in values.items():
            if name.replace(".", "_").startswith(start):
                tensors[name] = torch.full_like(tensors[name], value)
    save_file(tensors, folder / path, {"format": "pt"})
    return folder


@pytest.mark.parametrize(("path", "part"), [(UNET, "conv_out"), (VAE, "decoder_conv_out")])
@pytest.mark.parametrize("value", [3e38])
def test_weights_that_make_no_numbers_are_told_before_the_first_shard(saved, tmp_path, path, part, value):
    folder = broken(saved, tmp_path / "broken", path, **{part: value})
    with pytest.raises(WeightsError, match=r"checkpoint: .*broken draws no image, .*not finite") as told:
        Synthesizer.load(small_settings(folder))
    assert "\n" not in str(told.value)


def test_a_model_of_one_grey_is_told(saved, tmp_path):
    folder = broken(saved, tmp_path / "grey", VAE, decoder_conv_out=0.0)
    with pytest.raises(WeightsError, match=r"grey draws one grey \(128 of 255\) all over, expected an image"):
        Synthesizer.load(small_settings(folder))


def test_trying_out_changes_nothing_of_what_is_drawn_later(saved):
    from bodies import schematic_body

    from synth.cases import Case, MaskSet
    from synth.images.trial import try_out

    maker = Synthesizer.load(small_settings(saved))
    case, masks = Case("0", 1, "Effusion."), MaskSet(schematic_body(64))
    before = maker.radiographs([case], [masks])
    try_out(maker.imager, maker.settings)
    assert (maker.radiographs([case], [masks]) == before).all()
    assert len(maker.cut) == 0
