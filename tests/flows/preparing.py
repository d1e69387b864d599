"""What tests of `synthorax prepare` share: the shipped experts, read once, and the command itself."""

from functools import cache

import pyarrow.parquet as pq
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from filters.experts.ensemble import load_anatomy, load_findings
from flows.cli import app
from flows.preparing.folder import prepare


@cache
def anatomy():
    return load_anatomy()


@cache
def findings():
    return load_findings()


class Watched:
    """An expert that counts what it is shown."""

    def __init__(self, expert):
        self.expert, self.digest, self.seen = expert, expert.digest, 0

    def look(self, images):
        self.seen += len(images)
        return self.expert.look(images)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def call(*arguments):
    result = CliRunner().invoke(app, ["prepare", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def run(folder, out, labels=None, size=256):
    return prepare(folder, out, labels, size, "cpu", Console(quiet=True))


def rows_of(out):
    return {row["source"]: row for row in pq.read_table(out / "prepared.parquet").to_pylist()}


def told(err):
    """Lines on stderr but the progress bar's."""
    return [line for line in err.splitlines() if line.strip() and "preparing" not in line]
