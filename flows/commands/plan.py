"""`synthorax plan`: what a config would build, measured on a small real sample of it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.building.estimate import Estimate, estimate
from flows.building.pipeline import Pipeline
from flows.config.identity import config_hash
from flows.config.image_model import settled
from flows.config.pace import duration
from flows.config.reading import read_config
from flows.config.schema import BuildConfig
from flows.config.terminal import tell
from flows.config.workers import core_count, worker_count
from flows.loading import shared_pipeline


def run(path: Path, overrides: Sequence[str]) -> None:
    """Prints the plan; writes nothing to the output."""
    config = settled(read_config(path, overrides))
    pipeline = shared_pipeline(config)
    for note in pipeline.prompts.notes:
        tell(Console(stderr=True), f"synthorax: {note}")
    Console().print(_table(config, pipeline, estimate(config, pipeline)))


def _table(config: BuildConfig, pipeline: Pipeline, found: Estimate) -> Table:
    images = config.images
    table = Table(show_header=False, box=None, pad_edge=False)
    ceiling = "" if found.reachable else ", not reachable at this share: raise candidates"
    for name, value in (
        ("output", config.output),
        ("config hash", config_hash(config, pipeline.digests)),
        ("wanted", f"{_wanted(config)}{ceiling}"),
        _source(config),
        ("findings", ", ".join(pipeline.synthesizer.findings)),
        ("checkpoint", _checkpoint(config)),
        ("images", f"{images.size}², {_sampling(config)}{images.precision} on {images.device}"),
        (
            "workers",
            f"{worker_count(config)} with {config.workers.threads} thread(s) each, of {core_count()} cores",
        ),
        ("measured", f"{found.sample} candidates, {found.share_accepted:.0%} accepted"),
        *_draws(config, found),
        ("candidates", f"about {found.candidates} in {found.shards} shards"),
        ("time", f"about {duration(found.seconds)}"),
        ("size", f"about {found.size / 1e6:.1f} MB"),
    ):
        table.add_row(f"[bold]{name}", value)
    return table


def _wanted(config: BuildConfig) -> str:
    if quotas := config.quotas:
        return f"{quotas.count} accepted in each of {len(quotas.cells)} cells"
    return f"{config.accepted} accepted" if config.accepted else f"{config.candidates} candidates"


def _source(config: BuildConfig) -> tuple[str, str]:
    if config.edit is not None:
        return "radiographs", f"{config.edit.source}: {config.edit.request}"
    return "prompts", str(config.prompts.file or f"sampled like {config.prompts.table}")


def _draws(config: BuildConfig, found: Estimate) -> list[tuple[str, str]]:
    """How often candidates are drawn, where those refused are drawn again; time is of all draws."""
    if not (redraws := config.images.retry_draws):
        return []
    return [("draws", f"up to {redraws + 1} a candidate, {found.draws:.2f} on average of those measured")]


def _sampling(config: BuildConfig) -> str:
    images = config.images
    if config.edit is not None:
        return f"the best of {config.edit.tries} edits, "
    return f"{images.steps} steps, guidance {images.guidance} and {images.lesion_guidance} near lesions, "


def _checkpoint(config: BuildConfig) -> str:
    images = config.images
    controlled = f" with ControlNet {images.controlnet}" if images.controlnet else ""
    return f"{images.checkpoint or 'the shipped one'}{controlled}"
