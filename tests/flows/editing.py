"""What tests of `synthorax edit` share: the shipped models, read once, and the command itself."""

from functools import cache

import numpy as np
from drawn_films import drawn_film
from PIL import Image
from typer.testing import CliRunner

from flows.cli import app
from flows.loading import load_retoucher
from manifests.store import Store

ADD = ("--add", "consolidation, right, lower, severe", "--tries", 1)


@cache
def shipped():
    return load_retoucher()


def call(*arguments):
    """(exit code, stdout, lines on stderr but the progress bar's)."""
    result = CliRunner().invoke(app, ["edit", *map(str, arguments)])
    lines = [x for x in result.stderr.splitlines() if x.strip() and not x.startswith("editing")]
    return result.exit_code, result.stdout, lines


def is_one_line(outcome, *parts):
    code, out, lines = outcome
    assert (code, out, len(lines)) == (2, "", 1), outcome
    for part in parts:
        assert part in lines[0]
    return True


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@cache
def film(seed, size=256):
    return drawn_film(seed, size)


def lower_lung(seed, size=256, side=0):
    """(size, size) bool: the lower third of a drawn film's lung."""
    lung = film(seed, size)[1][side]
    rows = np.flatnonzero(lung.any(1))
    out = np.zeros_like(lung)
    lower = rows[-len(rows) // 3 :]
    out[lower] = lung[lower]
    return out


def files_of(out):
    return {name: (out / name).read_bytes() for name in Store(out).list() if name != ".lock"}
