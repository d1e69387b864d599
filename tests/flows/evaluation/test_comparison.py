"""All comparisons end to end, on a small made-up folder laid out like shared/data."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from flows.evaluation import comparison, real
from flows.evaluation.generated import ImageStore, Judged, Sample, draw_alike
from flows.figures import fidelity
from flows.material.real import load_nih
from synth.cases import Case, MaskSet
from synth.findings import ANATOMY
from synth.settings import SynthesisSettings

IMAGES = 70


def picture(rng, size=256):
    noise = ndimage.gaussian_filter(rng.standard_normal((size, size)), 6)
    return np.clip(128 + 900 * noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "nih"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    columns = ("image", "patient", "age", "sex", "view", "findings")
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for i in range(IMAGES):
            Image.fromarray(picture(rng)).save(folder / "images" / f"{i}.jpg")
            label = ("No Finding", "Effusion")[i % 2]
            table.writerow((f"{i}.jpg", i, 30 + i % 40, "FM"[i // 2 % 2], ("PA", "AP")[i // 4 % 2], label))
    (folder / "boxes.csv").write_text("image,x,y,w,h\n")
    return folder.parent


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(1)
    cases = [Case(f"{i:09d}", 0, "", (), 50, "F", ("PA", "AP")[i % 2]) for i in range(40)]
    masks = MaskSet(np.zeros((len(ANATOMY), 256, 256), bool))
    return Sample(cases, [masks] * 40, np.stack([picture(rng) for _ in cases]))


@pytest.fixture
def fewer_draws(monkeypatch):
    """Less precise figures; those of the masks need annotations and have tests of their own."""
    monkeypatch.setattr(fidelity, "DRAWS", 10)
    monkeypatch.setattr(fidelity, "FRECHET_DRAWS", 10)
    monkeypatch.setattr(comparison, "mask_figures", lambda masker, data, seed=0: {"findings_that_fit": seed})


@pytest.mark.slow
def test_every_figure_and_picture(data, sample, fewer_draws, tmp_path):
    prepared = tmp_path / "real.npz"
    held_out = real.load_real(data, prepared)
    judged = Judged(sample, np.arange(40) > 2, {})
    figures = comparison.against_real(data, held_out, judged, judged, None, tmp_path)
    json.dumps(figures)
    held = len(held_out.held)
    assert 10 <= held <= 35
    assert figures["spectrum"]["generated"] == 40
    for space in ("finding_expert", "random_densenet"):
        by_set = figures["fidelity"][space]
        assert set(by_set) >= {"all", "accepted"}
        assert by_set["accepted"]["frechet_sample"] <= held // 2
        assert by_set["accepted"]["sample"] == min(held, 37)
    assert figures["memorisation"]["training_index"]["generated"] == 74
    assert set(figures["memorisation"]) == {"training_index", "attribute_evaluator", "pixels"}
    assert figures["masks"] == {"findings_that_fit": 0, "findings_that_fit_with_other_seeds": [1, 2]}
    for name in ("samples.png", "nearest.png"):
        assert (tmp_path / name).stat().st_size > 1000

    written = prepared.stat().st_mtime_ns
    again = real.load_real(data, prepared)
    assert prepared.stat().st_mtime_ns == written
    assert again.images.shape == (IMAGES, 256, 256)
    assert not set(again.training) & set(again.held)
    assert comparison.memorisation_figures(again, again.images[:0], None) == {}


def test_a_set_alike_asks_for_what_the_real_images_show(data):
    maker = SimpleNamespace(
        settings=SynthesisSettings(size=16),
        digests={"unet": "1"},
        masks=lambda case: MaskSet(np.zeros((len(ANATOMY), 16, 16), bool)),
        radiographs=lambda cases, masks: np.zeros((len(cases), 16, 16), np.uint8),
    )
    nih = load_nih(data)
    cases = draw_alike(ImageStore(maker), nih, np.array([4, 7])).cases
    assert [[r.name for r in c.findings] for c in cases] == [[], ["effusion"]]
    assert [(c.age, c.sex, c.view) for c in cases] == [(34, "F", "AP"), (37, "M", "AP")]
    assert "effusion" in cases[1].prompt.lower()
