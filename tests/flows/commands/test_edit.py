"""`synthorax edit` with the shipped models and others': files in, files out, and how it goes on."""

import json
import shutil

import numpy as np
import pytest
from editing import ADD, call, files_of, film, is_one_line, lower_lung, save, shipped
from pydicom import dcmread
from small_pipelines import change_json, pickle_weights

from flows.loading import load_retoucher
from manifests.films.files import read_original
from manifests.members import decode_png
from manifests.store import Store, is_stray
from synth.editing import STEPS
from synth.errors import UserError, WeightsError, users_mistake
from synth.weights import SHIPPED

pytestmark = pytest.mark.usefixtures("models_read")


@pytest.fixture
def few_steps(monkeypatch):
    """Where it does not matter how good an edit is."""
    monkeypatch.setattr("synth.editing.STEPS", 2)


def record_of(out, stem):
    return json.loads((out / f"{stem}.json").read_text())


def test_every_format_is_edited_and_given_back_as_it_was(three_films, tmp_path):
    out = tmp_path / "out"
    code, said, err = call(*three_films, "--out", out, *ADD)
    assert (err, code) == ([], 0)
    assert said == f"{out}: added consolidation right lower severe: 3 edited\n"
    for path, stem, ending in zip(three_films, ("a", "b", "1.2.840"), ("png", "png", "dcm"), strict=True):
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


def test_what_was_done_is_skipped_and_what_was_cut_off_goes_on(three_films, tmp_path, monkeypatch, few_steps):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert call(*three_films[:2], "--out", whole, *ADD)[0] == 0
    publish = Store.publish

    def dies(self, path, data):
        if path == "b.sheet.png":
            raise KeyboardInterrupt
        return publish(self, path, data)

    monkeypatch.setattr(Store, "publish", dies)
    code, _, err = call(*three_films[:2], "--out", cut, *ADD)
    assert code == 130
    assert err == ["interrupted: what is committed stays, the same command goes on from there"]
    assert "a.json" in files_of(cut)
    assert "b.json" not in files_of(cut)
    assert not any(is_stray(name) for name in files_of(cut))
    monkeypatch.setattr(Store, "publish", publish)
    code, said, _ = call(*three_films[:2], "--out", cut, *ADD)
    assert code == 0
    assert said.endswith(": 2 edited (1 of them earlier)\n")
    assert files_of(cut) == files_of(whole)
    (cut / "a.sheet.png").unlink()
    assert call(*three_films[:2], "--out", cut, *ADD)[1].endswith(": 2 edited (1 of them earlier)\n")
    assert files_of(cut) == files_of(whole)


def test_another_edit_of_the_same_name_is_refused(three_films, tmp_path, few_steps):
    out, image = tmp_path / "out", three_films[0]
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


def test_a_seed_and_the_file_decide_alone(three_films, tmp_path, few_steps):
    moved = tmp_path / "elsewhere" / "other.png"
    moved.parent.mkdir()
    shutil.copy(three_films[0], moved)
    assert call(three_films[0], "--out", tmp_path / "one", *ADD)[0] == 0
    assert call(three_films[2], moved, "--out", tmp_path / "two", *ADD)[0] == 0
    assert call(moved, "--out", tmp_path / "three", *ADD, "--seed", 1)[0] == 0
    one, two, three = (
        (tmp_path / name).read_bytes()
        for name in ("one/a.edited.png", "two/other.edited.png", "three/other.edited.png")
    )
    assert one == two != three


def test_a_mask_says_what_is_removed_and_bounds_it(three_films, tmp_path, few_steps):
    mask = save(tmp_path / "here.png", lower_lung(0).astype(np.uint8) * 255)
    out = tmp_path / "out"
    code, _, err = call(
        three_films[0], "--out", out, "--remove", "Pleural Effusion", "--mask", mask, "--tries", 2
    )
    assert (code, err) == (0, [])
    record = record_of(out, "a")
    assert record["request"] == {
        "remove": ["effusion"],
        "add": [],
        "replace": False,
        "everywhere": False,
    }
    assert len(record["mask_sha256"]) == 64
    may = decode_png((out / "a.mask.png").read_bytes()) > 0
    assert may[lower_lung(0)].mean() > 0.95
    assert may.sum() < 2 * lower_lung(0).sum()
    save(mask, lower_lung(0, side=1).astype(np.uint8))
    again = call(three_films[0], "--out", out, "--remove", "effusion", "--mask", mask, "--tries", 2)
    assert is_one_line(again, "mask_sha256 is")


def test_a_finding_is_replaced_by_another_in_its_place(three_films, tmp_path, few_steps):
    mask = save(tmp_path / "here.png", lower_lung(0, side=1).astype(np.uint8) * 255)
    options = ("--replace", "effusion", "mass, severe", "--mask", mask, "--tries", 1)
    code, said, _ = call(three_films[0], "--out", tmp_path / "out", *options)
    assert code == 0
    assert "removed effusion, added mass severe: 1 edited" in said
    record = record_of(tmp_path / "out", "a")
    assert record["request"]["replace"] is True
    (mass,) = record["masks"]["added"]
    assert mass["bbox"][0] > 100, "the patient's left lies on the right"


# Models.


def test_every_file_that_an_edit_depends_on_is_pinned():
    retoucher, digests = shipped()
    assert (retoucher.size, retoucher.editor.batch_size) == (256, 1)
    kinds = {name.rsplit("/", 1)[0] for name in digests}
    assert {"images/unet", "images/vae", "masks", "filters/anatomy", "filters/findings_lite1"} <= kinds
    assert all(len(value) == 64 for value in digests.values())
    assert not any("training_index" in name for name in digests)


def test_a_checkpoint_of_others_edits_by_text(three_films, checkpoints, tmp_path):
    out = tmp_path / "out"
    code, _, err = call(three_films[0], "--out", out, *ADD, "--checkpoint", checkpoints["plain"])
    assert (code, err) == (0, [])
    record = record_of(out, "a")
    assert record["size"] == 64
    assert record["changed_pixels"]["outside_mask"] == 0
    assert "images/unet/diffusion_pytorch_model.safetensors" in record["weights"]
    assert not any(name.startswith(("rough", "codec", "controlnet")) for name in record["weights"])
    ours = call(three_films[0], "--out", out, *ADD)
    assert is_one_line(ours, "a.json: is of another edit, size is 64, now 256")


def test_a_controlnet_in_a_checkpoint_is_not_used(checkpoints):
    retoucher, digests = load_retoucher(str(checkpoints["controlnet"]))
    assert retoucher.editor.base.spare == 0
    assert not any(name.startswith("controlnet/") for name in digests)
    with pytest.raises(
        WeightsError, match=r"^checkpoint: .*controlnet has no model_index.json, expected a folder"
    ):
        load_retoucher(str(checkpoints["controlnet"] / "controlnet"))


def test_pickled_weights_are_refused_with_the_command_that_converts_them(three_films, checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["plain"], tmp_path / "pickled")
    pickle_weights(folder)
    told = call(three_films[0], "--out", tmp_path / "out", *ADD, "--checkpoint", folder)
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
