"""Small builds with the shipped models that draw again what a strict filter refuses."""

import re

import numpy as np
import pytest
from standins import digests

from flows.building.pipeline import Order
from flows.building.shard import Watch, build_shard, make_draw, make_records
from flows.config.identity import frozen_fields
from flows.config.image_model import settled
from flows.config.reading import parse_config
from flows.config.shards import shard
from manifests.audit import read_manifest, replay
from manifests.dataset import open_dataset
from manifests.draws import draws_of
from manifests.identity import open_build
from manifests.records import image_digest
from manifests.store import Store
from manifests.verify import verify
from synth.weights import SHIPPED

pytestmark = pytest.mark.skipif(
    not (SHIPPED / "images").is_dir(), reason="the checkpoints are not in this checkout yet"
)
OFF = {"enabled": False}
#: At this size no expert says yes to a whole film: one filter is strict, and one looks for copies.
FILTERS = {
    **dict.fromkeys(("integrity", "anatomy_agreement", "finding_agreement", "training_copy"), OFF),
    "lesion_agreement": {"threshold": 0.0005},
    "near_duplicate": {"threshold": 0.25},
}
REAL = {
    "seed": 5,
    "candidates": 5,
    "shard_size": 5,
    "images": {"size": 64, "steps": 2, "batch_size": 5, "retry_draws": 2},
    "filters": FILTERS,
    "prompts": {"normals": 0.0},
    "workers": {"count": 1},
}


def configured(**images):
    return settled(parse_config({**REAL, "output": "out", "images": {**REAL["images"], **images}}))


@pytest.fixture(scope="module")
def pipeline():
    from flows.loading import load_pipeline

    return load_pipeline(configured())


@pytest.fixture(scope="module")
def records(pipeline):
    config = configured()
    return make_records(shard(config, 0), Order.of(config, pipeline), pipeline, Watch())


def near_duplicate(record):
    (found,) = (v for v in record.verdicts if v.filter == "near_duplicate")
    return found


def test_the_first_draw_is_as_before_and_a_further_one_changes_noise_alone(pipeline, records):
    config = configured(retry_draws=0)
    once = make_records(shard(config, 0), Order.of(config, pipeline), pipeline, Watch())
    for first, record in zip(once, records, strict=True):
        assert [v.filter for v in first.verdicts] == [v.filter for v in record.verdicts]
        if not record.case.draw:
            assert np.array_equal(first.candidate.image, record.candidate.image)
            assert repr(first.verdicts) == repr(record.verdicts)
            continue
        assert repr(record.earlier[0].verdicts) == repr(first.verdicts)
        one, other = first.candidate, record.candidate
        assert (one.image != other.image).mean() > 0.5
        assert np.array_equal(one.masks.anatomy, other.masks.anatomy)
        assert np.array_equal(one.masks.lesion_channels(), other.masks.lesion_channels())
    assert {r.case.draw for r in records if r.status == "accepted"} > {0}
    assert sum(r.status == "accepted" for r in records) > sum(r.status == "accepted" for r in once)


def test_no_draw_is_a_copy_of_its_own_earlier_one_though_it_resembles_it(pipeline, records):
    order, resembling = Order.of(configured(), pipeline), 0
    for record in records:
        assert near_duplicate(record).detail["nearest"] != record.case.key
        for draw in range(record.case.draw):
            before = make_draw(record.case.key, draw, order, pipeline)
            distance = 1 - float(before.embedding @ record.embedding)
            resembling += distance < near_duplicate(record).threshold
    assert resembling, "or nothing was tested"


def test_a_shard_built_twice_has_the_same_bytes(pipeline, tmp_path):
    config = configured()
    for name in ("one", "two"):
        store = Store(tmp_path / name)
        open_build(store, frozen_fields(config, pipeline.digests))
        build_shard(shard(config, 0), Order.of(config, pipeline), pipeline, store, Watch())
        assert verify(store) == []
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_build_tells_its_draws_and_each_is_reproduced(invoke, write_config, tmp_path):
    code, _, err = invoke("build", write_config(**REAL), real=True)
    assert code == 0, err
    out = tmp_path / "out"
    table = read_manifest(Store(out))
    rows, (first, *others) = table.to_pylist(), draws_of(table)
    assert first["judged"] == 5
    assert sum(draw["accepted"] for draw in others) > 0
    assert invoke("verify", out)[0] == 0
    for sample in open_dataset(str(out)).samples():
        row = rows[int(sample.key)]
        assert sample.labels["draw"] == row["draw"]
        assert image_digest(sample.image) == row["image_sha256"]
    again = next(row for row in rows if row["draw"])
    code, text, err = invoke("reproduce", out, again["key"], real=True)
    assert code == 0, err
    assert f"draw {again['draw']}, made again without those before it" in text
    assert "the same pixels: KEY.png, KEY.anatomy.png, KEY.lesions.png" in text
    assert re.search("the same scores: .*lesion_agreement", text)
    code, text, _ = invoke("audit", out, "--set", "filters.lesion_agreement.threshold=-1")
    assert code == 0
    looser = replay(table, {"lesion_agreement": -1.0}, 2)
    assert looser.draws[0] > first["accepted"]
    assert f"accepted: {looser.draws[0]} at draw 0" in text
