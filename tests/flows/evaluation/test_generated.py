"""Generated images are made once; only what determines one makes it anew."""

from dataclasses import replace

import numpy as np
import pytest

from flows.evaluation.generated import ImageStore
from synth.cases import Case, MaskSet
from synth.findings import ANATOMY
from synth.settings import SynthesisSettings


class Maker:
    settings = SynthesisSettings(size=16, batch_size=4)
    digests = {"unet": "1"}  # noqa: RUF012

    def __init__(self):
        self.drawn = []

    def radiographs(self, cases, masks):
        self.drawn += [c.key for c in cases]
        return np.stack([np.full((16, 16), int(c.key), np.uint8) for c in cases])


@pytest.fixture
def asked():
    masks = MaskSet(np.zeros((len(ANATOMY), 16, 16), bool))
    return [Case(f"{i:09d}", 0, "nodule") for i in range(10)], [masks] * 10


def test_a_second_run_draws_only_what_is_new(tmp_path, asked):
    cases, masks = asked
    ImageStore(Maker(), tmp_path / "g.npz").images(cases[:6], masks[:6])
    maker = Maker()
    images = ImageStore(maker, tmp_path / "g.npz").images(cases, masks)
    assert maker.drawn == [c.key for c in cases[6:]]
    assert images[:, 0, 0].tolist() == list(range(10))


@pytest.mark.parametrize("change", ["weights", "guidance", "prompt", "masks"])
def test_whatever_determines_an_image_makes_it_anew(tmp_path, asked, change):
    cases, masks = asked
    ImageStore(Maker(), tmp_path / "g.npz").images(cases, masks)
    maker = Maker()
    if change == "weights":
        maker.digests = {"unet": "2"}
    elif change == "guidance":
        maker.settings = replace(maker.settings, guidance=3.0)
    elif change == "prompt":
        cases = [replace(c, prompt="mass") for c in cases]
    else:
        masks = [MaskSet(~masks[0].anatomy)] * 10
    ImageStore(maker, tmp_path / "g.npz").images(cases, masks)
    assert len(maker.drawn) == 10


def test_without_a_path_nothing_is_written(tmp_path, asked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ImageStore(Maker()).images(*asked)
    assert list(tmp_path.iterdir()) == []
