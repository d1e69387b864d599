"""Noise is each case's own, and cut prompts are counted once whatever the threads."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from synth.cases import Case
from synth.images.protocol import CutPrompts, case_noise
from synth.seeding import derive_seed


def test_noise_follows_seed_key_and_stage():
    case, shape = Case("000000001", 7, ""), (2, 3)
    noise = case_noise(case, "noise", shape)
    assert noise.shape == shape
    assert torch.equal(noise, case_noise(Case("000000001", 7, "another prompt"), "noise", shape))
    others = [(Case("000000002", 7, ""), "noise"), (Case("000000001", 8, ""), "noise"), (case, "grain")]
    assert not any(torch.equal(noise, case_noise(*other, shape)) for other in others)


def test_the_first_draw_is_the_cases_own_noise_and_each_other_one_new():
    case, shape = Case("000000001", 7, ""), (4, 8, 8)
    own = torch.Generator().manual_seed(derive_seed(7, "000000001", "noise"))  # as before there were draws
    assert torch.equal(case_noise(replace(case, draw=0), "noise", shape), torch.randn(shape, generator=own))
    drawn = [
        case_noise(replace(case, draw=d), stage, shape) for d in range(21) for stage in ("noise", "grain")
    ]
    assert len({noise.numpy().tobytes() for noise in drawn}) == 42


def test_cut_prompts_are_counted_once():
    cut = CutPrompts()
    cases = [Case(f"{i:09d}", seed, "") for i in range(50) for seed in (1, 2)] * 4
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(cut.add, cases))
    assert len(cut) == 100
