"""Types that flow through a build check themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from synth.cases import Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY, FINDING_NAMES


def test_an_unknown_finding_is_told_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="finding: 'hernia', expected one of atelectasis, ") as e:
        FindingRequest("hernia")
    assert "\n" not in str(e.value)


@settings(deadline=None)
@given(hnp.arrays(bool, (12, 17)).filter(np.any))
def test_a_box_holds_its_mask_and_is_tight(mask: np.ndarray) -> None:
    x, y, width, height = Lesion("nodule", mask).box
    inside = mask[y : y + height, x : x + width]
    assert inside.sum() == mask.sum()
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FINDING_NAMES), st.integers(0, 62)), max_size=8))
def test_channels_are_the_union_of_instances(lesions: list[tuple[str, int]]) -> None:
    made = []
    for name, at in lesions:
        mask = np.zeros((8, 8), dtype=bool)
        mask.flat[at : at + 2] = True
        made.append(Lesion(name, mask))
    channels = MaskSet(np.zeros((len(ANATOMY), 8, 8), dtype=bool), tuple(made)).lesion_channels()
    assert channels.shape == (13, 8, 8)
    for i, name in enumerate(FINDING_NAMES):
        own = [x.mask for x in made if x.finding == name]
        assert np.array_equal(channels[i], np.any(own, axis=0) if own else np.zeros((8, 8), bool))


@pytest.mark.parametrize("anatomy", [np.zeros((5, 8, 8)), np.zeros((4, 8, 8), dtype=bool)])
def test_anatomy_of_another_type_or_count_is_refused(anatomy: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected bool \(5, H, W\)"):
        MaskSet(anatomy)


def test_masks_know_their_size_and_lungs() -> None:
    anatomy = np.zeros((5, 6, 6), dtype=bool)
    anatomy[0, :2], anatomy[1, 4:], anatomy[2, 3] = True, True, True
    masks = MaskSet(anatomy)
    assert masks.size == 6
    assert masks.lungs.sum() == 24


def test_cases_compare_by_value() -> None:
    assert Case("1", 2, "text", (FindingRequest("mass"),)) == Case("1", 2, "text", (FindingRequest("mass"),))
