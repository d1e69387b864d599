"""Edits change what lies inside their masks, as they were told, and depend on their own seed alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from bodies import schematic_body, schematic_radiograph
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from small_bases import STABLE, small_base

from synth.cases import FindingRequest, Lesion
from synth.demographics import Demographics
from synth.editing import ADDED, BY_TEXT, REMOVED, Edit, Editor, step_count
from synth.errors import Interrupted
from synth.images.denoisers import FrozenDenoiser
from synth.images.finite import NotFiniteError
from synth.images.frozen.blending import touched
from synth.images.model import CONDITION
from synth.images.radiographs import to_uint8
from synth.prompts.reports import parse

SIZE, SIDE = 64, 8
BODY = schematic_body(SIZE)
SCHEDULERS = {
    "flow": FlowMatchEulerDiscreteScheduler(),
    "epsilon": DDIMScheduler(**STABLE),
    "v": DDIMScheduler(**STABLE, prediction_type="v_prediction"),
}


def square(y0: int, y1: int, x0: int, x1: int, size: int = SIZE) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[y0:y1, x0:x1] = True
    return mask


REMOVAL = Edit(BODY, removed=(Lesion("effusion", square(32, 40, 8, 16)),))
ADDITION = Edit(BODY, added=(Lesion("mass", square(8, 16, 40, 48)),))


def films(count: int) -> np.ndarray:
    return np.stack([to_uint8(schematic_radiograph(BODY, seed)) for seed in range(count)])


def small_editor(kind: str = "flow", told: bool = True, batch_size: int = 2) -> tuple[Editor, list]:
    """An editor by a random base whose latents are the image in cells, and all latents that it decoded."""
    base, decoded = small_base(SCHEDULERS[kind], CONDITION if told else 0), []

    def encode(images: np.ndarray) -> torch.Tensor:
        cells = F.avg_pool2d(torch.from_numpy(images)[:, None].float() / 127.5 - 1, SIZE // SIDE)
        return cells * torch.tensor([1.0, -1.0, 0.5, 2.0])[:, None, None]

    def decode(latents: torch.Tensor, grain: torch.Tensor) -> np.ndarray:
        assert grain.shape == (len(latents), 1, SIZE, SIZE)
        decoded.append(latents)
        grey = latents[:, 0].repeat_interleave(SIZE // SIDE, 1).repeat_interleave(SIZE // SIDE, 2)
        return ((grey.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()

    return Editor(base, encode, decode, SIZE // SIDE, batch_size), decoded


@pytest.mark.parametrize("told", [True, False], ids=["told", "by text"])
@pytest.mark.parametrize("kind", SCHEDULERS)
def test_cells_away_from_the_mask_are_kept_bit_for_bit(kind, told):
    editor, decoded = small_editor(kind, told)
    images, edits = films(2), [REMOVAL, ADDITION]
    made = editor.edit(images, edits, [1, 2])
    source, (latents,) = editor.encode(images), decoded
    masks = torch.from_numpy(np.stack([e.mask for e in edits]))[:, None]
    inside = (touched(masks, SIDE, soft=True) > 0).expand_as(source)
    assert latents.isfinite().all()
    assert torch.equal(latents[~inside], source[~inside])
    assert (latents[inside] != source[inside]).float().mean() > 0.95
    assert inside[0].sum() == inside[1].sum() == 4 * 9, "a cell and its neighbours"
    assert (made.shape, made.dtype) == (images.shape, np.uint8)


@pytest.mark.parametrize("afresh", [True, False])
def test_weights_that_are_no_numbers_edit_nothing(afresh):
    editor, decoded = small_editor()
    with torch.no_grad():
        next(iter(editor.base.unet.conv_out.parameters())).fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="of its latents are not finite"):
        editor.edit(films(2), [REMOVAL, ADDITION], [1, 2], afresh=afresh)
    assert not decoded


@pytest.mark.parametrize("told", [True, False], ids=["told", "by text"])
def test_an_edit_is_its_own_seeds_whatever_stands_beside_it(told):
    editor, _ = small_editor(told=told, batch_size=4)
    images, edits, seeds = films(5), [REMOVAL, ADDITION, REMOVAL, ADDITION, REMOVAL], [5, 6, 7, 8, 9]
    together = editor.edit(images, edits, seeds)
    assert np.array_equal(editor.edit(images, edits, seeds), together)
    for i in (1, 4):
        assert np.array_equal(editor.edit(images[i : i + 1], [edits[i]], [seeds[i]])[0], together[i])
    assert not np.array_equal(editor.edit(images[:1], edits[:1], [55])[0], together[0])


def test_batch_sizes_differ_by_rounding_alone():
    images, edits, seeds = films(3), [REMOVAL, ADDITION, REMOVAL], [1, 2, 3]
    one, four = (small_editor(batch_size=n)[0].edit(images, edits, seeds).astype(int) for n in (1, 4))
    assert np.abs(one - four).max() <= 1


def test_a_base_without_hints_is_led_by_the_texts_of_before_and_after():
    editor, decoded = small_editor(told=False)
    said: list[str] = []
    embed = editor.base.embed

    def listening(prompts):
        said.extend(prompts)
        return embed(prompts)

    images, editor = films(1), replace(editor, base=replace(editor.base, embed=listening))
    editor.edit(images, [REMOVAL], [1])
    before, after = said[0], said[2]
    assert [f.name for f in parse(before).findings] == ["effusion"]
    assert parse(after).findings == ()
    silent = replace(editor, base=replace(editor.base, embed=lambda prompts: embed([""] * len(prompts))))
    silent.edit(images, [REMOVAL], [1])
    assert (decoded[0] - decoded[1]).abs().max() > 1e-3, "texts lead somewhere"


def test_hints_tell_the_body_and_what_is_there_before_and_after():
    editor, _ = small_editor()
    seen = []
    unet = editor.base.unet

    def listening(at, *rest):
        seen.append(at[:, 4:])
        return unet(at, *rest)

    replace(editor, base=replace(editor.base, unet=listening)).edit(films(1), [REMOVAL], [1])
    assert len(seen) == step_count(afresh=False)
    before, after = seen[-1][0], seen[-1][2]  # the batch of two is one film twice
    assert torch.equal(seen[0], seen[-1][:2]), "the way up to its noise is told of before"
    assert torch.equal(before[:6], after[:6])
    assert before[:5].amax((1, 2)).min() > 0, "all organs"
    effusion = 6 + 5
    assert before[effusion, 4, 1] == 1
    assert before[effusion].sum() == 1
    assert after[6:-1].max() == 0
    assert after[-1].min() == 1, "it is known that there is none"


@pytest.mark.parametrize("told", [True, False], ids=["told", "by text"])
def test_what_is_removed_is_guided_more_than_what_is_added_and_keeps_its_brightness(told, monkeypatch):
    texts, predict = [], FrozenDenoiser.predict
    monkeypatch.setattr(FrozenDenoiser, "predict", lambda *a: texts.append(a[3]) or predict(*a))
    both = Edit(BODY, REMOVAL.removed, ADDITION.added)
    small_editor(told=told)[0].edit(films(1), [both], [1])
    strengths, steady = texts[-1].regions[0, 0, 0], texts[-1].steady[0, 0]
    assert strengths[4, 1] == (REMOVED if told else BY_TEXT)
    assert strengths[1, 5] == (ADDED if told else BY_TEXT)
    assert strengths[4, 2] == pytest.approx(float(strengths[4, 1]) / 9), "it falls in a cell"
    assert strengths[7].max() == 0
    assert steady[3:6, 0:3].min() == 1
    assert steady.sum() == 9


def test_an_edit_that_is_asked_to_stop_stops():
    editor, decoded = small_editor()
    asked = iter([False] * 3 + [True])
    with pytest.raises(Interrupted):
        editor.edit(films(1), [REMOVAL], [1], lambda: next(asked))
    assert not decoded
    assert editor.base.should_stop is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"anatomy": BODY.astype(float)}, "anatomy: float64"),
        ({"anatomy": BODY[:3]}, r"anatomy: bool \(3, 64, 64\), expected bool \(5, 64, 64\)"),
        ({"anatomy": BODY[:, :32]}, "anatomy: bool"),
        ({"removed": (Lesion("mass", square(0, 8, 0, 8, 32)),)}, r"mask: bool \(32, 32\), expected bool"),
        ({"added": (Lesion("mass", square(0, 8, 0, 8).astype(np.uint8)),)}, "mask: uint8"),
        ({}, "mask: empty, expected pixels that may change"),
        ({"added": (Lesion("mass", square(0, 0, 0, 0)),)}, "mask: empty"),
    ],
)
def test_an_edit_that_cannot_be_is_told(changes, told):
    with pytest.raises(ValueError, match=told):
        Edit(**{"anatomy": BODY, **changes})


def test_images_that_fit_no_edit_are_told():
    (editor, _), images = small_editor(), films(2)
    assert editor.edit(images[:0], [], []).shape == (0, SIZE, SIZE)
    for wrong, seeds in ((images[:1], [1, 2]), (images, [1]), (images / 255.0, [1, 2]), (images[0], [1, 2])):
        with pytest.raises(ValueError, match=r"with 2 edits and . seeds, expected uint8 \(N, S, S\)"):
            editor.edit(wrong, [REMOVAL, ADDITION], seeds)
    for wrong in (images[:, :32], images[:, :32, :32]):
        with pytest.raises(ValueError, match="expected the size of the edits' masks"):
            editor.edit(wrong, [REMOVAL, ADDITION], [1, 2])


def test_prompts_say_what_was_there_and_what_shall_be():
    who = Demographics(63, "F", "AP")
    asked = FindingRequest("mass", "left", "upper", "severe")
    both = Edit(BODY, REMOVAL.removed * 2, ADDITION.added, (asked,), who)
    for seed in range(5):
        before, after = (parse(text) for text in both.prompts(seed))
        assert [f.name for f in before.findings] == ["effusion"], "once, however many lesions"
        assert after.findings == (asked,)
        for said in (before, after):
            assert (said.age, said.sex, said.view) == (63, "F", "AP")
    assert both.prompts(1) == both.prompts(1)
    before, after = ADDITION.prompts(1)
    assert parse(before).findings == ()
    assert [f.name for f in parse(after).findings] == ["mass"], "of its lesions, where nothing was asked"


@pytest.mark.parametrize("colours", [1, 3])
def test_a_base_in_colours_is_shown_and_read_in_grey(colours):
    base = small_base(SCHEDULERS["epsilon"])
    shown = []

    def encode(images):
        shown.append(images)
        return F.avg_pool2d(images, 8)[:, :1].expand(-1, 4, -1, -1)

    def decode(latents):
        return torch.stack([latents[:, 0] + shift for shift in np.linspace(-0.1, 0.1, colours)], 1)

    editor = Editor.of_base(replace(base, encode=encode, decode=decode), colours, 8)
    images = films(2)
    latents = editor.encode(images)
    assert shown[0].shape == (2, colours, SIZE, SIZE)
    assert torch.allclose(shown[0][:, 0] * 127.5 + 127.5, torch.from_numpy(images).float(), atol=1e-3)
    grey = editor.decode(latents, torch.zeros(2, 1, SIZE, SIZE))
    wanted = F.avg_pool2d(torch.from_numpy(images)[:, None].float(), 8)[:, 0].numpy()
    shift = 0.1 if colours == 1 else 0.0
    assert np.abs(grey - (wanted - 127.5 * shift)).max() <= 1
