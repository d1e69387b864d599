"""`synthorax build`: signals, progress and a Prefect server around the flow."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.building.hooks import Hooks, hooked
from flows.building.server import prefect_server
from flows.building.session import claim
from flows.commands.cells import CELLS
from flows.commands.endings import OURS, USERS_MISTAKE, Ending
from flows.commands.progress import shown
from flows.commands.signals import Brake
from flows.config.image_model import settled
from flows.config.reading import read_config
from flows.config.schema import BuildConfig
from flows.config.terminal import tell
from flows.config.workers import bf16_pays
from synth.terminal import printable

#: Exit code of a build that went through and accepted nothing.
NOTHING = 3


def run(path: Path, overrides: Sequence[str]) -> None:
    """Builds what the config says; ends with exit code 0 only when it is all there."""
    hooks = Hooks()
    brake = Brake(hooks.stop)
    with brake.installed():
        try:
            summary = _build(settled(read_config(path, overrides)), hooks, brake)
        except BaseException:
            if brake.asked:
                brake.end()
            raise
    _tell(summary)


def _build(config: BuildConfig, hooks: Hooks, brake: Brake) -> dict[str, Any]:
    # Errors are told by us, in one line; Prefect's log would repeat them with tracebacks.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    console = Console(stderr=True)
    with claim(config) as held:
        brake.tidy = held.lock.abandon
        hooks.course.note_in(held.lock.note)
        with (
            shown(hooks.course, console),
            prefect_server(config.output, meanwhile=lambda: _load(config, console)),
            hooked(replace(hooks, begun=brake.armed, tell=lambda line: tell(console, f"synthorax: {line}"))),
        ):
            from flows.build import run_build

            return run_build(config)


def _load(config: BuildConfig, console: Console) -> None:
    """Loads the models while the server starts, so that their errors come first and alone."""
    from flows.loading import shared_pipeline

    images = config.images
    if images.precision == "bf16" and not bf16_pays(images.device):
        tell(console, "images.precision: bf16, which this CPU only emulates, expected fp32 (much faster)")
    pipeline = shared_pipeline(config)
    for note in pipeline.prompts.notes:
        tell(console, f"synthorax: {note}")


def _tell(summary: Mapping[str, Any]) -> None:
    print(
        f"{summary['output']}: {summary['candidates']} candidates = "
        f"{summary['accepted']} accepted + {summary['rejected']} rejected + "
        f"{summary['failed']} failed, in {summary['shards']} shards"
    )
    if summary["cut"]:
        what = (
            f"are longer than the {summary['length']} tokens that the image model reads, and were cut"
            if summary["length"]
            else "have parts that were not understood, which images.model fast does not draw"
        )
        print(f"{summary['cut']} prompts of this run {what}", file=sys.stderr)
    _tell_missing(summary)
    if not summary["accepted"]:
        raise Ending(
            NOTHING,
            f"synthorax: {summary['output']}: NOTHING WAS ACCEPTED of {summary['candidates']} candidates "
            f"({summary['rejected']} rejected, {summary['failed']} failed): the dataset is empty, `synthorax "
            f"audit {summary['output']}` says why",
        )
    if summary["failed"]:
        raise Ending(
            OURS,
            f"{summary['failed']} candidates failed: `synthorax audit {summary['output']}` says "
            "why, the same command tries them again",
        )
    if summary["shortfall"]:
        raise Ending(USERS_MISTAKE, summary["shortfall"])


def _tell_missing(summary: Mapping[str, Any]) -> None:
    """What a count of samples does not show: findings that vanished or are seldom accepted, short cells."""
    for line in (*summary["vanished"], *filter(None, [summary["seldom"]]), *summary["short"][:CELLS]):
        print(printable(line), file=sys.stderr)
    if (more := len(summary["short"]) - CELLS) > 0:
        print(f"and {more} more cells have fewer than wanted", file=sys.stderr)
