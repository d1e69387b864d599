"""A finished build, and files of figures measured on it."""

import pytest
from drawn_records import build_store
from rich.console import Console
from scored_builds import GROUPS, write_figures

from flows.evaluation.scorecard.writing import write_scorecard
from manifests.builds import finalise


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Three shards of ten candidates."""
    store = build_store(tmp_path_factory.mktemp("scored") / "build")
    finalise(store)
    return store


@pytest.fixture(scope="session")
def evidence(finished, tmp_path_factory):
    """A file of each command by its source."""
    folder = tmp_path_factory.mktemp("evidence")
    return {source: [write_figures(folder, source, finished)] for source in GROUPS}


@pytest.fixture(scope="session")
def bare(finished, tmp_path_factory):
    """The scorecard of the build with no figures of other commands, and its folder."""
    out = tmp_path_factory.mktemp("bare")
    return write_scorecard(finished.url, {}, str(out), 1000, True, Console(quiet=True)), out


@pytest.fixture(scope="session")
def full(finished, evidence, tmp_path_factory):
    """The same with all of them."""
    out = tmp_path_factory.mktemp("full")
    return write_scorecard(finished.url, evidence, str(out), 1000, True, Console(quiet=True)), out
