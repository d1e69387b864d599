"""A pipeline of diffusers' real classes, tiny, saved once; each test gets a copy to break."""

import shutil

import pytest
from small_pipelines import save_pipeline


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_pipeline(tmp_path_factory.mktemp("pipelines") / "saved", controlnet=True)


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "folder")
