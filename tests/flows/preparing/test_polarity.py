"""A negative is seen by what it shows, whatever file holds it and whatever its header says."""

import numpy as np
import pytest
from drawn_films import drawn_film, write_dicom
from PIL import Image
from preparing import anatomy, call, findings, rows_of, told

from filters.experts import outlines
from flows.preparing import folder as module
from manifests.films.files import read_original, working_image
from synth.images.framing import Framed


@pytest.fixture(autouse=True)
def experts(monkeypatch):
    monkeypatch.setattr(module, "load_anatomy", lambda device: anatomy())
    monkeypatch.setattr(module, "load_findings", lambda device: findings())


def write_all(folder, name, film):
    """The same pixels in each kind of file; DICOM as MONOCHROME1, as MONOCHROME2, and by a descending LUT."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(film).save(folder / f"{name}.8.png")
    Image.fromarray(film.astype(np.uint16) * 200 + 999).save(folder / f"{name}.16.png")
    Image.fromarray(film).convert("RGB").save(folder / f"{name}.rgb.png")
    Image.fromarray(film).save(folder / f"{name}.jpg", quality=92)
    write_dicom(folder / f"{name}.1.dcm", film)  # stores less where brighter
    write_dicom(folder / f"{name}.2.dcm", 255 - film, PhotometricInterpretation="MONOCHROME2")


def test_negatives_are_refused_and_films_taken(tmp_path):
    folder = tmp_path / "films"
    for seed in (0, 3):
        film = drawn_film(seed)[0]
        write_all(folder, f"film{seed}", film)
        write_all(folder, f"negative{seed}", 255 - film)
    code, said, err = call(folder, "--out", tmp_path / "out")
    assert code == 0
    assert "12 films prepared, 12 files refused" in said
    for source, row in rows_of(tmp_path / "out").items():
        if source.startswith("negative"):
            assert row["error"].startswith("is inverted: the anatomy experts see lungs in its negative"), (
                source
            )
            assert row["error"].endswith("expected a film on which air is dark")
        else:
            assert row["error"] == ""
    assert len(told(err)) == 12


def test_real_films_are_taken_and_their_negatives_are_not(shared_data, tmp_path):
    paths = sorted((shared_data / "nih" / "images").iterdir())[::220]
    seen = [Framed.of(working_image(read_original(path), 256)).seen for path in paths]
    for path in paths:
        Image.fromarray(255 - read_original(path).pixels).save(tmp_path / f"{path.stem}.png")
    files = sorted(tmp_path.iterdir())
    negatives = [Framed.of(working_image(read_original(path), 256)).seen for path in files]
    for images, wanted in ((seen, ""), (negatives, "is inverted: ")):
        stack = np.stack(images)
        errors = outlines.refusals(anatomy(), stack, anatomy().look(stack))
        assert [error[: len(wanted)] if wanted else error for error in errors] == [wanted] * len(images)


def test_a_real_lateral_film_is_refused(shared_data):
    film = Framed.of(
        working_image(read_original(shared_data / "nih" / "images" / "00009683_005.jpg"), 256)
    ).seen
    (error,) = outlines.refusals(anatomy(), film[None], anatomy().look(film[None]))
    assert "no frontal radiograph by the anatomy experts' lung score (0.57)" in error
