"""A prepared folder and a base, both tiny, for all tests of trainings on them; neither is written to."""

import pytest
import timm
import torch
from small_prepared import prepared
from small_stable import write_base

from flows.training import adversary


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("prepared") / "films")


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("base") / "stable")


@pytest.fixture
def random_backbone(monkeypatch):
    """Adversaries see by random weights: ImageNet's are a package that is not installed for tests."""

    def random_weights(name):
        torch.manual_seed(0)
        return timm.create_model(f"tf_efficientnet_{name}", pretrained=False, in_chans=1).state_dict()

    monkeypatch.setattr(adversary, "imagenet", random_weights)
