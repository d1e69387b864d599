import filter_cases as make
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.experts.embedding import FARTHEST, Memory, TrainingIndex, normalise
from filters.filter import Evidence
from filters.near_duplicate import score as near_duplicate
from filters.training_copy import score as training_copy

SHOWN = make.candidate(0)

seeds = st.integers(0, 2**32 - 1)


def features(seed=0, count=40, width=24):
    """Rows whose columns differ in scale by a factor of 100, as deep features do."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(3, 1, (count, width)) * np.geomspace(1, 0.01, width)
    return rows.astype(np.float32)


def index(seed=0, **options):
    rows = features(seed)
    return TrainingIndex.fit(rows, [f"{i}.png" for i in range(len(rows))], **options)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_training_image_is_its_own_nearest(seed):
    made = index(seed)
    for i, embedding in enumerate(made.project(features(seed))):
        distance, name = made.nearest(embedding)
        assert name == f"{i}.png"
        assert distance == pytest.approx(0, abs=2e-3)  # rows are kept as float16


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_embeddings_are_unit_and_distances_bounded(seed):
    made = index()
    embeddings = made.project(features(seed, 7))
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    assert all(0 <= made.nearest(e)[0] <= 2 for e in embeddings)


def test_components_are_white_on_the_training_set():
    made, rows = index(), features()
    spread = ((rows - made.mean) @ made.components.T).std(0, ddof=1)
    assert spread == pytest.approx(1, abs=1e-3)


def test_dimensions_are_a_ceiling():
    assert index(dimensions=5).components.shape == (5, 24)
    assert index(dimensions=500).components.shape[0] <= 24


def test_it_reads_back_whole(tmp_path):
    made = index(encoder="ab" * 32)
    made.save(tmp_path / "index.safetensors")
    made.save(tmp_path / "again.safetensors")
    assert (tmp_path / "index.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    read = TrainingIndex.load(tmp_path / "index.safetensors")
    assert (read.names, read.encoder) == (made.names, made.encoder)
    for name in ("mean", "components", "embeddings"):
        assert np.array_equal(getattr(read, name), getattr(made, name))
    assert read.embeddings.dtype == np.float16


def test_what_is_no_index_is_refused_in_one_line(tmp_path):
    path = tmp_path / "index.safetensors"
    with pytest.raises(ValueError, match="no file"):
        TrainingIndex.load(path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(ValueError, match="is not one"):
        TrainingIndex.load(path)
    with pytest.raises(ValueError, match="40 feature rows and 1 names"):
        TrainingIndex.fit(features(), ["one"])


def test_training_copy_names_the_image():
    made = index()
    score = training_copy(Evidence(SHOWN, embedding=made.project(features())[3], index=made))
    assert score.value < 2e-3
    assert score.detail == {"nearest": "3.png"}
    assert "3.png" in score.reason


def test_the_first_of_a_shard_is_farthest_from_everything():
    score = near_duplicate(Evidence(SHOWN, embedding=normalise(np.ones(4)), memory=Memory()))
    assert (score.value, score.detail) == (FARTHEST, {"nearest": ""})


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_repeat_is_found_and_named(seed):
    generator = np.random.default_rng(seed)
    memory = Memory()
    points = normalise(generator.normal(size=(6, 8)))
    for i, point in enumerate(points):
        memory.add(str(i), point)
    again = int(generator.integers(6))
    score = near_duplicate(Evidence(SHOWN, embedding=points[again], memory=memory))
    assert score.value == pytest.approx(0, abs=1e-6)
    assert score.detail["nearest"] == str(again)


@given(seeds, st.sets(st.integers(0, 5)))
@settings(max_examples=20, deadline=None)
def test_what_is_forgotten_is_near_to_nothing_and_the_rest_stays(seed, forgotten):
    points = normalise(np.random.default_rng(seed).normal(size=(6, 8)))
    memory = Memory([str(i) for i in range(6)], list(points))
    left = memory.without({str(i) for i in forgotten})
    kept = [i for i in range(6) if i not in forgotten]
    same = Memory([str(i) for i in kept], [points[i] for i in kept])
    assert [left.nearest(p) for p in points] == [same.nearest(p) for p in points]
    assert [memory.nearest(p)[1] for p in points] == [str(i) for i in range(6)]
    left.add("9", -points[0])
    assert left.nearest(-points[0])[1] == "9"
