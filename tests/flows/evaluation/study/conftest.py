"""A kit that is made once."""

import pytest
from kits import drawn_build, real_folder, study


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    return drawn_build(tmp_path_factory.mktemp("build") / "demo")


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    return real_folder(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="session")
def kit(build, real, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "kit"
    code, _, errors = study("make", build, "--real", real, "--out", out, "--films", 8, "--seed", 5)
    assert code == 0, errors
    return out
