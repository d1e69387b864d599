"""Feature spaces of the user's own files: RAD-DINO's layout with a tiny Dinov2, torchxrayvision's."""

import numpy as np
import pytest
import torch
from drawn_sets import drawn_build, real_films
from typer.testing import CliRunner

from flows.cli import app
from flows.evaluation.sets.spaces import RadDino, load_spaces
from flows.figures.figure import FigureFile
from synth.errors import UserError


@pytest.fixture(scope="module")
def rad_dino(tmp_path_factory):
    """As the published folder is laid out: a Dinov2 and its image processor."""
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    folder = tmp_path_factory.mktemp("rad_dino")
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=56, patch_size=14
    )
    Dinov2Model(config).save_pretrained(folder, safe_serialization=True)
    BitImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}).save_pretrained(
        folder
    )
    return folder


def images(count=5, side=64):
    return np.random.default_rng(0).integers(0, 256, (count, side, side), np.uint8)


def test_features_are_the_pooled_output_of_what_transformers_makes_of_the_file(rad_dino):
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModel

    ours = RadDino(rad_dino).features(images())
    assert ours.shape == (5, 16)
    model, processor = AutoModel.from_pretrained(rad_dino), AutoImageProcessor.from_pretrained(rad_dino)
    films = [Image.fromarray(i).convert("RGB") for i in images()]
    with torch.inference_mode():
        theirs = model(**processor(images=films, return_tensors="pt")).pooler_output.numpy()
    assert np.allclose(ours, theirs, atol=1e-4)


def test_chexgenbench_adds_its_own_figures(rad_dino, tmp_path):
    real, store = real_films(tmp_path / "real"), drawn_build(tmp_path / "build", 20)
    words = ["--rad-dino", rad_dino, "--protocol", "chexgenbench", "--out", tmp_path / "out"]
    done = CliRunner().invoke(app, ["evaluate", *map(str, [store.url, "--real", real, *words])])
    assert done.exit_code == 0, done.stderr
    file = FigureFile.read(tmp_path / "out" / "evaluation.json")
    own = {f.name: f for f in file.figures if "CheXGenBench" in f.judge}
    assert {"fd", "kid", "precision", "recall", "density", "coverage", "inception"} <= set(own)
    assert own["fd"].counts == {"generated": 20, "real": 48, "patients": 24, "compared": 20}
    assert own["inception"].value is None
    assert any(f.judge == "rad_dino" and f.name == "coverage" and f.value is not None for f in file.figures)


def test_folders_that_hold_something_else_are_a_line(rad_dino, tmp_path):
    import shutil

    with pytest.raises(UserError, match=r"has no config\.json"):
        RadDino(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(rad_dino, copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no model\.safetensors"):
        RadDino(copy)
    (copy / "model.safetensors").write_bytes(b"none")
    with pytest.raises(UserError, match="cannot be opened by transformers"):
        RadDino(copy)


def test_a_converted_torchxrayvision_classifier_is_a_space(tmp_path):
    """Its features are the package's own."""
    import json

    from safetensors.torch import save_file

    from filters.experts.torchxrayvision import MODEL_KEY, network, prepare

    name = "densenet121-res224-all"
    torch.manual_seed(0)
    net = network(name).eval()
    path = tmp_path / "classifier.safetensors"
    tensors = {k: v.contiguous() for k, v in net.state_dict().items()}
    save_file(tensors, path, {MODEL_KEY: json.dumps({"model": name})})
    space = load_spaces([path], None)[-1]
    assert space.name == f"torchxrayvision_{name}"
    with torch.inference_mode():
        theirs = net.features2(prepare(images(2), 224, "cpu")).numpy()
    assert np.allclose(space.features(images(2)), theirs, atol=1e-4)
    with pytest.raises(UserError, match="nowhere"):
        load_spaces([tmp_path / "nowhere.safetensors"], None)
