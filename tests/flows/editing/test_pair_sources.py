"""The radiographs of an edit dataset: which are taken, what is asked of them, what is refused in one line."""

import hashlib

import numpy as np
import pytest
from drawn_films import drawn_film, write_dicom
from edited_films import pairs_config, write_films
from PIL import Image

from flows.config.reading import parse_config
from flows.editing.pair_sources import read_sources
from manifests.errors import DatasetError
from synth.cases import FindingRequest
from synth.errors import UserError
from synth.prompts.sampler import parse

KEYS = tuple(f"{i:09d}" for i in range(8))


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films")


@pytest.fixture
def sources(films, tmp_path):
    def read(edit=None, **changes):
        return read_sources(parse_config(pairs_config(films, tmp_path / "out", edit, **changes)))

    return read


@pytest.fixture
def labelled(tmp_path):
    def write(*lines):
        path = tmp_path / "labels.csv"
        path.write_text("\n".join(["image,prompt,findings,age,view", *lines]))
        return str(path)

    return write


def test_two_neighbouring_candidates_for_each_file_in_the_order_of_paths(sources, films):
    pairs = sources()
    assert [s.name for s in pairs.sources] == ["a.png", "deeper/b.dcm", "deeper/c.png", "noise.png"]
    cases = [pairs.case(3, key) for key in KEYS]
    assert [c.pair for c in cases] == [KEYS[i - i % 2] for i in range(8)]
    assert [c.edit for c in cases] == ["before", "removed mass, added effusion left"] * 4
    for i, case in enumerate(cases):
        data = (films / pairs.sources[i // 2].name).read_bytes()
        assert case.source_sha256 == hashlib.sha256(data).hexdigest()
    assert cases[2].who == cases[3].who
    assert (cases[2].age, cases[2].sex, cases[2].view) == (63, "F", "PA")


def test_the_prompt_says_the_findings_and_depends_on_seed_and_key_alone(sources):
    pairs = sources()
    for key in KEYS:
        case = pairs.case(3, key)
        assert pairs.case(3, key) == case
        assert tuple(f.name for f in parse(case.prompt).findings) == (
            ("effusion",) if int(key) % 2 else ("mass",)
        )
    assert len({pairs.case(seed, KEYS[0]).prompt for seed in range(20)}) > 5


def test_only_as_many_files_are_read_as_candidates_need(sources, films):
    (films / "noise.png").write_bytes(b"damaged")
    assert len(sources(candidates=6).sources) == 3


def test_the_digest_moves_with_names_and_contents(sources, films):
    before = sources().digest
    assert sources().digest == before
    (films / "a.png").rename(films / "aa.png")
    renamed = sources().digest
    Image.fromarray(drawn_film(9)[0]).save(films / "aa.png")
    assert len({before, renamed, sources().digest}) == 3


def test_labels_say_what_is_shown_and_which_files_are_taken(sources, labelled):
    path = labelled(
        "deeper/c.png,x,mass left; consolidation,50,AP",
        "a.png,x,consolidation,60,PA",
        "./deeper/b.dcm,x,mass,,",
        "elsewhere.png,x,mass,,",
    )
    pairs = sources({"labels": path, "add": []}, candidates=4)
    assert [s.name for s in pairs.sources] == ["deeper/b.dcm", "deeper/c.png"]  # a.png has nothing to remove
    assert (pairs.case(3, KEYS[0]).age, pairs.case(3, KEYS[2]).age) == (63, 50)
    assert pairs.case(3, KEYS[2]).findings == (
        FindingRequest("mass", "left"),
        FindingRequest("consolidation"),
    )
    assert pairs.case(3, KEYS[3]).findings == (FindingRequest("consolidation"),)
    assert pairs.case(3, KEYS[1]).findings == ()


def test_no_finding_of_the_lungs_is_told_of_where_they_are_cleared(sources, labelled):
    path = labelled("a.png,x,mass left; consolidation; fracture,60,PA")
    pairs = sources({"labels": path, "add": [], "everywhere": True}, candidates=2)
    assert [f.name for f in pairs.case(3, KEYS[0]).findings] == ["mass", "consolidation", "fracture"]
    after = pairs.case(3, KEYS[1])
    assert after.edit == "removed mass everywhere"
    assert [f.name for f in after.findings] == ["fracture"]


def test_a_labelled_file_without_the_finding_is_taken_where_something_is_added(sources, labelled):
    path = labelled("a.png,x,consolidation,60,PA")
    pairs = sources({"labels": path}, candidates=2)
    after = pairs.case(3, KEYS[1])
    assert after.edit == "added effusion left"
    assert [f.name for f in after.findings] == ["consolidation", "effusion"]


def test_more_candidates_than_files(sources, labelled):
    with pytest.raises(UserError, match=r"^candidates: 10, expected at most 8: edit.source has 4 radio"):
        sources(candidates=10)
    with pytest.raises(UserError, match=r"expected at most 2: .* 1 radiographs that .*labels.csv names"):
        sources({"labels": labelled("a.png,x,mass,,")}, candidates=4)


def test_labels_of_another_folder(sources, labelled, tmp_path):
    with pytest.raises(UserError, match=r"labels.csv: image 'z.png' is not in .*, nor is any other"):
        sources({"labels": labelled("z.png,x,mass,,")})
    with pytest.raises(UserError, match=r"^edit.labels: .*none.csv, expected a CSV or Parquet file"):
        sources({"labels": str(tmp_path / "none.csv")})


def test_files_that_cannot_be_used_are_told_at_once_the_first_and_how_many(sources, films):
    (films / "a.png").write_bytes((films / "a.png").read_bytes()[:2000])
    with pytest.raises(UserError, match=r"^edit.source: .*a.png: damaged or truncated") as error:
        sources()
    assert "\n" not in str(error.value)
    write_dicom(films / "deeper" / "b.dcm", drawn_film(2)[0], ViewPosition="LL")
    (films / "noise.png").write_bytes((films / "deeper" / "c.png").read_bytes())
    with pytest.raises(UserError, match=r"a.png: .* \(and 2 more of 4 files\)$"):
        sources()


@pytest.mark.parametrize("wrong", ["lateral", "twice"])
def test_a_lateral_view_and_a_file_that_is_there_twice(sources, films, wrong):
    if wrong == "lateral":
        write_dicom(films / "deeper" / "b.dcm", drawn_film(2)[0], ViewPosition="LL")
        told = r"b.dcm: ViewPosition is LL, expected PA or AP$"
    else:
        (films / "noise.png").write_bytes((films / "deeper" / "c.png").read_bytes())
        told = r"noise.png: the same file as deeper/c.png, expected each radiograph once$"
    with pytest.raises(UserError, match=told):
        sources()


def test_images_of_other_formats_are_counted(sources, films, capsys):
    Image.fromarray(drawn_film(1)[0]).save(films / "deeper" / "d.tif")
    assert len(sources().sources) == 4
    assert f"edit.source: {films}: 1 images of other formats are not read: 1 .tif" in capsys.readouterr().err


def test_a_folder_that_is_none(sources, tmp_path):
    with pytest.raises(UserError, match=r"^edit.source: .*nowhere: not a folder"):
        sources({"source": str(tmp_path / "nowhere")})


def test_a_file_that_is_changed_meanwhile(sources, films):
    pairs = sources()
    assert pairs.read(pairs.sources[0]).pixels.dtype == np.uint8
    Image.fromarray(drawn_film(9)[0]).save(films / "a.png")
    with pytest.raises(DatasetError, match=r"a.png: was changed since the build began"):
        pairs.read(pairs.sources[0])
