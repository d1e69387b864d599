"""Real films are read with their boxes in place, and no patient's films are in two parts."""

import csv

import numpy as np
import pytest
from PIL import Image

from flows.material.films import FOLDERS, PARTS, RSNA_BOX, load_real, part_of


@pytest.fixture
def data(tmp_path):
    """Three films of two patients in ``nih``, one boxed and with a black border; one in ``nih128``."""
    rng = np.random.default_rng(0)
    for folder, names in (("nih", ("a_0.jpg", "a_1.jpg", "b_0.jpg")), ("nih128", ("a_2.jpg",))):
        (tmp_path / folder / "images").mkdir(parents=True)
        for name in names:
            grey = rng.integers(60, 200, (FOLDERS[folder],) * 2, np.uint8)
            if name == "a_0.jpg":
                grey[:, :51] = 0  # a tenth of the width goes
            Image.fromarray(grey).save(tmp_path / folder / "images" / name)
        with (tmp_path / folder / "labels.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("image", "patient", "age", "sex", "view", "findings"))
            for name in names:
                said = "Mass|Nodule" if name == "a_0.jpg" else "No Finding"
                rows.writerow((name, name[0], 50, "F", "PA", said))
    (tmp_path / "nih" / "rsna.csv").write_text("image,rsna\nb_0.jpg,normal\n")
    lines = (
        "image,finding,x,y,w,h,source",
        "a_0.jpg,Mass,281.6,256,51.2,51.2,nih",
        f"a_0.jpg,{RSNA_BOX},0,0,99,99,rsna",
    )
    (tmp_path / "nih" / "boxes.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_films_are_read_with_labels_grades_and_boxes_of_the_cropped_film(data):
    films = load_real(data, "nih", 64)
    assert films.images.shape == (3, 64, 64)
    assert films.labels == [{"Mass", "Nodule"}, frozenset(), frozenset()]
    assert films.grades.tolist() == ["", "", "normal"]
    assert films.labelled("Mass", "Edema").tolist() == [True, False, False]
    assert films.boxed("Mass").tolist() == films.boxed(RSNA_BOX).tolist() == [True, False, False]
    _, x0, y0, x1, y1 = films.boxes[0][0]
    left = round(0.1 * 64) / 64  # what was cut, in whole columns
    assert (x0, x1) == pytest.approx([(v - left) / (1 - left) for v in (0.55, 0.65)], abs=0.02)
    assert (y0, y1) == pytest.approx((0.5, 0.6), abs=1e-6)


def test_a_part_holds_the_films_of_its_patients_in_both_folders(data):
    part = part_of("a")
    assert load_real(data, "nih", 32, part).patients.tolist().count("a") == 2
    assert "a" in load_real(data, "nih128", 32, part).patients
    others = [p for p in PARTS if p != part]
    assert all("a" not in load_real(data, "nih", 32, p).patients for p in others)


def test_chosen_films_keep_all_that_is_known_of_them(data):
    some = load_real(data, "nih", 32).take([2, 0])
    assert some.names.tolist() == ["b_0.jpg", "a_0.jpg"]
    assert len(some.boxes[1]) == 2
    assert some.labels[1] == {"Mass", "Nodule"}
    assert len(some) == 2


def test_the_parts_are_as_large_as_stated():
    drawn = [part_of(str(i)) for i in range(20_000)]
    for part, share in PARTS.items():
        assert 100 * drawn.count(part) / len(drawn) == pytest.approx(share, abs=1)
