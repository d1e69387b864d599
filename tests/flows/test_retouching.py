"""A radiograph is looked at, its edit planned on its own body, and the best of several tries put back."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from drawn_films import drawn_film

from filters.opinions import Opinion
from flows.edit import load_retoucher
from flows.retouching import Film, Retouched, plan, put_back, seen_again, shortfall
from manifests.compositing import blend_weight, working_image
from manifests.errors import DatasetError
from manifests.originals import Original, default_window
from manifests.radiograph_files import read_original
from synth.cases import FindingRequest, Lesion
from synth.demographics import Demographics
from synth.edit_requests import EditRequest
from synth.editing import Edit

SIZE = 256
ADDED = EditRequest(add=(FindingRequest("consolidation", "right", "lower", "severe"),))
REMOVED = EditRequest(remove=("effusion",))
REPLACED = EditRequest(remove=("effusion",), add=(FindingRequest("mass"),), replace=True)


@cache
def retoucher():
    return load_retoucher()[0]


def original(seed: int = 0, bits: int = 8, height: int = 320, width: int = 300) -> Original:
    """A drawn film of an odd size whose grey levels use most of its bits."""
    grey = drawn_film(seed, 320)[0][:height, 10 : 10 + width]
    pixels = np.rint(grey / 255.0 * ((1 << bits) - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    return Original(Path("a.png"), "png", "", pixels, bits, default_window(pixels, bits))


@cache
def film(seed: int = 0, bits: int = 8) -> Film:
    (seen,) = retoucher().look([original(seed, bits)])
    return seen


def blob(lung: np.ndarray, lower: bool = True) -> np.ndarray:
    """(S, S) bool: a third of a lung, at its base or its apex."""
    ys = np.flatnonzero(lung.any(1))
    rows = ys[-len(ys) // 3 :] if lower else ys[: len(ys) // 3]
    out = np.zeros_like(lung)
    out[rows] = lung[rows]
    return out


def seeing(seen: Film, name: str, *masks: np.ndarray) -> Film:
    """The film as if experts saw a finding there."""
    maps = {**seen.opinion.lesions, name: np.any(masks, axis=0).astype(np.float32) * 0.9}
    return replace(seen, opinion=replace(seen.opinion, lesions=maps))


def whole(seen: Film, mask: np.ndarray) -> np.ndarray:
    """A mask on what models see as one at the original's size."""
    height, width = seen.original.pixels.shape
    rows, columns = np.arange(height) * SIZE // height, np.arange(width) * SIZE // width
    return seen.framed.restore_mask(mask)[rows][:, columns]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_film_is_seen_as_models_see_it():
    seen = film()
    assert seen.framed.seen.shape == (SIZE, SIZE)
    assert np.array_equal(seen.framed.source, working_image(seen.original, SIZE))
    assert seen.anatomy.shape == (5, SIZE, SIZE)
    assert seen.anatomy[:2].any((1, 2)).all()
    assert set(seen.opinion.probabilities) > {"effusion", "opacity"}


def test_films_are_looked_at_together_as_alone_and_keep_whose_they_are():
    who = [Demographics(50, "F", "AP"), Demographics()]
    both = retoucher().look([original(0), original(1, 12)], who)
    assert [f.who for f in both] == who
    for together, alone in zip(both, (film(0), film(1, 12)), strict=True):
        assert np.array_equal(together.framed.seen, alone.framed.seen)
        assert together.opinion.probabilities == pytest.approx(alone.opinion.probabilities, abs=1e-4)


def test_what_is_no_frontal_radiograph_is_told_with_its_score():
    on_its_side = replace(original(), pixels=np.rot90(original().pixels).copy())
    with pytest.raises(DatasetError, match=r"^a.png: no frontal .* lung score \(0\.\d\d\), expected 0.75"):
        retoucher().look([original(), on_its_side])


# Where an edit lies.


def test_what_is_added_lies_where_it_was_asked():
    edit = plan(film(), ADDED, retoucher().masker, 1)
    assert edit.removed == ()
    assert {m.finding for m in edit.added} == {"consolidation"}
    assert edit.asked == ADDED.add
    anatomy = film().anatomy
    assert (edit.mask & anatomy[0]).sum() > 0.8 * edit.mask.sum(), "the right lung"
    assert np.array_equal(edit.mask, plan(film(), ADDED, retoucher().masker, 1).mask)
    for seed, attempt in ((2, 0), (1, 1)):
        assert not np.array_equal(edit.mask, plan(film(), ADDED, retoucher().masker, seed, attempt).mask)


def test_what_is_removed_lies_where_experts_see_it_and_may_grow_over_its_lung():
    left = film().anatomy[1]
    seen = seeing(film(), "effusion", blob(left))
    first, second = (plan(seen, REMOVED, retoucher().masker, 1, attempt) for attempt in (0, 1))
    assert np.array_equal(first.mask, blob(left))
    assert (first.added, first.asked) == ((), ())
    assert np.array_equal(second.mask, left | blob(left))
    rib = EditRequest(remove=("fracture",))
    broken = seeing(film(), "fracture", blob(left))
    assert np.array_equal(plan(broken, rib, retoucher().masker, 1, 1).mask, blob(left)), "bones are no lungs"


def test_a_given_mask_bounds_what_is_removed_on_every_attempt():
    left = blob(film().anatomy[1])
    for attempt in range(3):
        edit = plan(film(), REMOVED, retoucher().masker, 1, attempt, whole(film(), left))
        assert overlap(edit.mask, left) > 0.9
        assert [m.finding for m in edit.removed] == ["effusion"]


def test_a_given_mask_is_where_a_finding_is_added():
    left = blob(film().anatomy[1])
    edit = plan(film(), ADDED, retoucher().masker, 1, 0, whole(film(), left))
    (lesion,) = edit.added
    assert lesion.finding == "consolidation"
    assert overlap(lesion.mask, left) > 0.9


@pytest.mark.parametrize("attempt", [0, 1, 2])
@pytest.mark.parametrize("side", [0, 1])
def test_a_replaced_finding_gives_its_side_and_zone_to_the_new_one(side, attempt):
    lung = film().anatomy[side]
    seen = seeing(film(), "effusion", blob(lung))
    edit = plan(seen, REPLACED, retoucher().masker, 4, attempt)
    (asked,) = edit.asked
    assert (asked.name, asked.side, asked.zone) == ("mass", ("right", "left")[side], "lower")
    for lesion in edit.added:
        assert (lesion.mask & lung).sum() > 0.5 * lesion.mask.sum()
    masked = plan(film(), REPLACED, retoucher().masker, 4, attempt, whole(film(), blob(lung)))
    assert masked.asked == edit.asked


def test_a_place_that_was_said_is_not_replaced():
    seen = seeing(film(), "effusion", blob(film().anatomy[1]))
    said = replace(REPLACED, add=(FindingRequest("mass", "right", "upper"),))
    assert plan(seen, said, retoucher().masker, 1).asked == said.add
    apart = replace(REPLACED, replace=False)
    assert plan(seen, apart, retoucher().masker, 1).asked == apart.add, "where nothing is replaced"


def test_a_mask_of_another_size_or_outside_the_chest_is_told():
    shape = film().original.pixels.shape
    with pytest.raises(DatasetError, match=r"^a.png: mask of 256 x 256, expected 300 x 320"):
        plan(film(), REMOVED, retoucher().masker, 1, 0, np.ones((SIZE, SIZE), bool))
    corner = np.zeros(shape, bool)
    corner[:8, :8] = True
    with pytest.raises(DatasetError, match=r"^a.png: mask outside the body, expected pixels of the chest"):
        plan(film(), REMOVED, retoucher().masker, 1, 0, corner)
    with pytest.raises(DatasetError, match="mask outside the body"):
        plan(film(), REMOVED, retoucher().masker, 1, 0, np.zeros(shape, bool))


def test_a_mask_too_small_to_be_seen_is_told():
    large = replace(original(), pixels=np.kron(original().pixels, np.ones((6, 6), np.uint8)))
    (seen,) = retoucher().look([large])
    mask = np.zeros(large.pixels.shape, bool)
    mask[1000:1002, 600:602] = True
    with pytest.raises(DatasetError, match="mask of 4 pixels, expected at least one of the 256 x 256"):
        plan(seen, REMOVED, retoucher().masker, 1, 0, mask)


def test_a_finding_that_nobody_sees_is_told():
    unseen = seeing(film(), "effusion", np.zeros((SIZE, SIZE), bool))
    with pytest.raises(DatasetError, match=r"^a.png: effusion is seen by no expert, expected a mask of it"):
        plan(unseen, REMOVED, retoucher().masker, 1)


# What comes of it.


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_pixels_around_the_mask_are_the_originals_own(bits):
    seen = film(0, bits)
    mask = blob(seen.anatomy[0])
    edit = Edit(seen.anatomy, added=(Lesion("consolidation", mask),))
    rng = np.random.default_rng(0)
    image = np.clip(seen.framed.seen.astype(int) + rng.integers(20, 60, (SIZE, SIZE)), 0, 255)
    pixels = put_back(seen, edit, image.astype(np.uint8))
    before = seen.original.pixels
    free = blend_weight(seen.framed.restore_mask(mask), before.shape) > 0
    assert (pixels.dtype, pixels.shape) == (before.dtype, before.shape)
    assert np.array_equal(pixels[~free], before[~free])
    assert (pixels != before)[whole(seen, mask)].mean() > 0.95
    assert pixels.max() < 1 << bits
    again = seen_again(seen, pixels).astype(int)
    assert np.abs(again - image)[mask].mean() < 12, "what is put back is what was made"
    assert np.abs(again - seen.framed.seen)[~free_on_seen(seen, mask)].max() <= 1


def free_on_seen(seen: Film, mask: np.ndarray) -> np.ndarray:
    """Where models may see a change: the mask and its soft edge."""
    return blend_weight(mask, (SIZE, SIZE), 8 / SIZE) > 0


def test_an_edit_that_changes_nothing_leaves_every_pixel():
    seen = film(0, 12)
    edit = Edit(seen.anatomy, added=(Lesion("mass", blob(seen.anatomy[0])),))
    assert np.array_equal(put_back(seen, edit, seen.framed.seen), seen.original.pixels)


def outcome(**probabilities: float) -> Retouched:
    edit = Edit(film().anatomy, added=(Lesion("mass", film().anatomy[0]),))
    opinion = Opinion(probabilities={"opacity": 0.5, **probabilities})
    return Retouched(film(), edit, film().original.pixels, film().framed.seen, opinion, 0)


def test_experts_say_how_far_an_edit_falls_short():
    nodule, mass = (EditRequest(add=(FindingRequest(n),)) for n in ("nodule", "mass"))
    assert shortfall(outcome(nodule=0.8), nodule) == pytest.approx(0.2)
    assert shortfall(outcome(mass=0.8, opacity=0.9), mass) == pytest.approx((0.2 + 0.1) / 2)
    assert shortfall(outcome(effusion=0.9, opacity=0.1), REMOVED) == pytest.approx(0.1)
    gone = EditRequest(remove=("pneumothorax", "fracture"))
    assert shortfall(outcome(pneumothorax=0.3), gone) == pytest.approx(0.3), "none speaks of fractures"
    assert shortfall(outcome(), EditRequest(remove=("fracture",))) == 0
    swapped = outcome(effusion=0.4, mass=0.7, opacity=0.9)
    assert shortfall(swapped, REPLACED) == pytest.approx((0.4 + 0.3 + 0.1) / 3), "opacity is the mass's own"


def test_the_best_attempt_is_kept():
    scores = iter([0.3, 0.2, 0.1, 0.8, 0.4, 0.5])  # of two films in each of three attempts

    def judged(images):
        said = [next(scores) for _ in images]
        return [Opinion(probabilities={"consolidation": p, "opacity": p}) for p in said]

    class Experts:
        look = staticmethod(judged)

    films, masks = [film(0), film(1)], [None, None]
    drawn = []

    class Painter:
        def edit(self, images, edits, seeds, should_stop):
            drawn.append(seeds)
            return images

    tried = replace(retoucher(), editor=Painter(), findings=Experts())
    made = tried.retouch(films, [ADDED, ADDED], [1, 2], masks, tries=3)
    assert [m.attempt for m in made] == [2, 1]
    assert [m.opinion.probabilities["opacity"] for m in made] == [0.4, 0.8]
    assert len({seed for seeds in drawn for seed in seeds}) == 6, "each attempt has noise of its own"


def test_an_edit_is_the_same_alone_and_in_a_batch():
    two = retoucher().retouch([film(0), film(1)], [ADDED, ADDED], [1, 2], [None, None], tries=1)
    (one,) = retoucher().retouch([film(1)], [ADDED], [2], [None], tries=1)
    assert np.array_equal(one.pixels, two[1].pixels)
    assert np.array_equal(one.edit.mask, two[1].edit.mask)
    assert np.array_equal(one.seen, seen_again(film(1), one.pixels))
    brighter = one.seen.astype(int) - film(1).framed.seen
    assert brighter[one.edit.mask].mean() > 15


def test_a_finding_comes_to_lie_in_a_real_radiograph(shared_data):
    path = shared_data / "nih" / "images" / "00001280_004.jpg"
    (seen,) = retoucher().look([read_original(path)])
    (made,) = retoucher().retouch([seen], [ADDED], [0], [None], tries=2)
    assert made.opinion.probabilities["opacity"] > seen.opinion.probabilities["opacity"] + 0.2
    assert shortfall(made, ADDED) < 0.6
