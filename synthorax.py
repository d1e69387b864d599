"""The public face: what people who write Python need, each name loaded when it is first used.

``import synthorax`` costs milliseconds. The work is done in the packages synth, filters, manifests and flows,
which are installed beside this module under these very names: hence an environment of its own.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.config.schema import BuildConfig
    from flows.editing.retoucher import Retouched
    from synth.prompts.edit_requests import EditRequest

#: Public name to the module that it is at home in.
_HOMES = {
    "ANATOMY": "synth.findings",
    "BatchStream": "manifests.loaders.streams",
    "BuildConfig": "flows.config.schema",
    "Calibration": "filters.filter",
    "Candidate": "synth.cases",
    "Case": "synth.cases",
    "ClassificationDataset": "manifests.loaders.datasets",
    "Dataset": "manifests.dataset",
    "DetectionDataset": "manifests.loaders.datasets",
    "EditRequest": "synth.prompts.edit_requests",
    "Evidence": "filters.filter",
    "FILTERS": "filters.registry",
    "FINDINGS": "synth.findings",
    "Filter": "filters.filter",
    "FindingRequest": "synth.cases",
    "Judge": "filters.judge",
    "JudgeSettings": "filters.judge",
    "Lesion": "synth.cases",
    "MaskSet": "synth.cases",
    "Retouched": "flows.editing.retoucher",
    "Sample": "manifests.dataset",
    "Score": "filters.verdicts",
    "SegmentationDataset": "manifests.loaders.datasets",
    "SynthesisSettings": "synth.settings",
    "Synthesizer": "synth.generate",
    "UserError": "synth.errors",
    "Verdict": "filters.verdicts",
    "open_dataset": "manifests.dataset",
    "read_config": "flows.config.reading",
}

__all__ = [*_HOMES, "build", "edit"]

_PACKAGES = ("synth", "filters", "manifests", "flows")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("synthorax")
    if name not in _HOMES:
        raise AttributeError(f"module 'synthorax' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def build(config: "BuildConfig | Mapping[str, Any] | str | Path") -> dict[str, Any]:
    """Builds, or resumes, the dataset of a config: an object, plain data, or a YAML file's path.

    Returns its totals: ``output``, ``shards``, ``candidates``, ``accepted``, ``rejected``, ``failed``,
    ``shortfall`` (why there are fewer than wanted, or None), in lines ``short`` (cells of quotas that have
    too few) and ``vanished`` (findings that were asked for and hardly ever accepted), and in one line
    ``seldom`` (findings that are not to be trusted at this size, or ""). Raises UserError, one line.
    """
    from flows.building.server import prefect_server
    from flows.building.session import claim
    from flows.config.image_model import settled
    from flows.config.reading import parse_config, read_config
    from flows.config.schema import BuildConfig

    if isinstance(config, str | Path):
        config = read_config(Path(config))
    elif not isinstance(config, BuildConfig):
        config = parse_config(config)
    config = settled(config)
    with claim(config), prefect_server(config.output):
        from flows.build import run_build

        return run_build(config)


def edit(
    film: str | Path,
    request: "EditRequest",
    seed: int = 0,
    tries: int | None = None,
    megapixels: int | None = None,
) -> "Retouched":
    """The best edit of one radiograph file by the shipped models: its ``pixels`` are the original's size.

    ``tries`` edits are made, the experts keep the best. A film of more than ``megapixels`` (100 unless told)
    is refused before it is decoded. Raises UserError, one line.
    """
    from flows.films import read_film
    from flows.loading import load_retoucher
    from manifests.films.bounds import MEGAPIXELS
    from manifests.films.patients import demographics
    from synth.settings import TRIES

    original = read_film(Path(film), megapixels or MEGAPIXELS)
    retoucher, _ = load_retoucher()
    films = retoucher.look([original], [demographics(original)])
    return retoucher.retouch(films, [request], [seed], [None], tries or TRIES)[0]


def main() -> None:
    """The console script."""
    from flows.commands.signals import interruptible

    with interruptible():
        from flows.cli import main as run

        run()


def _check_alone(folder: Path = Path(__file__).parent) -> None:
    """Raises ImportError where another distribution has files in one of our packages: one has
    overwritten the other's, and neither can be trusted."""
    for record in folder.glob("*.dist-info/RECORD"):
        if record.parent.name.startswith("synthorax-"):
            continue
        owned = record.read_bytes()
        for package in _PACKAGES:
            if owned.startswith(f"{package}/".encode()) or f"\n{package}/".encode() in owned:
                raise ImportError(
                    f"{record.parent.name.rpartition('.')[0]} installs a package named {package!r} where "
                    "synthorax has its own: expected synthorax in an environment of its own"
                )
    for package in _PACKAGES:
        if not (folder / package / "__init__.py").is_file():
            raise ImportError(f"{folder / package} is missing, expected it beside synthorax.py")


_check_alone()
