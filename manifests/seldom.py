"""Findings that filters seldom accept: their labels are not to be trusted at this size.

Which they are, the rows say (:func:`manifests.selection.seldom_accepted`); here is how readers learn it, and
how it is told.
"""

from collections.abc import Container, Mapping
from typing import Final

from manifests.commits import read_commits
from manifests.index import read_index
from manifests.parts import rows_of
from manifests.schema import manifest_schema
from manifests.selection import COLUMNS, LEAST, Acceptance, Seldom, add_row, no_shares, seldom_accepted
from manifests.store import Store
from synth.findings import FINDING_NAMES

#: Stands behind the name of such a finding.
MARK: Final = "‡"

_READ: Final = ("status", *COLUMNS)
#: What it means.
UNTRUSTED: Final = f"not to be trusted at this size, under {LEAST:.0%} of the judged candidates are accepted"


def read_seldom(store: Store) -> Seldom:
    """As the index says; off the rows committed so far where a build has none yet.

    None where an earlier version wrote the index: what is read of such a dataset is what it was.

    :raises DatasetError: for an index or a part that cannot be read.
    """
    if index := read_index(store):
        return index.counts.seldom or {}
    shares = no_shares()
    for commit in read_commits(store).values():
        if set(_READ) <= set(manifest_schema(version=commit.schema_version).names):
            for row in rows_of(store, [commit], _READ).to_pylist():
                add_row(shares, row)
    return seldom_accepted(shares)


def with_mark(name: str | None, title: str, seldom: Container[str]) -> str:
    """The title of a finding, with the mark where it is seldom accepted."""
    return f"{title}{MARK}" if name in seldom else title


def warning(seldom: Mapping[str, Acceptance]) -> str:
    """Which they are, with their counts, as one line; empty where there is none."""
    told = [f"{name.replace('_', ' ')} ({seldom[name]})" for name in FINDING_NAMES if name in seldom]
    return f"{UNTRUSTED}: {', '.join(told)}" if told else ""
