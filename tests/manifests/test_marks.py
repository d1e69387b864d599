import io
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import webdataset as wds
from drawn_records import BUILD, draw_record, draw_shard
from older_builds import build_older, unmarked
from PIL import Image

from manifests import layout
from manifests.builds import finalise, open_build
from manifests.commits import read_commits
from manifests.dataset import open_dataset
from manifests.identity import build_hash, read_build
from manifests.marks import (
    COMPOSITE,
    MARKED_SINCE,
    MASKS,
    REAL,
    SYNTHETIC,
    Origin,
    mark,
    marked,
    marks,
    source_of,
)
from manifests.members import decode_png, encode_png, encode_sample
from manifests.schema import EARLIEST, SCHEMA_VERSION
from manifests.shards import write_shard
from manifests.sheets.contact_sheet import contact_sheet
from manifests.store import Store
from manifests.tars import read_samples, write_samples
from manifests.verify import verify
from synth.software import software

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TAR = layout.tar_path(1)


def fields(packet):
    """The attributes of a packet's one description."""
    (description,) = ElementTree.fromstring(packet.decode()).iter(f"{RDF}Description")
    return dict(description.attrib)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_mark_changes_no_pixel_and_is_where_pillow_looks_for_xmp(dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (40, 30)).astype(dtype)
    plain = encode_png(pixels)
    packet = mark(SYNTHETIC, "synthorax <\"&'> 1", {"Key": "000000001"})
    png = marked(plain, packet)
    assert (marks(plain), marks(png)) == ([], [packet])
    assert unmarked(png) == plain
    assert np.array_equal(decode_png(png), pixels)
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.info["xmp"] == packet
    assert fields(packet)["{http://ns.adobe.com/xap/1.0/}CreatorTool"] == "synthorax <\"&'> 1"
    assert len(packet) < 1100


def test_every_picture_of_a_tar_names_its_build_and_key(store):
    build = read_build(store)
    seen = 0
    for path in (TAR, layout.rejected_path(1)):
        for key, members in read_samples(store, path):
            for extension in ("png", "anatomy.png", "lesions.png"):
                (packet,) = marks(members[extension])
                found = fields(packet)
                assert found[IPTC] == f"{TERMS}trainedAlgorithmicMedia"
                assert found["{urn:synthorax:}Build"] == build_hash(build)
                assert found["{urn:synthorax:}Key"] == key
                tool = f"synthorax {software()['synthorax']}"
                assert found["{http://ns.adobe.com/xap/1.0/}CreatorTool"] == tool
                seen += 1
    assert seen >= 15


@pytest.mark.parametrize(
    ("edit", "source", "term"),
    [
        ("", SYNTHETIC, "trainedAlgorithmicMedia"),
        ("removed mass", COMPOSITE, "compositeWithTrainedAlgorithmicMedia"),
        ("before", REAL, "algorithmicallyEnhanced"),
        ("unchanged", REAL, "algorithmicallyEnhanced"),
    ],
)
def test_a_real_radiograph_never_claims_to_be_made_by_ai_nor_an_edited_one_to_be_real(edit, source, term):
    assert source_of(edit) is source
    packet = mark(source, "synthorax 1", {})
    assert fields(packet)[IPTC] == TERMS + term
    assert ("real person" in packet.decode()) == bool(edit)
    assert ("nothing in it is made by AI" in packet.decode()) == (edit in ("before", "unchanged"))


def test_decoders_see_the_pixels_alone(store):
    drawn = {r.case.key: r.candidate for r in draw_shard(1)}
    path = store.path(TAR)
    plain = {s["__key__"]: s for s in wds.WebDataset(path, shardshuffle=False).decode("pil")}
    numpy = {s["__key__"]: s for s in wds.WebDataset(path, shardshuffle=False).decode("l8")}
    assert plain.keys() == numpy.keys() == {k for k, _ in read_samples(store, TAR)}
    for key, sample in plain.items():
        assert np.array_equal(np.asarray(sample["png"].convert("L")), drawn[key].image)
        assert np.array_equal(numpy[key]["png"], drawn[key].image)
    torchvision = pytest.importorskip("torchvision.io")
    import torch

    for key, members in read_samples(store, TAR):
        data = torch.frombuffer(bytearray(members["png"]), dtype=torch.uint8)
        assert np.array_equal(torchvision.decode_image(data)[0].numpy(), drawn[key].image)


def rewrite(store, change):
    """Shard 1's tar written anew, its first sample's members by ``change``, and its commit forged to fit."""
    samples = list(read_samples(store, TAR))
    change(samples[0][1])
    out = io.BytesIO()
    write_samples(out, samples)
    Path(store.path(TAR)).write_bytes(out.getvalue())
    commit = json.loads(store.read(layout.commit_path(1)))
    info = store.info(TAR)
    commit["files"][TAR] |= {"sha256": info.sha256, "bytes": info.bytes}
    store.publish(layout.commit_path(1), json.dumps(commit).encode())
    return samples[0][0]


@pytest.mark.parametrize("extension", ["png", "anatomy.png", "lesions.png"])
def test_verify_refuses_a_picture_without_its_mark(store, extension):
    key = rewrite(store, lambda m: m.update({extension: unmarked(m[extension])}))
    expected = f"{TAR}/{key}.{extension}: has no mark, expected that of its build and key"
    assert [str(p) for p in verify(store)] == [expected]


ORIGIN = Origin("0" * 64, "synthorax 1")


@pytest.mark.parametrize("change", ["build", "key", "kind", "second", "behind", "packed"])
def test_verify_refuses_another_mark(store, change):
    def forged(members):
        origin, key = Origin.of(read_build(store)), json.loads(members["json"])["key"]
        facts = {"Build": origin.build, "Key": key}
        source = MASKS if change == "kind" else SYNTHETIC
        if change in ("build", "key"):
            facts[change.title()] = {"build": "0" * 64, "key": "000000999"}[change]
        other = mark(source, origin.tool, facts)
        plain = unmarked(members["png"])
        if change == "second":
            plain = marked(plain, mark(REAL, "another", {}))
        if change == "behind":  # the last one is what Pillow shows
            chunk = marked(plain, mark(REAL, "another", {}))[33 : len(plain) * -1 + 33]
            members["png"] = members["png"][:-12] + chunk + members["png"][-12:]
            return
        members["png"] = marked(plain, other)
        if change == "packed":
            head = b"XML:com.adobe.xmp\0"
            members["png"] = members["png"].replace(head + b"\0", head + b"\1", 1)

    key = rewrite(store, forged)
    problems = [str(p) for p in verify(store)]
    assert problems
    assert all(p.startswith(f"{TAR}/{key}.png: ") for p in problems)
    if change != "packed":  # whose checksum is wrong besides
        assert problems == [f"{TAR}/{key}.png: has another mark, expected that of its build and key"]


@pytest.mark.parametrize("version", range(EARLIEST, SCHEMA_VERSION))
def test_builds_of_earlier_versions_stay_readable_and_whole_without_what_came_later(tmp_path, version):
    store = build_older(tmp_path / "out", version)
    assert verify(store) == []
    (_, members), *_ = read_samples(store, layout.tar_path(0))
    assert bool(marks(members["png"])) == (version >= MARKED_SINCE)
    labels = json.loads(members["json"])
    assert ("complete" in labels, "draw" in labels) == (version >= 3, False)
    sample = next(open_dataset(store.url).samples())
    drawn = draw_record(int(sample.key))
    assert np.array_equal(sample.image, drawn.candidate.image)


def test_the_same_sample_has_the_same_bytes():
    record = next(r for r in map(draw_record, range(9)) if r.candidate)
    assert encode_sample(record, ORIGIN) == encode_sample(record, ORIGIN)
    assert encode_sample(record, ORIGIN) != encode_sample(record, Origin("1" * 64, "synthorax 1"))


def test_who_goes_on_with_a_build_marks_as_who_began_it(tmp_path, monkeypatch):
    store = Store(tmp_path / "out")
    open_build(store, BUILD)
    write_shard(store, 0, draw_shard(0), {})
    for module in ("manifests.identity", "manifests.marks"):
        monkeypatch.setattr(f"{module}.software", lambda: {"synthorax": "9.9", "commit": ""})
    open_build(store, BUILD)
    write_shard(store, 1, draw_shard(1), {})
    finalise(store)
    assert verify(store) == []
    assert len({c.build_hash for c in read_commits(store).values()}) == 1


def test_a_contact_sheet_says_what_it_shows(store):
    (packet,) = marks(contact_sheet(store, accepted=2, rejected=0, tile=60))
    assert fields(packet)["{urn:synthorax:}Build"] == build_hash(read_build(store))
    assert fields(packet)[IPTC].endswith("trainedAlgorithmicMedia")
