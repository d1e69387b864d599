"""Other people's checkpoints: every way of drawing is seeded by the sample, obeys its masks, and stops."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from small_pipelines import small_settings

from synth.cases import Case, FindingRequest
from synth.errors import Interrupted
from synth.generate import Synthesizer

#: Grey levels of 255 by which batch sizes may differ.
LEVELS = 2


@pytest.fixture(scope="module", params=["controlnet", "plain"])
def maker(request, checkpoints):
    return Synthesizer.load(small_settings(checkpoints[request.param]))


@pytest.fixture(scope="module")
def cases():
    requests = [
        (FindingRequest("consolidation", "right"), FindingRequest("nodule", "left")),
        (),
        (FindingRequest("effusion", severity="severe"),),
    ]
    return [Case(f"{i:09d}", 7, f"Case {i}.", r) for i, r in enumerate(requests)]


@pytest.fixture(scope="module")
def images(maker, cases):
    return maker.radiographs(cases, [maker.masks(c) for c in cases])


def test_images_are_grey_and_sized_and_differ(maker, cases, images):
    assert images.shape == (3, 64, 64)
    assert images.dtype == np.uint8
    assert len(np.unique(images.reshape(3, -1), axis=0)) == 3
    large = replace(maker, settings=replace(maker.settings, size=96, batch_size=1))
    assert large.radiographs(cases[:1], [large.masks(cases[0])]).shape == (1, 96, 96)


def test_bytes_repeat_whatever_stands_beside_a_sample(maker, cases, images):
    masks = [maker.masks(c) for c in cases]
    alone = maker.radiographs(cases[2:], masks[2:])
    turned = maker.radiographs(cases[::-1], masks[::-1])
    assert np.array_equal(alone[0], images[2])
    assert np.array_equal(turned[::-1], images)
    assert np.array_equal(maker.radiographs(cases, masks), images)


def test_another_draw_has_the_same_masks_and_other_pixels(maker, cases, images):
    again = [replace(case, draw=1) for case in cases]
    for case, other in zip(cases, again, strict=True):
        one, two = maker.masks(case), maker.masks(other)
        assert np.array_equal(one.anatomy, two.anatomy)
        assert np.array_equal(one.lesion_channels(), two.lesion_channels())
        assert maker.imager.texts(other) == maker.imager.texts(case)
    masks = [maker.masks(case) for case in cases]
    drawn = maker.radiographs(again, masks)
    assert not any(np.array_equal(a, b) for a, b in zip(drawn, images, strict=True))
    mixed = maker.radiographs([cases[0], again[1], again[2]], masks)
    assert np.array_equal(mixed, np.stack([images[0], drawn[1], drawn[2]]))


def test_another_batch_size_stays_within_the_tolerance(maker, cases, images):
    other = replace(maker, settings=replace(maker.settings, batch_size=1))
    single = np.stack([other.radiographs([c], [maker.masks(c)])[0] for c in cases])
    assert np.abs(single.astype(int) - images).max() <= LEVELS


def test_another_key_or_seed_is_another_image(maker, cases, images):
    masks = maker.masks(cases[1])
    for other in (replace(cases[1], key="000000099"), replace(cases[1], seed=8)):
        assert not np.array_equal(maker.radiographs([other], [masks])[0], images[1])


def test_anatomy_and_lesions_are_told(maker, cases):
    masks = maker.masks(cases[2])
    drawn = maker.radiographs(cases[2:], [masks])[0].astype(int)
    without = maker.radiographs(cases[2:], [replace(masks, lesions=())])[0]
    moved = maker.radiographs(cases[2:], [replace(masks, anatomy=masks.anatomy[..., ::-1].copy())])[0]
    assert np.abs(drawn - without).mean() > 0
    assert np.abs(drawn - moved).mean() > 0


def test_guidance_follows_the_prompt(maker, cases):
    masks = maker.masks(cases[2])

    def draw(prompt, **changes):
        case = replace(cases[2], prompt=prompt)
        eager = replace(maker, settings=replace(maker.settings, **changes))
        return eager.radiographs([case], [masks])[0]

    assert not np.array_equal(draw("nodule"), draw("effusion"))
    assert not np.array_equal(draw("nodule"), draw("nodule", guidance=9.0))


def test_it_stops_between_steps(maker, cases):
    asked = count()
    with pytest.raises(Interrupted):
        maker.radiographs(cases[:1], [maker.masks(cases[0])], should_stop=lambda: next(asked) == 2)
    assert next(asked) == 3, "not asked again"
    assert maker.imager.base.should_stop is None, "another thread's batch goes on"


def test_prompts_that_are_cut_are_counted_once(maker, cases):
    fresh = replace(maker, cut=type(maker.cut)())
    long = replace(cases[2], prompt=" ".join("effusion" for _ in range(40)))
    fits = replace(cases[2], key="000000008", prompt="x " * 75)
    just = replace(cases[2], key="000000009", prompt="x " * 76)
    masks = fresh.masks(long)
    for case in (long, long, fits, just):
        fresh.radiographs([case], [masks])
    assert len(fresh.cut) == 2
    assert fresh.length == 77


def test_what_a_cut_prompt_ends_in_changes_nothing(maker, cases):
    masks = maker.masks(cases[2])
    texts = ["effusion " * 80 + end for end in ("", "nodule")]
    one, two = (maker.radiographs([replace(cases[2], prompt=t)], [masks])[0] for t in texts)
    assert np.array_equal(one, two)


def test_bf16_stays_near_fp32(checkpoints, cases):
    pair = [
        Synthesizer.load(small_settings(checkpoints["controlnet"], precision=p, batch_size=1))
        for p in ("fp32", "bf16")
    ]
    masks = pair[0].masks(cases[0])
    one, two = (m.radiographs(cases[:1], [masks])[0].astype(int) for m in pair)
    assert 0 < np.abs(one - two).mean() < 8


def test_threads_share_a_tokenizer_that_cuts(maker, cases):
    """Counting what is cut must not change how the prompts of another thread are."""
    long = [replace(cases[2], key=f"{i:09d}", prompt="effusion " * (i + 1)) for i in range(40)]
    alone = [(maker.imager.cuts(c), maker.imager.base.embed([c.prompt])) for c in long]

    def ask(case):
        with torch.inference_mode():
            return maker.imager.cuts(case), maker.imager.base.embed([case.prompt])

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(ask, long * 5))
    assert [cut for cut, _ in together] == [cut for cut, _ in alone] * 5
    assert {states.shape[1] for _, states in together} == {77}
    assert any(cut for cut, _ in alone)
    assert not all(cut for cut, _ in alone)
