"""The table that ``synthorax evaluate experts`` prints: what each expert is worth on real films."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from filters.opinions import Expert
from flows.evaluation.experts import HEADLINE, findings_table, listen, opacity_table, pointing_table
from flows.evaluation.outlines import load_outlined, overlap
from flows.material.real import Part, RealFilms, load_real
from flows.training.data import require

#: Pixels a side that experts are shown films at: what generated radiographs have.
SHOWN: Final = 256
#: The bars, of the mean over HEADLINE and of the least of them; of opacity against normal films and all else;
#: of the share of maxima inside a box, by kind of box; and of the Dice gained on outlined opacities.
MEAN, LEAST, NORMAL, ELSE, DICE_GAIN = 0.82, 0.72, 0.96, 0.83, 0.10
INSIDE: Final = {"Cardiomegaly": 0.95, "Lung Opacity": 0.85, "Nodule": 0.35}
INSIDE_ELSE: Final = 0.60


def report(
    experts: Mapping[str, Expert], data: Path, part: Part = "test", anatomy: Expert | None = None
) -> dict:
    """Figures of each expert on one part's films of ``data/nih`` and, where they are, on outlined opacities.

    With an ``anatomy`` expert, chance of pointing is told as the boxes' share of the lungs.
    """
    films = load_real(data, "nih", SHOWN, part)
    lungs = lungs_of(anatomy, films.images) if anatomy else None
    figures = {name: of_one(expert, films, lungs) for name, expert in experts.items()}
    if (data / "opacities").is_dir():
        outlined = load_outlined(require(data), SHOWN)
        for name, expert in experts.items():
            figures[name]["outlines"] = overlap(expert, outlined)
    return {"part": part, "films": len(films), "patients": len(set(films.patients)), "experts": figures}


def of_one(expert: Expert, films: RealFilms, lungs: np.ndarray | None = None) -> dict[str, Any]:
    """Figures of one expert."""
    said = listen(expert, films.images)
    figures = {"findings": findings_table(said, films), "pointing": pointing_table(said, films, lungs)}
    if "opacity" in said.probabilities:
        figures["opacity"] = opacity_table(said, films)
    return figures


def lungs_of(anatomy: Expert, images: np.ndarray) -> np.ndarray:
    """(N, H, W) bool: both lungs, as an anatomy expert sees them."""
    seen = []
    for opinion in anatomy.look(images):
        right, left = (opinion.mask(name) for name in ("right_lung", "left_lung"))
        if right is None or left is None:
            raise ValueError(f"anatomy: {anatomy.name} speaks of {anatomy.structures}, expected both lungs")
        seen.append(right | left)
    return np.stack(seen)


def markdown(figures: Mapping[str, Any]) -> str:
    """The figures of :func:`report` as three tables, a column an expert; bold where a bar is missed."""
    experts = figures["experts"]
    head = f"{figures['films']} real films of {figures['patients']} patients of the part “{figures['part']}”."
    parts = [
        ("AUROC: NIH's label against all other films", _ranks(experts)),
        ("Maximum of the map inside a radiologist's box", _points(experts)),
        ("Opacities", _opacities(experts)),
    ]
    return head + "".join(f"\n\n## {title}\n\n{_table(list(experts), rows)}" for title, rows in parts) + "\n"


def _ranks(experts: Mapping[str, Any]) -> list[list[str]]:
    tables = {name: e["findings"] for name, e in experts.items()}
    rows = [["mean of eight", *(_ranked(t.get("mean"), MEAN) for t in tables.values())]]
    for finding in dict.fromkeys(n for t in tables.values() for n in t if n != "mean"):
        bar = LEAST if finding in HEADLINE else 0.0
        ranks = [t.get(finding, {}).get("rest") for t in tables.values()]
        count = next(r["with"] for r in ranks if r)
        rows.append([f"{finding.replace('_', ' ')} ({count})", *(_ranked(r, bar) for r in ranks)])
    return rows


def _points(experts: Mapping[str, Any]) -> list[list[str]]:
    tables = [e["pointing"] for e in experts.values()]
    rows = []
    for kind in dict.fromkeys(k for t in tables for k in t):
        told = next(t[kind] for t in tables if kind in t)
        chance = told.get("chance of lungs", told["chance of film"])
        bar = INSIDE.get(kind, INSIDE_ELSE)
        cells = [_share(t.get(kind), bar) for t in tables]
        rows.append([f"{kind} ({told['films']} films, chance {chance:.2f})", *cells])
    return rows


def _opacities(experts: Mapping[str, Any]) -> list[list[str]]:
    told = [e.get("opacity") for e in experts.values()]
    rows = [
        [f"RSNA's opacities against {against}", *(_ranked(t and t[against], bar) for t in told)]
        for against, bar in (("normal", NORMAL), ("all else", ELSE))
    ]
    meant = [t and t["calibration"] for t in told]
    error = [f"{m['error']:.3f} (at most {m['calibrated at most']:.3f})" if m else "–" for m in meant]
    rows.append(["calibration error (of a calibrated model)", *error])
    dice = [e.get("outlines", {}).get("dice", {}).get("0.5") for e in experts.values()]
    rows.append(["Dice of outlined opacities", *("–" if d is None else f"{d:.3f}" for d in dice)])
    return rows


def _ranked(row: Mapping[str, Any] | None, bar: float) -> str:
    if not row:
        return "–"
    return _bold(f"{row['auroc']:.3f}", row["auroc"] >= bar) + f" [{row['low']:.2f}, {row['high']:.2f}]"


def _share(row: Mapping[str, Any] | None, bar: float) -> str:
    if not row:
        return "–"
    return _bold(f"{row['inside']:.2f}", row["inside"] >= bar) + f" [{row['low']:.2f}, {row['high']:.2f}]"


def _bold(text: str, reached: bool) -> str:
    return text if reached else f"**{text}**"


def _table(experts: list[str], rows: list[list[str]]) -> str:
    lines = [["", *experts], ["---"] * (len(experts) + 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
