"""What tests of every room share."""

import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory):
    """What tests leave among temporary files goes with pytest's own: crashes clear nothing away."""
    folder = str(tmp_path_factory.mktemp("left"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        patch.setitem(os.environ, "TMPDIR", folder)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real material beside the repository; tests that need it skip without it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder.name} is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """Tiny checkpoints in diffusers' layout, never changed: ``controlnet`` holds one, ``plain`` none."""
    from small_pipelines import save_pipeline

    root = tmp_path_factory.mktemp("checkpoints")
    return {
        name: save_pipeline(root / name, controlnet=name == "controlnet") for name in ("controlnet", "plain")
    }
