from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def real_images():
    """Every 22nd real radiograph, 256 × 256 uint8, exposure normalised as for training."""
    from synth.images.radiographs import normalise_exposure, read_radiograph, to_uint8

    paths = sorted((SHARED / "nih" / "images").glob("*.jpg"))[::22]
    if not paths:
        pytest.skip("no real radiographs: ../shared/data/nih is absent")
    return [to_uint8(normalise_exposure(read_radiograph(p, 256))) for p in paths]
