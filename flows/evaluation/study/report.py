"""A scored study, written: figures as JSON, a page to read, and a plot."""

import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from flows.evaluation.study.answers import Answers, read_answers
from flows.evaluation.study.key import AUTHENTIC, Key, read_key
from flows.evaluation.study.page import title
from flows.evaluation.study.scoring import REAL_FROM, figures_of
from flows.evaluation.study.tables import Tables
from flows.figures.figure import Figure, FigureFile, markdown, table
from manifests.marks import tool
from manifests.store import Store

FIGURES, TEXT, PLOT = "study.json", "study.md", "study.png"
_SHARES: Final = (
    "authentic_synthetic", "authentic_real", "told_apart", "sensitivity", "sensitivity_real", "specificity",
    "specificity_real", "useful", "useful_real", "fleiss_kappa",
)  # fmt: skip


def score(key_path: Path, paths: Sequence[Path], out: Path, command: str) -> str:
    """Scores the answers in ``paths`` and writes all into ``out``; returns the text but for single findings.

    :raises UserError: in one line for a key or answers that cannot be counted.
    """
    begun = time.monotonic()
    key = read_key(key_path)
    answers = read_answers(paths, key)
    tables = Tables.of(key, answers)
    figures = figures_of(tables)
    about = {
        "seal": key.seal,
        "build": key.sealed.build.model_dump(),
        "real": key.sealed.real,
        "films": len(key.sealed.films),
        "readers": tables.readers,
        "open": _open(key, answers),
        "software": tool(),
        "seconds": round(time.monotonic() - begun, 1),
    }
    text = _text(figures, tables, about)
    store = Store(out)
    store.publish(PLOT, _plot(figures))
    store.publish(TEXT, text.encode())
    FigureFile(command, about, figures).write(out / FIGURES)
    return text.partition("\n## Findings")[0]


def _open(key: Key, answers: Answers) -> dict[str, int]:
    """How many films each reader has left open, where any."""
    readers = sorted({reader for reader, _ in answers})
    done = {r: sum(a.authentic is not None for (who, _), a in answers.items() if who == r) for r in readers}
    return {r: len(key.sealed.films) - n for r, n in done.items() if n < len(key.sealed.films)}


def _text(figures: Sequence[Figure], tables: Tables, about: dict[str, Any]) -> str:
    whole = [f for f in figures if f.group == "all"]
    parts = [f for f in figures if f.group != "all"]
    left = "".join(f"- {r}: {n} films without an answer\n" for r, n in about["open"].items())
    left = f"{left}\n" if left else ""
    return (
        f"# Reader study {about['seal'][:12]}\n\n"
        f"{int((~tables.real).sum())} synthetic and {int(tables.real.sum())} real films, "
        f"{len(tables.readers)} readers. Intervals are of 95 %, for other readers and other films; figures "
        f"with `_real` are of the real films.\n\n{left}{markdown(whole)}\n"
        f"## Readers\n\n{_of_readers(tables)}\n## Findings\n\n{markdown(parts)}"
    )


def _of_readers(tables: Tables) -> str:
    """Each reader's own shares: one who guesses, or takes all for real, is seen here."""
    rows = []
    for reader, said in zip(tables.readers, tables.authentic, strict=True):
        cells = [reader, str(int((~np.isnan(said)).sum()))]
        for which in (~tables.real, tables.real):
            given = said[which & ~np.isnan(said)]
            cells.append(f"{(given >= REAL_FROM).mean():.0%}" if len(given) else "–")
        given = said[~np.isnan(said)]
        certain = np.isin(given, (AUTHENTIC[0], AUTHENTIC[-1]))
        rows.append([*cells, f"{certain.mean():.0%}" if len(given) else "–"])
    return table(["reader", "films", "synthetic taken for real", "real taken for real", "certain"], rows)


def _plot(figures: Sequence[Figure]) -> bytes:
    """Shares with their intervals: of all films on the left, of synthetic ones by finding on the right."""
    whole = [
        f for name in _SHARES for f in figures if f.name == name and f.group == "all" and f.value is not None
    ]
    names = list(dict.fromkeys(f.group for f in figures if f.group.startswith("finding=")))
    rows = max(len(whole), len(names), 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 1.6 + 0.42 * rows), dpi=110)
    _bars(left, whole, [f.name.replace("_", " ") for f in whole], 0.0, "o", "0.15")
    kinds = (("authentic_synthetic", "#0072b2", "taken for real"), ("sensitivity", "#d55e00", "seen"),
             ("useful", "#009e73", "outline useful"))  # fmt: skip
    for i, (kind, colour, label) in enumerate(kinds):
        found = {f.group: f for f in figures if f.name == kind and f.value is not None}
        some = [found[n] for n in names if n in found]
        places = np.array([names.index(f.group) for f in some])
        _bars(right, some, None, 0.22 * (i - 1), "os^"[i], colour, places, label)
    right.set_yticks(range(len(names)), [title(n.removeprefix("finding=")) for n in names])
    right.set(title="synthetic films, by finding", xlim=(-0.03, 1.03))
    if len(names):
        right.set_ylim(len(names) - 0.4, -0.6)
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
    left.set(title="all films", xlim=(min(-0.03, *(f.low or 0.0 for f in whole), 0.0) - 0.02, 1.03))
    figure.tight_layout()
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    plt.close(figure)
    return out.getvalue()


def _bars(
    axes: Any,
    figures: Sequence[Figure],
    labels: Sequence[str] | None,
    shift: float,
    sign: str,
    colour: str,
    places: np.ndarray | None = None,
    label: str = "",
) -> None:
    at = np.arange(len(figures)) if places is None else places
    for y, f in zip(at + shift, figures, strict=True):
        if f.low is not None and f.high is not None:
            axes.plot((f.low, f.high), (y, y), color=colour, linewidth=1.4)
    axes.plot([f.value for f in figures], at + shift, sign, color=colour, markersize=5, label=label or None)
    axes.axvline(0.5, color="0.8", linewidth=0.8, zorder=0)
    if labels is not None:
        axes.set_yticks(at, labels)
        axes.set_ylim(len(figures) - 0.4, -0.6)
