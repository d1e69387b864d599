import json
import threading

import filter_cases as make
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from filters.experts.embedded import CHECKPOINTS, OPACITY, WEIGHTS, EmbeddedAnatomy, in_batches
from filters.experts.embedding import INDEX, TrainingIndex
from filters.experts.ensemble import MEMBERS
from filters.experts.lite import LiteExpert
from filters.experts.lite_networks import lite_network
from filters.experts.networks import anatomy_network
from filters.panel import Panel
from filters.settings import FilterChoice, JudgeSettings
from synth.errors import WeightsError
from synth.findings import FINDING_NAMES
from synth.weights import digest

#: What another batch size may change: the last bits of float32 sums, nothing that is judged.
TOLERANCE = 1e-5
FINDINGS = MEMBERS["findings"][0]


def images(count):
    return np.stack([make.textured(i) for i in range(count)])


def write_pins(folder):
    names = sorted(p.name for p in folder.iterdir() if p.name != "SHA256SUMS")
    lines = [f"{digest(folder / n)}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.fixture
def checkpoints(tmp_path):
    """Folders as shipped, of seeded random weights."""
    for name, network, config in (
        ("anatomy", anatomy_network(3), {"structures": make.STRUCTURES}),
        (
            FINDINGS,
            lite_network("lite0"),
            {
                "network": "lite0",
                "findings": ["effusion", "nodule"],
                "trusted": ["effusion"],
                "calibration": {"nodule": {"scale": 0.0, "bias": 2.0}},
                "map_calibration": {},
            },
        ),
    ):
        folder = tmp_path / name
        folder.mkdir()
        save_file(network.state_dict(), folder / WEIGHTS)
        text = json.dumps({"resolution": make.RESOLUTION, **config})
        (folder / "config.json").write_text(text)
    rows = make.anatomy_expert().features(images(5))
    TrainingIndex.fit(rows, list("abcde")).save(tmp_path / "anatomy" / INDEX)
    for name in ("anatomy", FINDINGS):
        write_pins(tmp_path / name)
    return tmp_path


@given(st.integers(1, 20), st.integers(1, 7))
def test_batches_have_one_size_and_hold_everything_in_order(count, size):
    numbers = np.arange(count)
    batches = list(in_batches(numbers, size))
    assert all(len(batch) == size for _, batch in batches)
    assert np.array_equal(np.concatenate([batch[:n] for n, batch in batches]), numbers)


def test_anatomy_has_the_image_s_size_and_is_a_probability():
    opinions = make.anatomy_expert().look(images(3))
    assert len(opinions) == 3
    for opinion in opinions:
        assert opinion.anatomy.shape == (3, make.SIZE, make.SIZE)
        assert 0 <= opinion.anatomy.min() <= opinion.anatomy.max() <= 1
        assert opinion.mask("heart").dtype == bool
        assert opinion.mask("left_clavicle") is None
        assert opinion.embedding is None


def test_they_say_what_their_network_says():
    expert = make.finding_expert(batch_size=1)
    (opinion,) = expert.look(images(1))
    x = torch.from_numpy(images(1)).float()[:, None] / 127.5 - 1
    x = torch.nn.functional.avg_pool2d(x, 2)  # 64 to 32: plain area averaging
    with torch.inference_mode():
        maps, logits = expert.network(x)
    assert list(opinion.probabilities.values()) == pytest.approx(logits.sigmoid()[0].tolist(), abs=1e-6)
    assert tuple(opinion.probabilities) == (*FINDING_NAMES, OPACITY)
    assert opinion.lesions["mass"].mean() == pytest.approx(
        maps.sigmoid()[0, FINDING_NAMES.index("mass")].mean().item(), abs=0.01
    )


@given(st.integers(1, 6), st.integers(1, 9))
@settings(max_examples=8, deadline=None)
def test_the_batch_size_changes_the_last_bits_only(size, count):
    shown = images(count)
    for maker in (make.anatomy_expert, make.finding_expert):
        one, other = maker(batch_size=1).look(shown), maker(batch_size=size).look(shown)
        for a, b in zip(one, other, strict=True):
            for name, p in a.probabilities.items():
                assert b.probabilities[name] == pytest.approx(p, abs=TOLERANCE)
                assert np.abs(a.lesions[name] - b.lesions[name]).max() < TOLERANCE
            if a.anatomy is not None:
                assert np.abs(a.anatomy - b.anatomy).max() < TOLERANCE


def test_within_one_batch_size_neither_place_nor_company_changes_a_bit():
    shown = images(7)
    for expert in (make.panel().embedder, make.finding_expert()):
        together = expert.look(shown)
        backwards = expert.look(shown[::-1])[::-1]
        for i in range(len(shown)):
            (alone,) = expert.look(shown[i : i + 1])
            for other in (together[i], backwards[i]):
                assert alone.probabilities == other.probabilities
                assert all(np.array_equal(m, other.lesions[n]) for n, m in alone.lesions.items())
                assert np.array_equal(alone.anatomy, other.anatomy)
                assert np.array_equal(alone.embedding, other.embedding)


def test_an_embedding_is_of_what_its_index_was_fitted_to():
    """What an index holds of an image is what the expert then makes of it, and that image is the nearest."""
    panel, shown = make.panel(), np.stack([make.textured(1000 + i) for i in range(12)])
    for i, opinion in enumerate(panel.embedder.look(shown)):
        distance, name = panel.index.nearest(opinion.embedding)
        assert name == f"train/{i}.png"
        assert distance < 1e-3


def test_threads_may_share_one():
    expert, shown = make.finding_expert(), images(4)
    expected = [o.probabilities for o in expert.look(shown)]
    said = {}

    def ask(i):
        said[i] = [o.probabilities for o in expert.look(shown)]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(said[i] == expected for i in range(4))


def test_a_checkpoint_folder_loads_with_its_calibration(checkpoints):
    expert = LiteExpert.read(checkpoints / FINDINGS)
    assert expert.digest == digest(checkpoints / FINDINGS / WEIGHTS)
    (opinion,) = expert.look(images(1))
    assert set(opinion.probabilities) == {"effusion", "nodule", OPACITY}
    assert opinion.probabilities["nodule"] == pytest.approx(1 / (1 + np.exp(-2)))
    assert EmbeddedAnatomy.load(checkpoints / "anatomy").structures == make.STRUCTURES


def test_a_panel_loads_each_once_and_records_every_file(checkpoints):
    panel = Panel.load(JudgeSettings(checkpoints=checkpoints))
    assert panel.experts["finding_agreement"] is panel.experts["lesion_agreement"]
    assert panel.embedder is panel.experts["anatomy_agreement"]
    assert set(panel.digests) == {
        "filters/anatomy/config.json",
        f"filters/anatomy/{WEIGHTS}",
        f"filters/{FINDINGS}/config.json",
        f"filters/{FINDINGS}/{WEIGHTS}",
        f"filters/anatomy/{INDEX}",
    }


def test_a_panel_loads_nothing_that_no_filter_asks(checkpoints):
    names = ("finding_agreement", "lesion_agreement", "near_duplicate", "training_copy")
    off = dict.fromkeys(names, FilterChoice(enabled=False))
    panel = Panel.load(JudgeSettings(filters=off, checkpoints=checkpoints))
    assert (set(panel.experts), panel.embedder, panel.index) == ({"anatomy_agreement"}, None, None)
    assert not any("findings" in name for name in panel.digests)


def test_what_is_wrong_with_a_folder_is_told_in_one_line(checkpoints):
    with pytest.raises(WeightsError, match="SHA256SUMS"):
        Panel.load(JudgeSettings(checkpoints=checkpoints / "nowhere"))

    weights = checkpoints / FINDINGS / WEIGHTS
    save_file(lite_network("lite0").state_dict(), weights)  # others than those pinned
    with pytest.raises(WeightsError, match="expected"):
        LiteExpert.read(checkpoints / FINDINGS)

    save_file(anatomy_network(3).state_dict(), weights)
    write_pins(checkpoints / FINDINGS)
    with pytest.raises(WeightsError, match="does not fit") as error:
        LiteExpert.read(checkpoints / FINDINGS)
    assert "\n" not in str(error.value)


def test_an_index_of_another_network_is_refused(checkpoints):
    rows = make.anatomy_expert().features(images(5))
    index = TrainingIndex.fit(rows, list("abcde"), encoder="00" * 32)
    index.save(checkpoints / "anatomy" / INDEX)
    write_pins(checkpoints / "anatomy")
    with pytest.raises(WeightsError, match="make it again"):
        Panel.load(JudgeSettings(checkpoints=checkpoints))


@pytest.mark.skipif(not CHECKPOINTS.is_dir(), reason="the experts' checkpoints are not there yet")
def test_the_shipped_anatomy_expert_finds_lungs_in_real_radiographs(real_images):
    for opinion in EmbeddedAnatomy.load().look(np.stack(real_images)):
        right, left = opinion.mask("right_lung"), opinion.mask("left_lung")
        assert 0.03 < right.mean() < 0.5
        assert 0.03 < left.mean() < 0.5
        # the patient's right lung lies on the left of the image
        assert np.argwhere(right)[:, 1].mean() < np.argwhere(left)[:, 1].mean()
