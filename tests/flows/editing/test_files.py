"""Edits that came to nothing are called unchanged, those that cannot be made are refused, film by film."""

import json
import re
import weakref
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
from drawn_films import write_dicom
from editing import call, film, save, shipped
from PIL import Image
from pydicom import dcmread

from flows import loading
from flows.editing import files as module
from flows.editing.retoucher import Retouched, unmoved
from flows.films import together
from synth.cases import FindingRequest
from synth.images.finite import NotFiniteError
from synth.prompts.edit_requests import EditRequest


class Still:
    """An editor that changes nothing."""

    batch_size = 8

    def edit(self, images, edits, seeds, should_stop=None, afresh=False):
        return images.copy()


class Broken(Still):
    """An editor whose weights are no numbers."""

    def edit(self, images, edits, seeds, should_stop=None, afresh=False):
        raise NotFiniteError("image model: 3 of 9 values of its images are not finite, expected numbers")


@pytest.fixture
def edited_by(monkeypatch):
    def use(editor):
        retoucher, digests = shipped()
        monkeypatch.setattr(
            loading, "load_retoucher", lambda *arguments: (replace(retoucher, editor=editor), digests)
        )

    return use


def test_a_removal_that_changed_nothing_is_called_unchanged(edited_by, tmp_path):
    edited_by(Still())
    paths = [save(tmp_path / "a.png", film(0)[0]), write_dicom(tmp_path / "b.dcm", film(1)[0])]
    out = tmp_path / "out"
    code, said, lines = call(*paths, "--out", out, "--remove", "mass", "--tries", 1)
    assert code == 0
    assert said == f"{out}: removed mass: 0 edited, 2 unchanged\n"
    assert len(lines) == 2
    assert lines[0].startswith(
        f"synthorax: {paths[0]}: removed mass: unchanged, as the experts see it (mass "
    )
    assert "; opacity " in lines[0]
    record = json.loads((out / "a.json").read_text())
    assert record["unchanged"] == lines[0].partition("removed mass: ")[2]
    with Image.open(out / "a.edited.png") as image:
        assert "tried: removed mass; unchanged" in image.text["Description"]
    assert "tried: removed mass; unchanged" in dcmread(out / "b.edited.dcm").DerivationDescription
    again = call(*paths, "--out", out, "--remove", "mass", "--tries", 1)
    assert again[:2] == (0, f"{out}: removed mass: 0 edited, 2 unchanged (2 of them earlier)\n")


def test_weights_that_are_no_numbers_leave_no_edit_behind(edited_by, tmp_path):
    edited_by(Broken())
    paths = [save(tmp_path / f"{i}.png", film(i)[0]) for i in range(2)]
    out = tmp_path / "out"
    code, said, lines = call(*paths, "--out", out, "--remove", "mass", "--tries", 1)
    assert (code, said) == (2, "")
    for path, line in zip(paths, lines[:2], strict=True):
        assert line.startswith(f"synthorax: {path}: not edited, image model: 3 of 9 values of its images are")
    assert lines[2:] == [f"synthorax: {out}: removed mass: 0 edited, 2 refused"]
    assert [p.name for p in out.iterdir() if p.name != ".lock"] == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_a_header_says_that_is_not_understood_is_told(edited_by, tmp_path):
    edited_by(Still())
    path = write_dicom(tmp_path / "b.dcm", film(1)[0], PatientAge="148Y", PatientSex="W")
    code, _, lines = call(path, "--out", tmp_path / "out", "--remove", "mass", "--tries", 1)
    assert code == 0
    assert lines[0].endswith("PatientAge is '148Y', expected 0 to 120 years, as 058Y: taken as unknown")
    assert lines[1].endswith("PatientSex is 'W', expected F, M or O: taken as unknown")


def test_a_negative_is_refused_by_what_it_shows(edited_by, tmp_path):
    edited_by(Still())
    path = save(tmp_path / "a.png", 255 - film(0)[0])
    code, said, lines = call(path, "--out", tmp_path / "out", "--remove", "mass", "--tries", 1)
    assert (code, said, len(lines)) == (2, "", 1)
    assert "a.png: is inverted: the anatomy experts see lungs in its negative" in lines[0]


def test_large_films_are_in_memory_one_at_a_time_but_for_the_next(edited_by, tmp_path, monkeypatch):
    edited_by(Still())
    read, there, most = module.read_film, [], []

    def counted(path, megapixels):
        original = read(path, megapixels)
        there.append(weakref.ref(original))
        most.append(sum(each() is not None for each in there))
        return original

    monkeypatch.setattr(module, "read_film", counted)
    monkeypatch.setattr(module, "together", partial(together, most=256 * 256))
    paths = [save(tmp_path / f"{i}.png", film(i)[0]) for i in range(4)]
    code, said, _ = call(*paths, "--out", tmp_path / "out", "--remove", "mass", "--tries", 1)
    assert (code, said.count("4 unchanged")) == (0, 1)
    assert max(most) == 2


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"effusion": 0.03}, {"effusion": 0.02}, "unchanged, .* .effusion 0.03 before, 0.02 after."),
        ({"effusion": 0.9}, {"effusion": 0.3}, ""),
        ({"effusion": 0.03, "opacity": 0.9}, {"effusion": 0.02, "opacity": 0.5}, ""),
        ({"effusion": 0.3, "opacity": 0.5}, {"effusion": 0.5, "opacity": 0.6}, "unchanged"),
        ({}, {}, ""),
    ],
)
def test_a_removal_is_one_when_the_experts_see_less(before, after, told):
    def seen(said):
        return SimpleNamespace(probabilities=said)

    outcome = Retouched(SimpleNamespace(opinion=seen(before)), None, None, None, seen(after), 0)
    found = unmoved(outcome, EditRequest(remove=("effusion",)))
    assert bool(found) == bool(told)
    assert re.match(told, found)
    assert unmoved(outcome, EditRequest(("effusion",), (FindingRequest("mass"),))) == ""
