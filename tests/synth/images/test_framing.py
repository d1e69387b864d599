"""What models see can be carried back to the radiograph's own frame and grey scale."""

import numpy as np
import pytest
from bodies import schematic_body, schematic_radiograph
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from synth.images.framing import Framed
from synth.images.radiographs import Exposure

IMAGE = schematic_radiograph(schematic_body(128)).astype(np.float32)


def exposed(gamma: float, gain: float, border: int) -> np.ndarray:
    image = (0.05 + 0.9 * gain * IMAGE**gamma).astype(np.float32)
    image[:border], image[:, : border // 2] = 0, 1
    return image


@settings(max_examples=40, deadline=None)
@given(st.floats(0.6, 1.6), st.floats(0.5, 1.0))
def test_normalising_is_undone(gamma, gain):
    image = exposed(gamma, gain, 0)
    exposure = Exposure.of(image)
    seen = exposure.normalise(image)
    inside = (seen > 0) & (seen < 1)  # what was cut off is gone
    assert inside.mean() > 0.8
    assert np.abs(exposure.restore(seen) - image)[inside].max() < 0.5 / 255


@settings(max_examples=20, deadline=None)
@given(st.floats(0.6, 1.6), st.integers(0, 14))
def test_an_edit_that_changes_nothing_gives_the_source_back(gamma, border):
    framed = Framed.of(exposed(gamma, 0.9, border))
    assert np.array_equal(framed.restore(framed.seen), framed.source)


@pytest.mark.parametrize("border", [0, 12])
def test_an_edit_lands_where_it_was_made_and_as_strong(border):
    framed = Framed.of(exposed(1.2, 0.8, border))
    assert (framed.box != (0, 0, 1, 1)) == bool(border)
    mask = np.zeros((128, 128), bool)
    mask[60:90, 30:70] = True
    edited = np.where(mask, np.clip(framed.seen.astype(int) + 25, 0, 255), framed.seen).astype(np.uint8)
    back = framed.restore(edited)
    near = framed.restore_mask(mask)
    assert abs(int(framed.mask_of(near).sum()) - int(mask.sum())) < 0.05 * mask.sum()
    changed = np.abs(back - framed.source) > 1e-4
    assert changed[near].mean() > 0.9
    assert not changed[~ndimage.binary_dilation(near, iterations=2)].any()
    normalise = framed.exposure.normalise
    brighter = normalise(back)[near].mean() - normalise(framed.source)[near].mean()
    asked = edited[mask].mean() - framed.seen[mask].mean()
    assert brighter * 255 == pytest.approx(asked, rel=0.1)
