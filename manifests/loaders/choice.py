"""Which accepted samples a loader gives, and which of their lesions are labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from filters.verdicts import passes
from manifests.errors import DatasetError
from manifests.exporting.settings import ALL, SEEN, ExportSettings
from manifests.exporting.splits import SPLITS, Split
from manifests.exporting.trust import Trust
from manifests.members import NO_FINDING
from manifests.selection import asked_of
from synth.findings import FINDING_NAMES

_VIEWS = ("PA", "AP")


class Options(TypedDict, total=False):
    """The fields of :class:`Choice`, as keywords of the datasets."""

    split: Split | None
    labels: str
    findings: str | Sequence[str] | None
    view: str | None
    thresholds: Mapping[str, float]
    near_duplicates: bool
    val: int
    test: int


@dataclass(frozen=True)
class Choice:
    """What to give of the builds' accepted samples.

    ``split``: train, val or test, of ``val`` and ``test`` percent, dealt as exports do; None for all.
    ``labels``: lesions that the experts see (the others are to be ignored, and films whose text was not
    understood whole are left out), or all. ``findings``: films with a labelled lesion of one of them, or of
    ``no_finding``. ``view``: PA or AP. ``thresholds``: filter to another threshold that films have to pass;
    those that the filter did not judge stay. ``near_duplicates``: whether films stay that resemble an
    earlier one of another shard; they are in that one's split.

    :raises DatasetError: for a value that is none of these.
    """

    split: Split | None = None
    labels: str = SEEN
    findings: str | Sequence[str] | None = None
    view: str | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    near_duplicates: bool = False
    val: int = 10
    test: int = 10

    def __post_init__(self) -> None:
        _ = self.settings  # which says what is wrong with labels and shares
        _check("split", self.split, SPLITS)
        _check("view", self.view, _VIEWS)
        for name in self.wanted or ():
            _check("findings", name, (*FINDING_NAMES, NO_FINDING))

    def __str__(self) -> str:
        """The fields that narrow the choice, e.g. ``split='val', view='PA'``."""
        given = {name: getattr(self, name) for name in ("split", "findings", "view", "thresholds")}
        return ", ".join(f"{name}={value!r}" for name, value in given.items() if value)

    @property
    def settings(self) -> ExportSettings:
        """The same choice of an export."""
        return ExportSettings(labels=self.labels, val=self.val, test=self.test)

    @property
    def wanted(self) -> frozenset[str] | None:
        """Names of findings, None for any."""
        if self.findings is None:
            return None
        return frozenset([self.findings] if isinstance(self.findings, str) else self.findings)

    def fits(self, row: Mapping[str, Any], trusts: Sequence[Trust]) -> bool:
        """Whether a manifest's row has the view, the scores and a finding that are wanted; ``trusts``: of its
        instances."""
        if self.view is not None and row["view"] != self.view:
            return False
        if not all(_passes(row, name, value) for name, value in self.thresholds.items()):
            return False
        return self.wanted is None or not self.wanted.isdisjoint(self._shown(row, trusts))

    def _shown(self, row: Mapping[str, Any], trusts: Sequence[Trust]) -> Iterator[str]:
        """Findings of which the film has a labelled lesion; ``no_finding`` where it is known to have none."""
        for instance, trust in zip(row["instances"], trusts, strict=True):
            if self.labels == ALL or not trust.doubt:
                yield instance["finding"]
        if not row["instances"] and asked_of(row) == [NO_FINDING]:
            yield NO_FINDING


def _check(name: str, value: Any, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise DatasetError(f"{name}: {str(value)[:80]!r}, expected one of {', '.join(known)}")


def _passes(row: Mapping[str, Any], name: str, threshold: float) -> bool:
    if f"{name}_verdict" not in row:
        known = [column.removesuffix("_verdict") for column in row if column.endswith("_verdict")]
        raise DatasetError(f"thresholds: {name[:80]!r}, expected a filter of the build: {', '.join(known)}")
    judged = row[f"{name}_verdict"] in ("pass", "fail")
    return not judged or passes(row[f"{name}_score"], threshold, row[f"{name}_keep"])
