"""A small folder of real data, drawn: opacities are bright discs; the layout is that of shared/data."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from drawn_exports import build_seen, reshaped, seen, with_hole
from PIL import Image

from synth.cases import FindingRequest

SIDE = 64


def _film(rng, opaque):
    """(SIDE, SIDE) uint8 with two lungs, and the box (x, y, w, h) of a disc in one of them where opaque."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    grey = np.full((SIDE, SIDE), 0.7)
    lungs = (((y - 0.5) / 0.35) ** 2 + ((np.abs(x - 0.5) - 0.22) / 0.14) ** 2) < 1
    grey[lungs] = 0.25
    cx, cy = rng.choice((0.28, 0.72)), rng.uniform(0.35, 0.65)
    disc = ((x - cx) ** 2 + (y - cy) ** 2) < 0.1**2
    if opaque:
        grey[disc] = 0.8
    grey += rng.normal(0, 0.03, grey.shape)
    box = [(v - 0.1) * 512 for v in (cx, cy)] + [0.2 * 512] * 2
    return (grey.clip(0, 1) * 255).astype(np.uint8), box, lungs, disc


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """40 patients in ``nih``, two films each, every other opaque; 6 pairs of lungs; 5 outlined opacities."""
    root, rng = tmp_path_factory.mktemp("real"), np.random.default_rng(0)
    for folder in ("nih/images", "lungs/images", "lungs/masks", "opacities/images", "opacities/masks"):
        (root / folder).mkdir(parents=True)
    labels = [("image", "patient", "age", "sex", "view", "findings")]
    boxes, grades = [("image", "finding", "x", "y", "w", "h", "source")], [("image", "rsna")]
    for patient in range(40):
        for number in range(2):
            name, opaque = f"{patient:03d}_{number}.png", patient % 2 == 0
            grey, box, _, _ = _film(rng, opaque)
            Image.fromarray(grey).save(root / "nih/images" / name)
            labels.append((name, patient, 50, "F", "PA", "Mass" if opaque else "No Finding"))
            grades.append((name, "opacity" if opaque else "normal"))
            if opaque:
                boxes += [(name, "Lung Opacity", *box, "rsna"), (name, "Mass", *box, "nih")]
    for name, rows in (("labels", labels), ("boxes", boxes), ("rsna", grades)):
        with (root / "nih" / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    for i in range(6):
        grey, _, lungs, _ = _film(rng, False)
        Image.fromarray(grey).save(root / "lungs/images" / f"l{i}.jpg")
        Image.fromarray(lungs.astype(np.uint8) * 255).save(root / "lungs/masks" / f"l{i}.png")
    for i in range(5):
        grey, _, _, disc = _film(rng, True)
        Image.fromarray(grey).save(root / "opacities/images" / f"o{i}.png")
        Image.fromarray(disc.astype(np.uint8)).save(root / "opacities/masks" / f"o{i}.png")
    return root


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Three shards of drawn candidates, whose lesions experts have looked at; every third shows a
    consolidation alone. Never changed."""

    def consolidated(record):
        if record.candidate is None or int(record.case.key) % 3:
            return seen(record)
        case = replace(record.case, findings=(FindingRequest("consolidation"),))
        record = replace(record, case=case, candidate=replace(record.candidate, case=case))
        return seen(reshaped(record, ("consolidation",), with_hole()))

    return build_seen(tmp_path_factory.mktemp("build"), change=consolidated).url
