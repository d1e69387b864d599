"""The one way in which findings are written by hand: in tables, on the command line, in a config."""

from typing import Any, get_args

from synth.cases import FindingRequest
from synth.errors import UserError
from synth.findings import FINDING_NAMES, FINDINGS, Severity, Side, Zone
from synth.terminal import shown

_NAMES = {f.title: f.name for f in FINDINGS.values()} | {
    synonym: f.name for f in FINDINGS.values() for synonym in f.synonyms
}
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "side": get_args(Side),
    "zone": get_args(Zone),
    "severity": get_args(Severity),
}


def read_findings(text: str) -> tuple[FindingRequest, ...]:
    """Findings written as :func:`read_finding` reads one, by semicolons; ``none`` for none."""
    if text.strip().lower() == "none":
        return ()
    return tuple(read_finding(item) for item in text.split(";") if item.strip())


def read_finding(text: str) -> FindingRequest:
    """One finding: its name and, in any order, side, zone and severity; by spaces or commas.

    E.g. ``effusion, left, lower`` or ``severe left pleural effusion``. Names and synonyms of
    :mod:`synth.findings`, in any case. UserError says what was not understood.
    """
    words = text.lower().replace("_", " ").replace(",", " ").split()
    found: dict[str, Any] = {}
    for attribute, values in _ATTRIBUTES.items():
        for word in [w for w in words if w in values]:
            if found.setdefault(attribute, word) != word:
                raise UserError(f"finding: {shown(text.strip())!r}, expected one {attribute} of it")
            words.remove(word)
    name = _NAMES.get(" ".join(words))
    if name is None:
        raise UserError(
            f"finding: {shown(text.strip())!r}, expected a name, as 'effusion, left, lower, severe', of "
            f"{', '.join(FINDING_NAMES)}"
        )
    return FindingRequest(name, **found)
