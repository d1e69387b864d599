"""A filter of the user's own, from a Python file that ends in ``FILTER = Filter(...)``.

The file is run: whoever names it in a config trusts it.
"""

import runpy
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from filters.filter import Filter
from filters.registry import FILTERS
from synth.errors import UserError
from synth.terminal import shown


def load_own(path: Path) -> tuple[Filter, str]:
    """The filter of a file and the SHA-256 (hex) of its source.

    Raises UserError, one line, for a file that cannot be run, holds no FILTER, or one that names a shipped
    filter or states no threshold.
    """
    where = f"filters.own: {shown(path)}"
    if path.suffix != ".py" or not path.is_file():
        raise UserError(f"{where}, expected a Python file")
    try:
        found = runpy.run_path(str(path)).get("FILTER")
    except (Exception, SystemExit) as error:
        raise UserError(f"{where}: {type(error).__name__}: {shown(error)}") from error
    if not isinstance(found, Filter):
        raise UserError(f"{where}: FILTER is {shown(repr(found))}, expected a filters.filter.Filter")
    if found.name in FILTERS:
        raise UserError(f"{where}: FILTER.name: {found.name!r} ships already, expected another name")
    if found.threshold is None:
        raise UserError(f"{where}: FILTER.threshold: none, expected a finite number")
    return found, sha256(path.read_bytes()).hexdigest()


def load_all(paths: Sequence[Path]) -> tuple[dict[str, Filter], dict[str, str]]:
    """Filters by name in the order of their files, and each source's digest as a build records it."""
    filters: dict[str, Filter] = {}
    digests: dict[str, str] = {}
    for path in paths:
        own, digest = load_own(path)
        if own.name in filters:
            raise UserError(f"filters.own: {path}: FILTER.name: {own.name!r} again, expected each once")
        filters[own.name] = own
        digests[f"filters/own/{own.name}.py"] = digest
    return filters, digests
