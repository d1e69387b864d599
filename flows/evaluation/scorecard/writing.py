"""`scorecard.json`, `scorecard.html` and `croissant.json` of a finished build, in a folder of their own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from flows.evaluation.scorecard.evidence import read_evidence
from flows.evaluation.scorecard.material import gather
from flows.evaluation.scorecard.page import page
from flows.evaluation.scorecard.part import Source
from flows.evaluation.scorecard.responsible import responsible
from flows.evaluation.scorecard.scorecard import Scorecard, fill
from manifests import layout
from manifests.canonical import to_json
from manifests.errors import DatasetError
from manifests.measured import build_identity
from manifests.store import Store
from synth.terminal import shown


def write_scorecard(
    dataset: str,
    files: Mapping[Source, Sequence[Path]],
    out: str,
    most: int,
    verifying: bool,
    console: Console,
) -> Scorecard:
    """Score a build with the figures of ``files`` and write the three files into ``out``.

    ``most`` accepted samples are opened; ``verifying`` reads every byte. The same build and files give the
    same bytes. The build is not changed.

    :raises UserError: as :func:`flows.evaluation.scorecard.material.gather` and :func:`read_evidence`, and
        where ``out`` holds a build.
    """
    store, target = Store(dataset), Store(out)
    if target.exists(layout.BUILD) or f"{target.root}/".startswith(f"{store.root}/"):
        raise DatasetError(
            f"--out {shown(out)}: a build's folder, expected another: its files are not changed"
        )
    evidence = read_evidence(files, build_identity(store))  # before anything that takes long
    card = fill(gather(store, most, verifying, console), evidence)
    target.publish(layout.CROISSANT, responsible(card))
    target.publish("scorecard.json", to_json(card.to_json()))
    target.publish("scorecard.html", page(card))
    return card
