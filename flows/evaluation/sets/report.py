"""The evaluation as a page for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.evaluation.sets.groups import WHOLE
from flows.figures.figure import Figure, table

_FIDELITY = ("fd", "kid", "precision", "recall", "density", "coverage", "two_sample_auc")
_SET = ("ms_ssim", "spectrum_gap", "frd")
_ASKED = ("lungs_dice", "requested_auroc", "pointing", "attribute_sex", "attribute_view", "attribute_age")
_COPIES = ("copies", "copies_learned", "copies_found")

_HEAD = """# Is it like real films?

{about}

Each cell is the figure, its 95 % interval (patients, and generated films, drawn anew) and, after the bar, its
**floor**: the same figure of two halves of the real films, by patient, of the same size. A value at its floor
is as near as real films are to real films. Nearer to real films is: fd and kid low, precision, recall,
density and coverage high, two_sample_auc near 0.5. A judge is the network whose features or answers are
compared; one that also filtered the build chose the films that it judges. What each figure means:
docs/evaluation.md.
"""

_SIZES = """Distances and coverages depend on how many films are compared: {sizes}. They can be held against
the floor, and against other runs of that size, and against nothing else."""


def page(command: str, about: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """Markdown."""
    parts = [_HEAD.format(about=_about(about)), f"`{command}`", ""]
    whole = [f for f in figures if f.group in WHOLE and f.value is not None]
    spaces = [f for f in whole if f.name in _FIDELITY]
    if spaces:
        parts += ["## As a set, by feature space", "", _matrix(spaces, _FIDELITY), _sizes(spaces), ""]
    if rest := [f for f in whole if f.name in _SET]:
        parts += ["## Diversity, detail, texture", "", _list(rest, _SET)]
    if asked := [f for f in figures if f.name in _ASKED and f.value is not None]:
        parts += [
            "## As asked for",
            "",
            "Here the floor is the same figure of real films.",
            "",
            _list(asked, _ASKED),
        ]
    if groups := [f for f in figures if f.name in _FIDELITY and f.group not in WHOLE and f.value is not None]:
        title = "## By finding, sex, age and view: accepted films against real films of the same kind"
        parts += [title, "", _matrix(groups, _FIDELITY), _sizes(groups), ""]
    if copies := [f for f in figures if f.name in _COPIES and f.value is not None]:
        parts += ["## Copies of training films", "", _list(copies, _COPIES)]
    parts += _missing(figures)
    return "\n".join(parts).rstrip() + "\n"


def _about(about: Mapping[str, Any]) -> str:
    lines = [f"- generated: {about['generated']}", f"- real: {about['real']}"]
    for side in ("generated", "real"):
        if damaged := about[f"{side}_damaged"]:
            lines.append(f"- {len(damaged)} {side} files could not be read and were left out: {damaged[0]}")
    lines += [f"- {line}" for line in about["remarks"]]
    return "\n".join(lines)


def _matrix(figures: Sequence[Figure], names: Sequence[str]) -> str:
    """A row a judge and group, a column a figure."""
    shown = [n for n in names if any(f.name == n for f in figures)]
    rows = dict.fromkeys((f.judge, f.group) for f in figures)
    found = {(f.judge, f.group, f.name): f for f in figures}
    body = [[judge, group, *(_cell(found.get((judge, group, n))) for n in shown)] for judge, group in rows]
    return table(["judge", "films", *shown], body)


def _list(figures: Sequence[Figure], names: Sequence[str]) -> str:
    """A row a figure, in the order of ``names``, whole groups first."""
    order = sorted(figures, key=lambda f: (names.index(f.name), f.group not in WHOLE))
    rows = [[f.name, f.group, _cell(f), f.judge, _counts(f), f.note] for f in order]
    return table(["figure", "films", "value [95 %] \\| floor", "judge", "of", "note"], rows)


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "–"
    span = "" if figure.low is None else f" [{figure.low:.3g}, {figure.high:.3g}]"
    floor = "" if figure.floor is None else f" \\| {figure.floor:.3g}"
    return f"**{figure.value:.3g}**{span}{floor}"


def _counts(figure: Figure) -> str:
    return ", ".join(f"{count} {what}" for what, count in figure.counts.items())


def _sizes(figures: Sequence[Figure]) -> str:
    sizes = sorted({f.counts["compared"] for f in figures if "compared" in f.counts})
    told = f"{sizes[0]} of a side" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} of a side"
    return "\n" + _SIZES.format(sizes=told)


def _missing(figures: Sequence[Figure]) -> list[str]:
    """What was not measured, a line for each reason and group, its figures together."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for f in figures:
        if f.value is None:
            reasons.setdefault((f.group, f.judge, f.note), []).append(f.name)
    if not reasons:
        return []
    rows = [
        [group, ", ".join(dict.fromkeys(names)), note.removeprefix("not measured: ")]
        for (group, _, note), names in reasons.items()
    ]
    unique = [list(row) for row in dict.fromkeys(map(tuple, rows))]
    return ["## Not measured", "", table(["films", "figures", "why"], unique)]
