"""torchxrayvision's own classes, with files made here in the format that it publishes."""

import pickle
from pathlib import Path

import filter_cases as make
import numpy as np
import pytest
import torch
import torchxrayvision as xrv
from torchxrayvision.baseline_models.chestx_det.ptsemseg.pspnet import pspnet

from filters.experts.convert import convert, urls
from filters.experts.torchxrayvision import XrvAnatomy, load, network
from filters.judge import Judge
from filters.panel import Panel
from filters.settings import FilterChoice, JudgeSettings
from synth.errors import WeightsError
from synth.findings import FINDINGS
from synth.weights import digest

DENSENET, RESNET, PSPNET = "densenet121-res224-all", "resnet50-res512-all", "pspnet"
NIH, CHEX = "densenet121-res224-nih", "densenet121-res224-chex"


def published(model: str, folder: Path) -> Path:
    """A file of random weights named and pickled as the package publishes the model's."""
    torch.manual_seed(3)
    path = folder / urls()[model].rsplit("/", 1)[-1]
    if model == PSPNET:
        tensors = {f"module.{k}": v for k, v in pspnet(14).state_dict().items()}
        torch.save(tensors, path)
    elif model == RESNET:
        net = network(RESNET)
        moderate(net, net.fc)
        torch.save(net.state_dict(), path)
    else:
        net = xrv.models.DenseNet(num_classes=18)
        moderate(net, net.classifier)
        torch.save(net, path)
    return path


def moderate(net: torch.nn.Module, head: torch.nn.Linear) -> None:
    """Scale a random network's last layer so that no probability is saturated."""
    with torch.inference_mode():
        logits = net.eval()(as_the_package_does(shown(4)))
    head.weight.data /= logits.std().clone()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("xrv")


@pytest.fixture(scope="module")
def densenet(folder):
    """(published pickle, converted file, its digest)"""
    path, out = published(DENSENET, folder), folder / "densenet.safetensors"
    with pytest.warns(UserWarning, match="runs code"):
        return path, out, convert(path, out, sha256=digest(path))


@pytest.fixture(scope="module")
def resnet(folder):
    path, out = published(RESNET, folder), folder / "resnet.safetensors"
    return path, out, convert(path, out)


def shown(count=2, size=224):
    return np.stack([make.textured(i, size) for i in range(count)])


def as_the_package_does(images):
    """Its own normalisation: (N, 1, H, W) float32 in [-1024, 1024]."""
    return torch.from_numpy(xrv.utils.normalize(images, 255)[:, None])


@pytest.mark.parametrize("kind", ["densenet", "resnet"])
def test_a_converted_classifier_says_what_the_package_s_own_class_says(kind, folder, request):
    _, out, sha256 = request.getfixturevalue(kind)
    expert = load(out, sha256, batch_size=2)
    images = shown()
    if kind == "densenet":
        theirs = xrv.models.DenseNet(weights=DENSENET, cache_dir=str(folder))
    else:
        theirs = xrv.models.ResNet(weights=RESNET, cache_dir=str(folder))
    with torch.inference_mode():
        expected = theirs(as_the_package_does(images))
    for opinion, row in zip(expert.look(images), expected, strict=True):
        assert 0.01 < row.min() <= row.max() < 0.99  # nothing saturated: equality means something
        by_label = dict(zip(theirs.targets, row.tolist(), strict=True))
        for name, p in opinion.probabilities.items():
            assert p == pytest.approx(by_label[FINDINGS[name].xrv], abs=1e-4)
        assert all(m.shape == (224, 224) for m in opinion.lesions.values())
        assert all(0 <= m.min() <= m.max() <= 1 for m in opinion.lesions.values())


def test_labels_without_a_threshold_are_not_spoken_of(densenet, folder):
    everything = load(densenet[1], densenet[2])
    assert everything.findings == tuple(n for n, f in FINDINGS.items() if f.xrv)
    for model, silent in ((NIH, "fracture"), (CHEX, "nodule")):
        path = published(model, folder)
        out = folder / f"{model}.safetensors"
        with pytest.warns(UserWarning, match="runs code"):
            expert = load(out, convert(path, out, sha256=digest(path)))
        assert silent not in expert.findings
        assert "effusion" in expert.findings


def test_activation_maps_average_to_the_logit(densenet):
    expert = load(densenet[1], densenet[2])
    x = torch.randn(1, 1, 224, 224)
    with torch.inference_mode():
        features = expert._features(x)
        cells = expert._head(features.movedim(1, -1))
        whole = expert.network(x)
    assert torch.allclose(cells.mean((1, 2)), whole, atol=1e-4)


@pytest.fixture(scope="module")
def segmenter(folder):
    """(published file, converted file, its digest); large, so gone when this module is done"""
    path, out = published(PSPNET, folder), folder / "pspnet.safetensors"
    yield path, out, convert(path, out)
    path.unlink()
    out.unlink()


def test_pspnet_converts_without_running_code_and_drops_the_prefix(segmenter):
    path, out, sha256 = segmenter
    expert = load(out, sha256)
    assert isinstance(expert, XrvAnatomy)
    theirs = torch.load(path, weights_only=True)
    for name, tensor in expert.network.state_dict().items():
        assert torch.equal(tensor, theirs[f"module.{name}"])


@pytest.mark.slow
def test_a_converted_pspnet_says_what_the_package_s_own_class_says(segmenter, folder):
    expert = load(segmenter[1], segmenter[2], batch_size=1)
    image = shown(1, 128)
    theirs = xrv.baseline_models.chestx_det.PSPNet(cache_dir=str(folder))
    with torch.inference_mode():
        expected = theirs(as_the_package_does(image))
        ours = expert.logits(image)
    assert torch.allclose(ours, expected, atol=1e-4)


def test_a_judge_can_ask_it(densenet):
    choice = FilterChoice(expert="torchxrayvision", weights=densenet[1], sha256=densenet[2])
    off = FilterChoice(enabled=False)
    settings = JudgeSettings(
        filters={
            "anatomy_agreement": off,
            "near_duplicate": off,
            "training_copy": off,
            "finding_agreement": choice,
            "lesion_agreement": choice,
        },
        batch_size=2,
    )
    panel = Panel.load(settings)
    assert panel.experts["finding_agreement"] is panel.experts["lesion_agreement"]
    (judgement,) = Judge(settings, panel).for_shard().judge([make.candidate(1, "nodule")])
    finding = judgement.verdicts[2]
    assert set(finding.detail["probability"]) == set(panel.experts["finding_agreement"].findings)
    assert panel.digests["filters/finding_agreement/densenet.safetensors"] == densenet[2]
    with pytest.raises(ValueError, match="does not speak of anatomy"):
        Panel.load(JudgeSettings(filters={**settings.filters, "anatomy_agreement": choice}))


def test_a_wrong_digest_is_refused_before_anything_is_opened(densenet, folder):
    path, out, _ = densenet
    with pytest.raises(WeightsError, match="expected 00"):
        load(out, "00" * 32)
    with pytest.raises(WeightsError, match="expected 00"):
        convert(path, folder / "never.safetensors", sha256="00" * 32)
    assert not (folder / "never.safetensors").exists()


def test_a_pickle_is_refused_and_the_command_named(densenet):
    with pytest.raises(WeightsError, match=r"synthorax convert .*\.pt OUT") as error:
        load(densenet[0], densenet[2])
    assert "\n" not in str(error.value)


def test_a_pickled_module_is_not_opened_without_a_pin(folder):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("code from the pickle ran",))

    path = folder / urls()[NIH].rsplit("/", 1)[-1]
    kept = path.read_bytes() if path.exists() else None
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WeightsError, match="expected its sha256"):
        convert(path, folder / "never.safetensors")
    as_state_dict = folder / urls()[RESNET].rsplit("/", 1)[-1].replace("resnet50", "trap")
    torch.save({"conv1.weight": Trap()}, as_state_dict)
    with pytest.raises(WeightsError, match="not a plain state dict"):
        convert(as_state_dict, folder / "never.safetensors", model=RESNET)
    if kept is not None:
        path.write_bytes(kept)


def test_tensors_of_another_network_are_refused(folder):
    path = folder / "other.pt"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="does not fit") as error:
        convert(path, folder / "never.safetensors", model=RESNET)
    assert "\n" not in str(error.value)
    with pytest.raises(WeightsError, match="no published name"):
        convert(path, folder / "never.safetensors")


def test_safetensors_that_name_no_model_are_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "plain.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="names no torchxrayvision model"):
        load(path, digest(path))


def test_a_conversion_repeats_byte_for_byte(resnet, tmp_path):
    assert convert(resnet[0], tmp_path / "again.safetensors") == resnet[2]
    assert [p.name for p in tmp_path.iterdir()] == ["again.safetensors"]
