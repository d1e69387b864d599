"""A latent's own noise, found by inversion, leads back to it; what is kept is kept bit for bit."""

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from small_bases import STABLE, latents, small_base

from synth.images.denoisers import Text
from synth.images.frozen.blending import invert, retrace


@pytest.fixture(params=["flow", "epsilon", "v_prediction"])
def base(request):
    if request.param == "flow":
        return small_base(FlowMatchEulerDiscreteScheduler())
    return small_base(DDIMScheduler(**STABLE, prediction_type=request.param))


def told(base, prompts):
    return Text(torch.stack([base.embed([p, p]) for p in prompts]), 3.0)


def test_the_way_up_and_down_ends_where_it_began(base):
    levels, source = base.schedule.levels(30)[-17:], latents()
    errors = []
    for rounds in (1, 4):
        path = invert(base, levels, source, told(base, ["before"]), rounds)
        assert len(path) == len(levels)
        assert torch.equal(path[-1], source)
        again = retrace(base, levels, path, torch.ones(2, 1, 8, 8), told(base, ["before", "before"]))
        errors.append(float((again - source).abs().mean()))
    assert errors[1] < 0.02
    assert errors[1] <= errors[0], "more rounds solve a step better"


def test_another_text_leads_elsewhere_but_where_the_path_is_kept(base):
    levels, source = base.schedule.levels(30)[-17:], latents()
    path = invert(base, levels, source, told(base, ["before"]), 2)
    free = torch.zeros(2, 1, 8, 8)
    free[:, :, :4] = 1
    made = retrace(base, levels, path, free, told(base, ["before", "something else"]))
    assert torch.equal(made[:, :, 4:], source[:, :, 4:])
    same = retrace(base, levels, path, free, told(base, ["before", "before"]))
    assert (made - same)[:, :, :4].abs().mean() > 1e-3
