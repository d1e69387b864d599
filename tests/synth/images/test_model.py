"""The spatial condition says what was given, and dropping a part leaves no trace of it."""

import torch

from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.model import CONDITION, Condition, spatial_condition

SPLIT = len(ANATOMY) + 1


def condition() -> Condition:
    anatomy = torch.rand(3, len(ANATOMY), 64, 64) > 0.5
    lesions = torch.rand(3, len(FINDING_NAMES), 64, 64) > 0.9
    known = torch.tensor([True, False, True])
    return Condition(torch.arange(12).reshape(3, 4) + 1, spatial_condition(anatomy, lesions, 8, known))


def test_masks_become_coverage_with_their_planes():
    spatial = condition().spatial
    assert spatial.shape == (3, CONDITION, 8, 8)
    assert 0 <= float(spatial.min()) <= float(spatial.max()) <= 1
    assert (spatial[:, SPLIT - 1] == 1).all()
    assert (spatial[0, -1] == 1).all()
    assert (spatial[1, SPLIT:] == 0).all(), "unknown lesions are not the same as none"


def test_each_part_is_dropped_on_its_own():
    whole, no, yes = condition(), torch.zeros(3, dtype=torch.bool), torch.ones(3, dtype=torch.bool)
    empty = torch.zeros(4, dtype=torch.long)
    text = whole.dropped(yes, no, no, empty)
    assert (text.tokens == 0).all()
    assert torch.equal(text.spatial, whole.spatial)
    anatomy = whole.dropped(no, yes, no, empty)
    assert (anatomy.spatial[:, :SPLIT] == 0).all()
    assert torch.equal(anatomy.spatial[:, SPLIT:], whole.spatial[:, SPLIT:])
    lesions = whole.dropped(no, no, yes, empty)
    assert torch.equal(lesions.spatial[:, :SPLIT], whole.spatial[:, :SPLIT])
    assert (lesions.spatial[:, SPLIT:] == 0).all()
    assert torch.equal(lesions.tokens, whole.tokens)


def test_a_small_lesion_is_told_by_the_quarter_of_its_cell():
    lesions = torch.zeros(2, len(FINDING_NAMES), 64, 64)
    lesions[:, 3, 28:30, 26] = 1  # lower left of the cell (3, 3)
    lesions[:, 5, 28:30, 26] = 1  # another one there counts once
    anatomy, known = torch.zeros(2, len(ANATOMY), 64, 64), torch.tensor([True, False])
    quarters = spatial_condition(anatomy, lesions, 8, known)[:, SPLIT + len(FINDING_NAMES) : -1]
    assert quarters[0, :, 3, 3].tolist() == [0, 0, 2 / 16, 0]
    assert float(quarters.sum()) == 2 / 16


def test_nearness_is_whole_on_a_lesion_and_gone_three_cells_away():
    lesions = torch.zeros(1, len(FINDING_NAMES), 64, 64)
    lesions[0, 3, 26, 26] = 1  # a pixel of the cell (3, 3)
    anatomy, known = torch.zeros(1, len(ANATOMY), 64, 64), torch.tensor([True])
    lesions[0, 5, 62, 62] = 1  # another finding, far away
    strengths = torch.ones(len(FINDING_NAMES))
    strengths[5] = 2
    condition = Condition(torch.zeros(1, 4), spatial_condition(anatomy, lesions, 8, known))
    healthy = Condition(torch.zeros(1, 4), spatial_condition(anatomy, 0 * lesions, 8, known))
    near = condition.near_lesions(healthy, strengths)[0, 0]
    assert near[3, 3] == 1
    assert near[7, 7] == 2
    near[5:, 5:] = 0
    assert (near[3, [1, 2, 4, 5]] > 0).all()
    assert (near[3, [1, 5]] < 1).all()
    far = torch.ones_like(near)
    far[1:6, 1:6] = 0
    assert (near * far == 0).all()
    assert (healthy.near_lesions(healthy, strengths) == 0).all()


def test_cardiomegaly_is_near_wherever_the_heart_has_grown():
    large, small = torch.zeros(2, 1, len(ANATOMY), 64, 64)
    large[0, 2, 8:32, 8:32] = 1
    small[0, 2, 16:32, 16:24] = 1
    none, known = torch.zeros(1, len(FINDING_NAMES), 64, 64), torch.tensor([True])
    grown, healthy = (
        Condition(torch.zeros(1, 4), spatial_condition(a, none, 8, known)) for a in (large, small)
    )
    strengths = torch.arange(len(FINDING_NAMES)) + 1.0
    near = grown.near_lesions(healthy, strengths)[0, 0]
    assert near[1, 1] == near[3, 1] == strengths[FINDING_NAMES.index("cardiomegaly")]
    assert near[7, 7] == 0
