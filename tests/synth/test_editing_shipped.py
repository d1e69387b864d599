"""What the shipped image model adds to a radiograph is there."""

import numpy as np
import pytest
from bodies import schematic_body, schematic_radiograph

from synth.cases import FindingRequest, Lesion
from synth.editing import Edit, Editor
from synth.images.model import ImageModel
from synth.images.radiographs import normalise_exposure, to_uint8
from synth.weights import SHIPPED


@pytest.fixture(scope="module")
def consolidated():
    """A schematic radiograph (256, 256) uint8, the same with a severe consolidation, made of its own noise
    and made afresh, and its mask."""
    body = schematic_body(256)
    film = to_uint8(normalise_exposure(schematic_radiograph(body)))
    mask = body[0] & (np.abs(np.arange(256) - 150) < 40)[:, None]
    request = FindingRequest("consolidation", "right", "lower", "severe")
    edit = Edit(body, added=(Lesion("consolidation", mask),), asked=(request,))
    editor = Editor.of_model(ImageModel.load(SHIPPED / "images"), 1)
    return film, [editor.edit(film[None], [edit], [3], afresh=afresh)[0] for afresh in (False, True)], mask


def test_ours_makes_lungs_opaque_where_it_is_asked_to(consolidated):
    film, (own, afresh), mask = consolidated
    left = schematic_body(256)[1]
    changes = [edited.astype(int) - film for edited in (own, afresh)]
    assert changes[0][mask].mean() > 15
    assert changes[1][mask].mean() > 25
    assert all(abs(change[left].mean()) < 8 for change in changes), "the other lung stays dark"
