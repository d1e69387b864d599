"""`synthorax edit` with the shipped models and others': files in, files out, and how it goes on."""

import json
import shutil

import numpy as np
import pytest
from drawn_films import write_dicom
from editing import call, film, is_one_line, lower_lung, save, shipped
from pydicom import dcmread
from small_pipelines import change_json, pickle_weights

from flows import edit as module
from flows.edit import load_retoucher
from flows.errors import UserError, users_mistake
from manifests.members import decode_png
from manifests.radiograph_files import read_original
from manifests.store import Store, is_stray
from synth.editing import STEPS
from synth.weights import SHIPPED, WeightsError

ADD = ("--add", "consolidation, right, lower, severe", "--tries", 1)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    """Models are read once for all tests; how often they were asked for is counted."""
    asked = []

    def load(checkpoint, size, device):
        asked.append((checkpoint, size, device))
        return shipped() if (checkpoint, size) == (None, None) else load_retoucher(checkpoint, size, device)

    monkeypatch.setattr(module, "load_retoucher", load)
    return asked


@pytest.fixture
def films(tmp_path):
    """Three films in three formats and sizes."""
    folder = tmp_path / "films"
    tags = {"PatientAge": "063Y", "PatientSex": "F", "ViewPosition": "AP", "StudyInstanceUID": "1.2.3"}
    return [
        save(folder / "a.png", film(0)[0]),
        save(folder / "b.jpg", film(1, 320)[0][:300]),
        write_dicom(folder / "1.2.840", film(2, 280)[0], **tags),
    ]


def record_of(out, stem):
    return json.loads((out / f"{stem}.json").read_text())


def files_of(out):
    return {name: (out / name).read_bytes() for name in Store(out).list() if name != ".lock"}


def test_every_format_is_edited_and_given_back_as_it_was(films, tmp_path):
    out = tmp_path / "out"
    code, said, err = call(*films, "--out", out, *ADD)
    assert (err, code) == ([], 0)
    assert said == f"{out}: added consolidation right lower severe: 3 edited\n"
    for path, stem, ending in zip(films, ("a", "b", "1.2.840"), ("png", "png", "dcm"), strict=True):
        before, after = read_original(path), read_original(out / f"{stem}.edited.{ending}")
        may = decode_png((out / f"{stem}.mask.png").read_bytes()) > 0
        assert (
            (after.bits, after.pixels.shape) == (before.bits, before.pixels.shape) == (before.bits, may.shape)
        )
        assert np.array_equal(after.pixels[~may], before.pixels[~may])
        assert (after.pixels != before.pixels)[may].mean() > 0.5
        record = record_of(out, stem)
        assert record["source"] == str(path)
        assert record["source_sha256"] == before.sha256
        assert record["changed_pixels"]["outside_mask"] == 0
        assert record["changed_pixels"]["inside_mask"] == (after.pixels != before.pixels).sum()
        assert record["done"] == "added consolidation right lower severe"
        assert (record["seed"], record["attempt"], record["size"]) == (0, 0, 256)
        assert {a["category"] for a in record["masks"]["added"]} == {"consolidation"}
        assert record["masks"]["removed"] == []
        assert set(record["probabilities"]["before"]) == set(record["probabilities"]["after"])
        assert (out / f"{stem}.sheet.png").read_bytes()[:4] == b"\x89PNG"
    header = dcmread(out / "1.2.840.edited.dcm")
    assert (header.PhotometricInterpretation, header.BitsStored) == ("MONOCHROME1", 12)
    assert header.SyntheticData == "YES"
    assert "added consolidation right lower severe" in header.DerivationDescription


def test_what_was_done_is_skipped_and_what_was_cut_off_goes_on(films, tmp_path, monkeypatch, loaded_once):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert call(*films, "--out", whole, *ADD)[0] == 0
    publish = Store.publish

    def dies(self, path, data):
        if path == "b.sheet.png":
            raise KeyboardInterrupt
        return publish(self, path, data)

    monkeypatch.setattr(Store, "publish", dies)
    code, _, err = call(*films, "--out", cut, *ADD)
    assert code == 130
    assert err == ["interrupted: what is committed stays, the same command goes on from there"]
    assert "a.json" in files_of(cut)
    assert "b.json" not in files_of(cut)
    assert not any(is_stray(name) for name in files_of(cut))
    monkeypatch.setattr(Store, "publish", publish)
    code, said, _ = call(*films, "--out", cut, *ADD)
    assert code == 0
    assert said.endswith(": 3 edited (1 of them earlier)\n")
    assert files_of(cut) == files_of(whole)
    (cut / "a.sheet.png").unlink()
    assert call(*films, "--out", cut, *ADD)[1].endswith(": 3 edited (2 of them earlier)\n")
    assert files_of(cut) == files_of(whole)


def test_another_edit_of_the_same_name_is_refused(films, tmp_path):
    out, image = tmp_path / "out", films[0]
    assert call(image, "--out", out, *ADD)[0] == 0
    before = files_of(out)
    assert is_one_line(
        call(image, "--out", out, *ADD, "--seed", 1), "a.json: is of another edit, seed is 0, now 1"
    )
    assert is_one_line(call(image, "--out", out, *ADD[:3], 2), "tries is 1, now 2")
    assert is_one_line(call(image, "--out", out, "--add", "mass", "--tries", 1), "request.add is")
    save(image, film(3)[0])
    assert is_one_line(call(image, "--out", out, *ADD), "source_sha256 is")
    assert files_of(out) == before


def test_a_seed_and_the_file_decide_alone(films, tmp_path):
    moved = tmp_path / "elsewhere" / "other.png"
    moved.parent.mkdir()
    shutil.copy(films[0], moved)
    assert call(films[0], "--out", tmp_path / "one", *ADD)[0] == 0
    assert call(films[2], moved, "--out", tmp_path / "two", *ADD)[0] == 0
    assert call(moved, "--out", tmp_path / "three", *ADD, "--seed", 1)[0] == 0
    one, two, three = (
        (tmp_path / name).read_bytes()
        for name in ("one/a.edited.png", "two/other.edited.png", "three/other.edited.png")
    )
    assert one == two != three


def test_a_mask_says_what_is_removed_and_bounds_it(films, tmp_path):
    mask = save(tmp_path / "here.png", lower_lung(0).astype(np.uint8) * 255)
    out = tmp_path / "out"
    code, _, err = call(films[0], "--out", out, "--remove", "Pleural Effusion", "--mask", mask, "--tries", 2)
    assert (code, err) == (0, [])
    record = record_of(out, "a")
    assert record["request"] == {"remove": ["effusion"], "add": [], "replace": False}
    assert len(record["mask_sha256"]) == 64
    may = decode_png((out / "a.mask.png").read_bytes()) > 0
    assert may[lower_lung(0)].mean() > 0.95
    assert may.sum() < 2 * lower_lung(0).sum()
    save(mask, lower_lung(0, side=1).astype(np.uint8))
    again = call(films[0], "--out", out, "--remove", "effusion", "--mask", mask, "--tries", 2)
    assert is_one_line(again, "mask_sha256 is")


def test_a_finding_is_replaced_by_another_in_its_place(films, tmp_path):
    mask = save(tmp_path / "here.png", lower_lung(0, side=1).astype(np.uint8) * 255)
    options = ("--replace", "effusion", "mass, severe", "--mask", mask, "--tries", 1)
    code, said, _ = call(films[0], "--out", tmp_path / "out", *options)
    assert code == 0
    assert "removed effusion, added mass severe: 1 edited" in said
    record = record_of(tmp_path / "out", "a")
    assert record["request"]["replace"] is True
    (mass,) = record["masks"]["added"]
    assert mass["bbox"][0] > 100, "the patient's left lies on the right"


def test_what_cannot_be_edited_is_told_and_the_others_are(films, tmp_path, loaded_once):
    rng = np.random.default_rng(0)
    folder, out = films[0].parent, tmp_path / "out"
    bad = [
        save(folder / "colour.png", rng.integers(0, 256, (128, 128, 3), np.uint8)),
        folder / "gone.png",
        write_dicom(folder / "lateral.dcm", film(0)[0], ViewPosition="LL"),
        save(folder / "side.png", np.rot90(film(0)[0]).copy()),
    ]
    code, said, err = call(*bad[:2], films[0], *bad[2:], "--out", out, *ADD)
    assert (code, said) == (2, "")
    for line, told in zip(
        err,
        (
            f"synthorax: {bad[0]}: a colour photograph",
            f"synthorax: {bad[1]}: No such file or directory",
            f"synthorax: {bad[2]}: ViewPosition is LL, expected PA or AP",
            f"synthorax: {bad[3]}: no frontal radiograph by the anatomy experts' lung score (0.",
            f"synthorax: {out}: added consolidation right lower severe: 1 edited, 4 refused",
        ),
        strict=True,
    ):
        assert line.startswith(told)
    assert {name.split(".")[0] for name in files_of(out)} == {"a"}
    assert len(loaded_once) == 1


# Mistakes: one line, exit code 2, and nothing written.


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "nothing to remove or add, expected a finding"),
        (("--add", "edema"), "'edema', expected"),
        (("--add", "mass; nodule"), "expected one finding"),
        (("--remove", "cardiomegaly"), "finding: 'cardiomegaly', expected one of"),
        (("--remove", "effusion, left"), "finding: 'effusion, left', expected a name alone"),
        (("--replace", "mass", "nothing"), "'nothing', expected"),
        (
            ("--replace", "mass", "nodule", "--add", "mass"),
            "--replace: with --remove or --add, expected alone",
        ),
        (("--add", "mass", "--size", "100"), "size: 100, expected a multiple of 32 from 64 to 1024"),
        (("--add", "mass", "--checkpoint", "no where"), "checkpoint: no where, expected a folder"),
        (("--add", "mass", "--mask", "none.png"), "none.png: no such file or folder"),
    ],
)
def test_what_is_asked_wrongly_is_told(films, tmp_path, options, told):
    assert is_one_line(call(films[0], "--out", tmp_path / "out", *options), told)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_radiograph_is_told_before_models_are_read(tmp_path, loaded_once):
    colour = save(tmp_path / "colour.png", np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))
    cut = tmp_path / "cut.png"
    cut.write_bytes(save(tmp_path / "film.png", film(0)[0]).read_bytes()[:5000])
    for path, told in (
        (colour, "colour.png: a colour photograph"),
        (cut, "cut.png: damaged or truncated image"),
        (tmp_path / "gone.png", "gone.png: no such file or folder"),
        (tmp_path, "is a folder, expected a file"),
        (write_dicom(tmp_path / "l.dcm", film(0)[0], ViewPosition="RL"), "l.dcm: ViewPosition is RL"),
    ):
        assert is_one_line(call(path, "--out", tmp_path / "out", *ADD), told)
    assert loaded_once == []
    assert not (tmp_path / "out").exists()


def test_a_lateral_view_is_told_with_its_score(tmp_path):
    path = save(tmp_path / "side.png", np.rot90(film(0)[0]).copy())
    told = call(path, "--out", tmp_path / "out", *ADD)
    assert is_one_line(told, "side.png: no frontal radiograph by the anatomy experts' lung score (0.")
    assert files_of(tmp_path / "out") == {}


def test_a_mask_that_does_not_fit_is_told(films, tmp_path):
    drawn = lower_lung(0)
    corner = np.zeros_like(drawn)
    corner[:6, :6] = True
    masks = {
        "small": (drawn[128:].astype(np.uint8) * 255, "a.png: mask of 256 x 128, expected 256 x 256"),
        "grey": (film(0)[0], "grey.png: mask of"),
        "corner": (corner.astype(np.uint8), "a.png: mask outside the body"),
        "empty": (np.zeros((256, 256), np.uint8), "empty.png: mask is empty"),
    }
    for name, (pixels, told) in masks.items():
        path = save(tmp_path / f"{name}.png", pixels)
        options = ("--remove", "mass", "--mask", path)
        assert is_one_line(call(films[0], "--out", tmp_path / "out", *options), told)
    told = call(*films, "--out", tmp_path / "out", "--remove", "mass", "--mask", path)
    assert is_one_line(told, "--mask: with 3 images, expected one: a mask belongs to one image")
    assert Store(tmp_path / "out").list() in ([], [".lock"])


def test_names_that_would_meet_are_told(films, tmp_path):
    twin = save(tmp_path / "twin" / "a.jpg", film(1)[0])
    assert is_one_line(call(films[0], twin, "--out", tmp_path / "out", *ADD), "a.jpg: the same name as")
    mask = save(films[0].parent / "a.mask.png", lower_lung(0).astype(np.uint8))
    before = mask.read_bytes()
    told = call(films[0], "--out", films[0].parent, *ADD, "--mask", mask)
    assert is_one_line(told, "a.mask.png: would be written over")
    assert mask.read_bytes() == before


def test_a_finding_that_nobody_sees_is_told(films, tmp_path, monkeypatch):
    monkeypatch.setattr("flows.retouching.pseudo_masks.FAINTEST", 1.1)
    monkeypatch.setattr("flows.retouching.pseudo_masks.INSIDE", 1.1)
    told = call(films[0], "--out", tmp_path / "out", "--remove", "mass")
    assert is_one_line(told, "a.png: mass is seen by no expert, expected a mask of it")


# Models.


def test_every_file_that_an_edit_depends_on_is_pinned():
    retoucher, digests = shipped()
    assert (retoucher.size, retoucher.editor.batch_size) == (256, 1)
    kinds = {name.rsplit("/", 1)[0] for name in digests}
    assert {"images/unet", "images/vae", "masks", "filters/anatomy", "filters/findings_second"} <= kinds
    assert all(len(value) == 64 for value in digests.values())
    assert not any("training_index" in name for name in digests)


def test_a_checkpoint_of_others_edits_by_text(films, checkpoints, tmp_path):
    out = tmp_path / "out"
    code, _, err = call(films[0], "--out", out, *ADD, "--checkpoint", checkpoints["plain"])
    assert (code, err) == (0, [])
    record = record_of(out, "a")
    assert record["size"] == 64
    assert record["changed_pixels"]["outside_mask"] == 0
    assert "images/unet/diffusion_pytorch_model.safetensors" in record["weights"]
    assert not any(name.startswith(("rough", "codec", "controlnet")) for name in record["weights"])
    ours = call(films[0], "--out", out, *ADD)
    assert is_one_line(ours, "a.json: is of another edit, size is 64, now 256")


def test_a_controlnet_in_a_checkpoint_is_not_used(checkpoints):
    retoucher, digests = load_retoucher(str(checkpoints["controlnet"]))
    assert retoucher.editor.base.spare == 0
    assert not any(name.startswith("controlnet/") for name in digests)
    with pytest.raises(
        WeightsError, match=r"^checkpoint: .*controlnet has no model_index.json, expected a folder"
    ):
        load_retoucher(str(checkpoints["controlnet"] / "controlnet"))


def test_pickled_weights_are_refused_with_the_command_that_converts_them(films, checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["plain"], tmp_path / "pickled")
    pickle_weights(folder)
    told = call(films[0], "--out", tmp_path / "out", *ADD, "--checkpoint", folder)
    assert is_one_line(told, "a pickle that may run code", f"`synthorax convert {folder} OUT`")


def test_checkpoints_that_cannot_edit_are_told(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["plain"], tmp_path / "copy")
    scheduler = folder / "scheduler" / "scheduler_config.json"
    change_json(scheduler, num_train_timesteps=STEPS - 1)
    with pytest.raises(WeightsError, match=f"copy cannot be sampled in {STEPS} steps: ") as told:
        load_retoucher(str(folder))
    assert users_mistake(told.value)
    change_json(folder / "unet" / "config.json", sample_size=None)
    with pytest.raises(UserError, match=r"size: missing, expected pixels: .*copy does not say"):
        load_retoucher(str(folder))
    ours = shutil.copytree(SHIPPED / "images", tmp_path / "ours")
    (ours / "unet" / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="has SHA-256"):
        load_retoucher(str(ours))
