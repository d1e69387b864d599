"""`synthorax evaluate BUILD --real DIR`, through the command line, on small sets and real networks."""

import json
import shutil

import numpy as np
import pytest
from drawn_records import build_store
from drawn_sets import drawn_build, real_films
from PIL import Image
from typer.testing import CliRunner

from flows.cli import app
from flows.evaluation.sets import asked, nearness
from flows.evaluation.sets.spaces import lite_space
from flows.figures import likeness
from flows.figures.figure import FigureFile
from manifests.seldom import UNTRUSTED

FILTERED = "findings_lite0 (also filtered this build)"
NAMES = {
    *("fd", "kid", "precision", "recall", "density", "coverage", "two_sample_auc", "ms_ssim", "spectrum_gap"),
    *("frd", "lungs_dice", "requested_auroc", "pointing", "copies", "copies_learned"),
    *("attribute_sex", "attribute_view", "attribute_age"),
}


def evaluate(*words):
    """(exit code, stdout, stderr as one string)."""
    done = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def refused(*words):
    """The one line that it says, with exit code 2."""
    code, _, err = evaluate(*words)
    lines = [x for x in err.splitlines() if x.startswith("synthorax: ")]
    assert (code, len(lines)) == (2, 1), err
    return lines[0]


def figures(out):
    return {(f.name, f.judge, f.group): f for f in FigureFile.read(out / "evaluation.json").figures}


@pytest.fixture(scope="module", autouse=True)
def fewer_draws():
    """Less precise figures; how precise they are has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, count in {"DRAWS": 40, "FEWEST_DRAWS": 10, "TESTS": 2, "ANEW": 20}.items():
            patch.setattr(likeness, name, count)
        patch.setattr(asked, "DRAWS", 100)
        patch.setattr(nearness, "COPIES", 4)
        yield


@pytest.fixture
def warm(done, tmp_path):
    """A folder for a build named ``build`` in which what networks said of the first run's films is kept."""
    out = tmp_path / "build.evaluation"
    shutil.copytree(done[0] / "kept", out / "kept")
    return out


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return real_films(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    pin = lite_space("findings_lite0").digest
    weights = {"filters/findings_lite0/model.safetensors": pin}
    return drawn_build(tmp_path_factory.mktemp("builds") / "drawn", 24, weights=weights).url


@pytest.fixture(scope="module")
def done(build, real, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "of" / "build"
    return out, evaluate(build, "--real", real, "--out", out)


def test_every_figure_is_told_with_interval_floor_counts_and_judge(done, build, real):
    out, (code, stdout, err) = done
    assert code == 0, err
    file = FigureFile.read(out / "evaluation.json")
    assert {f.name for f in file.figures} == NAMES
    assert file.command == f"synthorax evaluate {build} --real {real} --out {out}"
    assert file.about["real"].startswith("48 films of 24 patients")
    for f in file.figures:
        if f.value is None:
            assert f.note.startswith("not measured: "), f
        elif f.name != "frd":
            assert f.low is not None, f
            assert f.low - 1e-9 <= f.value <= f.high + 1e-9, f
            assert f.counts, f
    found = figures(out)
    for judge in (FILTERED, "evaluator_lite2", "random_densenet"):
        for name in ("fd", "kid", "coverage", "two_sample_auc"):
            f = found[name, judge, "all"]
            assert f.floor is not None
            assert f.counts == {"generated": 24, "real": 48, "patients": 24, "compared": 24}
    assert found["lungs_dice", "evaluator_anatomy", "accepted"].value > 0.5
    assert found["ms_ssim", "torchmetrics", "all"].floor is not None
    assert "## Not measured" in stdout
    for name in ("spectra.png", "figures.png"):
        with Image.open(out / name) as image:
            assert image.width > 600


def test_films_drawn_as_the_real_ones_are_lie_at_their_floor(done):
    found = figures(done[0])
    for judge in ("evaluator_lite2", "random_densenet"):
        f = found["fd", judge, "all"]
        assert f.value < 1.3 * f.floor
        assert found["coverage", judge, "all"].value > 0.7


def test_groups_with_few_films_are_refused_with_their_count(done):
    f = figures(done[0])["fd", "evaluator_lite2", "finding=effusion"]
    assert f.value is None
    assert f.note == "not measured: 12 generated and 24 real films, expected 20 and 40 at least"
    never = figures(done[0])["requested_auroc", "evaluator_lite2", "finding=nodule"]
    assert never.note.startswith("not measured: no accepted film asks for it")


def test_letters_on_real_films_change_no_distance(build, done, real, tmp_path):
    lettered, out = tmp_path / "real", tmp_path / "out"
    shutil.copytree(real, lettered)
    shutil.copytree(done[0] / "kept", out / "kept")
    for path in (lettered / "nih" / "images").glob("*.png"):
        film = np.array(Image.open(path))
        film[4:12, 6:14] = 255  # in a corner
        Image.fromarray(film).save(path)
    code, _, err = evaluate(build, "--real", lettered, "--out", out)
    assert code == 0, err
    plain, found = figures(done[0]), figures(out)
    for key in (("fd", "random_densenet", "all"), ("two_sample_auc", "random_densenet", "all")):
        assert found[key].value == pytest.approx(plain[key].value, rel=0.1), key


def test_matched_films_are_of_one_view_and_sex_and_near_in_age(done):
    f = figures(done[0])["fd", "random_densenet", "matched"]
    assert f.counts["generated"] == f.counts["real"] == 24


def test_fewer_films_than_features_are_told(done):
    assert "fewer films than the 352 features" in figures(done[0])["fd", "evaluator_lite2", "all"].note


def test_what_networks_said_is_kept_and_the_same_again_is_the_same(done, build, real, monkeypatch):
    out = done[0]
    before = json.loads((out / "evaluation.json").read_text())["figures"]

    def asked_again(*_):
        raise AssertionError("a network was asked again")

    monkeypatch.setattr("filters.experts.embedded.Embedded.look", asked_again)
    monkeypatch.setattr("filters.experts.embedded.Embedded.features", asked_again)
    code, _, err = evaluate(build, "--real", real, "--out", out)
    assert code == 0, err
    assert json.loads((out / "evaluation.json").read_text())["figures"] == before


def test_noise_lies_far_off(real, done, tmp_path):
    shutil.copytree(done[0] / "kept", tmp_path / "noise.evaluation" / "kept")
    rng = np.random.default_rng(0)
    (tmp_path / "noise").mkdir()
    for i in range(22):
        noise = rng.integers(0, 256, (128, 128), np.uint8)
        Image.fromarray(noise).save(tmp_path / "noise" / f"{i}.png")
    code, _, err = evaluate("--images", tmp_path / "noise", "--real", real)
    assert code == 0, err
    found = figures(tmp_path / "noise.evaluation")
    f = found["fd", "evaluator_lite2", "all"]
    assert f.low > 3 * f.floor
    assert found["coverage", "evaluator_lite2", "all"].value < 0.2
    assert found["two_sample_auc", "evaluator_lite2", "all"].low > 0.9
    assert found["spectrum_gap", "power spectrum", "all"].low > 0.5
    assert not {"lungs_dice", "requested_auroc"} & {name for name, *_ in found}  # nobody asked for anything


def test_a_build_of_eight_and_a_real_folder_with_a_corrupt_file(real, warm, tmp_path):
    folder = tmp_path / "folder"
    shutil.copytree(real / "nih" / "images", folder)
    (folder / "5.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    store = drawn_build(tmp_path / "build", 8)
    code, stdout, err = evaluate(store.url, "--real", folder)
    assert code == 0, err
    assert "5.png: " in err
    assert "1 real files could not be read and were left out" in stdout
    assert "patients unknown" in stdout
    found = figures(tmp_path / "build.evaluation")
    why = "not measured: 8 generated and 47 real films, expected 20 and 40 at least"
    assert found["fd", "evaluator_lite2", "all"].note == why
    assert found["lungs_dice", "evaluator_anatomy", "all"].value is not None


def test_rejected_films_alone_and_a_corrupt_film_of_the_usual_layout(real, warm, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(real, data)
    (data / "nih" / "images" / "7.png").write_bytes(b"no image")
    store = build_store(tmp_path / "build", 1, 12, p_fail=1.0, p_break=0.0)
    code, stdout, err = evaluate(store.url, "--real", data)
    assert code == 0, err
    assert "7.png: " in err
    assert "47 films of 24 patients" in stdout
    assert "no film was accepted" in err
    assert UNTRUSTED in err
    found = figures(warm)
    assert found["lungs_dice", "evaluator_anatomy", "accepted"].note == "not measured: no such film"
    assert found["copies", "training_index", "accepted"].value is None
    assert found["ms_ssim", "torchmetrics", "all"].value is None


def test_one_film_on_either_side(real, warm, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(real / "nih" / "images" / "3.png", tmp_path / "one")
    code, _, err = evaluate(drawn_build(tmp_path / "build", 1).url, "--real", tmp_path / "one")
    assert code == 0, err
    why = "not measured: 1 generated and 1 real films, expected 20 and 40 at least"
    assert figures(warm)["ms_ssim", "torchmetrics", "all"].note == why


def test_what_cannot_be_evaluated_is_a_line(real, build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "build.json is missing" in refused("empty", "--real", real)
    broken = build_store(tmp_path / "broken", 1, 4, p_break=1.0).url
    assert "all 4 candidates failed" in refused(broken, "--real", real)
    begun = build_store(tmp_path / "begun", 0).url
    assert "no shard is committed" in refused(begun, "--real", real)
    assert "no PNG, JPEG or DICOM file in it" in refused(build, "--real", "empty")
    assert "real: nowhere is not a folder" in refused(build, "--real", "nowhere")
    assert "is not a folder, expected one with films" in refused("--images", "nowhere", "--real", real)
    assert "one of the two" in refused(build, "--images", real, "--real", real)
    assert "expected chexgenbench" in refused(build, "--real", real, "--protocol", "fid")
    assert "expected --rad-dino DIR" in refused(build, "--real", real, "--protocol", "chexgenbench")
    assert "has no config.json" in refused(build, "--real", real, "--rad-dino", "empty")
    assert "expected --out DIR" in refused("memory://nowhere", "--real", real)


def test_what_is_neither_command_nor_folder_is_told(real, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = refused("modles", "--real", real)
    assert "'modles' is neither a dataset's folder or URL nor one of models, experts" in line


def test_the_groups_help_tells_of_it():
    code, stdout, _ = evaluate("--help")
    assert code == 0
    assert "evaluate BUILD --real DIR" in stdout
    assert "dataset" in stdout
