"""Is it equally good for everybody, everywhere in it?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from flows.evaluation.scorecard.groups import subgroup_of
from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import Entry, Evidence, Part, Source, Statement, Term
from flows.evaluation.scorecard.shares import number, share, unequal
from flows.figures.figure import Figure
from manifests.seldom import MARK, UNTRUSTED, warning
from manifests.selection import GROUPS, rows_of, skews

#: Whose figures stand by finding or subgroup.
_SOURCES: tuple[Source, ...] = ("evaluation", "study")
#: What the manifest calls a group, as figures call it; how many findings a case has is no group of persons.
_KEYS = {group: group.replace("number of findings", "findings").replace(" ", "_") for group in GROUPS}


def own(material: Material, evidence: Evidence) -> Iterable[Entry]:
    """Acceptance by group and shard, with the spread between groups; the same of evaluators' figures."""
    yield from _acceptance(material)
    if told := warning(material.index.counts.seldom or {}):
        yield Statement("Findings that are seldom accepted", told, "index.json: counts.seldom")
    for words in skews(material.index.counts.shares):
        group, _, rest = words.partition(": ")
        yield Statement(f"Far from the share of all: {group}", rest, "index.json: counts.shares")
    for source in _SOURCES:
        yield from _spreads(evidence.get(source, ()))


def _acceptance(material: Material) -> Iterable[Entry]:
    counts = material.index.counts
    judged = counts.accepted + counts.rejected
    yield share("accepted", "filters", counts.accepted, judged, "candidates judged")
    seldom = counts.seldom or {}
    rows: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for group, value, of, accepted in rows_of(counts.shares):
        rows[_KEYS[group]].append((value, accepted, of))
    shards = [(str(s.shard), s.accepted, s.accepted + s.rejected) for s in material.index.shards]
    for key, values in {**rows, "shard": [row for row in shards if row[2]]}.items():
        if key != "shard":
            for value, accepted, of in values:
                note = f"{MARK} {UNTRUSTED}" if key == "finding" and value in seldom else ""
                yield share("accepted", "filters", accepted, of, "candidates judged", f"{key}={value}", note)
        yield from _spread_of_shares(key, values)


def _spread_of_shares(key: str, values: Sequence[tuple[str, int, int]]) -> Iterable[Entry]:
    if len(values) < 2:
        return
    least, most = (pick(values, key=lambda row: row[1] / row[2]) for pick in (min, max))
    gap = most[1] / most[2] - least[1] / least[2]
    told = ", ".join(f"{v.replace('_', ' ')} {accepted} of {of}" for v, accepted, of in (least, most))
    disjoint = key != "finding"  # one candidate may ask for several
    if disjoint and (chance := unequal([(accepted, of) for _, accepted, of in values])) is not None:
        told += f"; p of one share for all {'below 0.0001' if chance < 1e-4 else format(chance, '.2g')}"
    yield number(f"accepted_gap_{key}", "filters", gap, {"groups": len(values)}, told)


def _spreads(figures: Sequence[Figure]) -> Iterable[Entry]:
    """Lowest and highest of each figure's groups of one kind: their difference, and which they are."""
    kinds: dict[tuple[str, str, str], list[Figure]] = defaultdict(list)
    for figure in figures:
        if figure.value is not None and (key := subgroup_of(figure.group)):
            kinds[figure.name, figure.judge, key].append(figure)
    for (name, judge, key), rows in kinds.items():
        if len(rows) < 2:
            continue
        least, most = (pick(rows, key=lambda f: f.value or 0.0) for pick in (min, max))
        assert least.value is not None
        assert most.value is not None
        note = f"{least.group} {least.value:.3g}, {most.group} {most.value:.3g}"
        yield number(f"gap_{name}_{key}", judge, most.value - least.value, {"groups": len(rows)}, note)


def _gap(key: str, title: str) -> Term:
    return Term(
        f"accepted_gap_{key}", f"Largest difference of acceptance by {title}", "build", "", "lower", "share"
    )


PART = Part(
    name="consistency",
    question="Is the quality the same for every finding, age, sex and view, from first shard to last?",
    reading=(
        "A difference between groups is also chance, the more so the smaller the groups: read it with the "
        "counts and p. Acceptance is the filters' opinion; where it differs, accepted samples have other "
        "shares than what was asked for. Figures of evaluators by group stand with the part that they "
        "belong to, their differences here."
    ),
    terms=(
        Term("accepted", "Accepted of those judged", "build", "By all filters together.", "", "share"),
        _gap("findings", "number of findings"),
        _gap("finding", "finding"),
        _gap("age", "age"),
        _gap("sex", "sex"),
        _gap("view", "view"),
        _gap("shard", "shard"),
        Term(
            "gap_*",
            "Largest difference between groups",
            "build",
            "Of the figure, by the kind of group, in its name.",
        ),
        Term(
            "fleiss_kappa",
            "Readers' agreement (Fleiss' κ)",
            "study",
            "1 is always, 0 what chance gives.",
            "higher",
        ),
    ),
    own=own,
)
