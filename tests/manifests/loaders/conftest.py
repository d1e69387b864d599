"""Builds to load, and a cache folder of the test's own."""

import pytest
from drawn_exports import build_seen

from manifests.store import Store


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Where offsets are kept of builds that cannot be written to."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Store:
    """Three shards of twelve candidates, whose lesions experts have looked at; never changed."""
    return build_seen(tmp_path_factory.mktemp("build"))
