"""What `synthorax evaluate experts` wrote, as figures."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.figures.figure import Figure
from synth.errors import UserError
from synth.strict_json import parse_json
from synth.terminal import shown


def read_experts(path: Path) -> tuple[Figure, ...]:
    """Mean AUROC over findings, opacities, and pointing by kind of box, of each expert in ``experts.json``.

    :raises UserError: for a file that is something else.
    """
    try:
        content = parse_json(path.read_bytes())
        films = {"films": int(content["films"]), "patients": int(content["patients"])}
        return tuple(f for name, told in content["experts"].items() for f in _of_one(name, told, films))
    except (UserError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{shown(path)}: {error!s:.200}, expected experts.json of synthorax") from error


def _of_one(name: str, told: Mapping[str, Any], films: dict[str, int]) -> Iterator[Figure]:
    if mean := told["findings"].get("mean"):
        note = f"mean of {', '.join(mean['of'])}"
        yield Figure("expert_auroc", name, mean["auroc"], mean["low"], mean["high"], counts=films, note=note)
    if normal := told.get("opacity", {}).get("normal"):
        counts = {"with": int(normal["with"]), "without": int(normal["without"])}
        yield Figure(
            "expert_opacity_auroc", name, normal["auroc"], normal["low"], normal["high"], counts=counts
        )
    for kind, row in told["pointing"].items():
        chance = row.get("chance of lungs", row["chance of film"])
        group, counts = f"finding={kind}", {"films": int(row["films"])}
        interval = (row["inside"], row["low"], row["high"])
        yield Figure("expert_pointing", name, *interval, None, group, counts, f"chance {chance:.2f}")
