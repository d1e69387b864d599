"""A store to read from."""

from pathlib import Path

import fsspec
import pytest
from drawn_records import build_store

from manifests.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three committed shards of ten, not finalised."""
    return build_store(tmp_path / "out")


@pytest.fixture(autouse=True)
def _forget_memory():
    yield
    fsspec.filesystem("memory").store.clear()
