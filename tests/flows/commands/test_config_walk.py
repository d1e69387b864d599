"""How far a config walks from the command line to the first candidate."""

import sys
import threading
from pathlib import Path

from flows.config.schema import BuildConfig

FLOORS = ("synth", "filters", "manifests", "flows")


def is_config(value):
    """The config itself, or as plain data."""
    return isinstance(value, BuildConfig) or (
        isinstance(value, dict) and {"candidates", "output"} <= set(value)
    )


def test_it_passes_through_at_most_fifteen_files(invoke, write_config):
    path, visited, begun = write_config(), set(), threading.Event()

    def look(frame, event, _):
        code = frame.f_code
        if event != "call" or begun.is_set():
            return
        if code.co_name == "candidates" and code.co_filename.endswith("standins.py"):
            begun.set()
        module = frame.f_globals.get("__name__", "")
        if module.split(".")[0] in FLOORS:
            given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            values = [frame.f_locals.get(name) for name in given]
            if any(is_config(v) or (isinstance(v, Path) and v == path) for v in values):
                visited.add(module)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        code, _, err = invoke("build", path)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert code == 0, err
    assert begun.is_set()
    assert {"flows.cli", "flows.build", "flows.loading", "flows.config.shards"} <= visited
    assert len(visited) <= 15, sorted(visited)
