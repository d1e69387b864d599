"""A prepared folder and a base, both tiny, for all tests of trainings on them; neither is written to."""

import pytest
from small_prepared import prepared
from small_stable import write_base


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("prepared") / "films")


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("base") / "stable")
