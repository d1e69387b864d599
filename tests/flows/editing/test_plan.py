"""Where an edit lies on a film: what experts see, what a mask says, what the mask generator draws."""

from dataclasses import replace

import numpy as np
import pytest
from retouching_films import (
    ADDED,
    REMOVED,
    REPLACED,
    SIZE,
    blob,
    film,
    original,
    overlap,
    retoucher,
    seeing,
    whole,
)

from flows.editing.plan import plan
from manifests.errors import DatasetError
from synth.cases import FindingRequest, Lesion, MaskSet
from synth.prompts.edit_requests import EditRequest


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
    first, second, third = (plan(seen, REMOVED, retoucher().masker, 1, attempt) for attempt in range(3))
    assert np.array_equal(second.mask, first.mask)
    assert np.array_equal(first.mask, blob(left))
    assert (first.added, first.asked) == ((), ())
    assert np.array_equal(third.mask, left | blob(left))
    rib = EditRequest(remove=("fracture",))
    broken = seeing(film(), "fracture", blob(left))
    assert np.array_equal(plan(broken, rib, retoucher().masker, 1, 2).mask, blob(left)), "bones are no lungs"


@pytest.mark.parametrize("attempt", [0, 2])
def test_what_is_removed_everywhere_reaches_over_both_lungs_and_faint_opacities(attempt):
    body = film().anatomy
    heart = blob(body[2])
    faint = {"mass": np.where(heart, 0.2, 0.0).astype(np.float32)}
    seen = seeing(film(), "effusion", blob(body[1]))
    seen = replace(seen, opinion=replace(seen.opinion, lesions={**seen.opinion.lesions, **faint}))
    request = replace(REMOVED, everywhere=True)
    for mask in (None, whole(film(), blob(body[0]))):
        edit = plan(seen, request, retoucher().masker, 1, attempt, mask)
        assert (edit.mask & body[:2].any(0)).sum() == body[:2].any(0).sum()
        assert (edit.mask & heart).sum() == heart.sum(), "whatever finding of OPACITIES it is"
        assert [m.finding for m in edit.removed] == ["effusion"]
        assert edit.mask.mean() < 0.6


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


class Rarely:
    """A mask generator that finds a place in every ``every``-th draw."""

    def __init__(self, every):
        self.every, self.draws = every, 0

    def sample(self, requests, anatomy, rng):
        self.draws += 1
        return MaskSet(anatomy, () if self.draws % self.every else (Lesion(requests[0].name, anatomy[0]),))


def test_a_place_that_is_not_found_at_once_is_looked_for_again():
    (lesion,) = plan(film(), ADDED, Rarely(3), 1).added
    assert np.array_equal(lesion.mask, film().anatomy[0])
    with pytest.raises(DatasetError, match="no place for what is to be added, expected lungs with room"):
        plan(film(), ADDED, Rarely(100), 1)


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
