"""Weights are safetensors that match their pins, or one line says what is wrong."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from synth.errors import WeightsError
from synth.weights import SHIPPED, SUMS, digest, load_safetensors, pins, verify_folder


@pytest.fixture
def folder(tmp_path):
    save_file({"a": torch.arange(4.0)}, tmp_path / "model.safetensors")
    (tmp_path / SUMS).write_text(f"{digest(tmp_path / 'model.safetensors')}  model.safetensors\n")
    return tmp_path


def test_a_sealed_folder_verifies_and_loads(folder):
    wanted = verify_folder(folder)
    tensors = load_safetensors(folder / "model.safetensors", wanted["model.safetensors"])
    assert torch.equal(tensors["a"], torch.arange(4.0))


def test_a_changed_byte_is_refused(folder):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"model\.safetensors has SHA-256 .*, expected"):
        verify_folder(folder)


def test_a_missing_file_and_a_missing_list_are_told(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="not found"):
        verify_folder(folder)
    (folder / SUMS).unlink()
    with pytest.raises(WeightsError, match=SUMS):
        pins(folder)


def test_a_pickle_is_refused_with_the_command_that_converts(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(WeightsError, match="synthorax convert"):
        load_safetensors(path)


def test_something_else_named_safetensors_is_told(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no tensors here")
    with pytest.raises(WeightsError, match="not valid safetensors"):
        load_safetensors(path)


def test_shipped_weights_match_their_pins_carry_cards_and_stay_under_60_mb():
    import filters

    roots = (SHIPPED, SHIPPED.parent.parent / "filters" / "checkpoints")
    assert filters.__file__ is not None
    folders = [f for root in roots for f in root.iterdir() if f.is_dir()]
    models = {"shape", "masks", "images", "one_pass", "rough_latents"}
    experts = {"anatomy", "anatomy_second", "findings_lite0", "findings_lite1"}
    evaluators = {"evaluator_anatomy", "evaluator_attributes", "evaluator_lite2"}
    assert {f.name for f in folders} == models | experts | evaluators
    for folder in folders:
        listed = set(verify_folder(folder))
        found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert found - listed <= {SUMS, "README.md"} | {n for n in found if n.endswith(("README.md", SUMS))}
        card = (folder / "README.md").read_text()
        assert all(word in card for word in ("license:", "data:", "command:", "seed", "metrics:"))
    total = sum(p.stat().st_size for root in roots for p in root.rglob("*") if p.is_file())
    assert total <= 60_000_000
