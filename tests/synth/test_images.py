"""The spatial condition says what was given, and dropping a part leaves no trace of it."""

import torch

from synth.findings import ANATOMY, FINDING_NAMES
from synth.images import CONDITION, Condition, spatial_condition

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
