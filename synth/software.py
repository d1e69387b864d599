"""Which synthorax this is: its version and, from a checkout, the commit."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).parents[1]


@cache
def software() -> dict[str, str]:
    """``synthorax``, the version, and ``commit``: from a checkout its hash, with ``-dirty`` where files have
    been changed since; empty where it was installed."""
    try:
        installed = version("synthorax")
    except PackageNotFoundError:  # run from a folder, never installed
        installed = "unknown"
    return {"synthorax": installed, "commit": _commit(_ROOT)}


def _commit(root: Path) -> str:
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):  # no git, or none that reads this
        return ""
    return done.stdout.strip()
