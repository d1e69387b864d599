"""The table that ``synthorax evaluate experts`` prints: what each expert is worth on real films."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np

from filters.anatomy_agreement import dice
from filters.experts.ensemble import load_anatomy, load_findings
from filters.experts.evaluators import load_finding_evaluator
from filters.experts.opinion import Expert
from filters.experts.torchxrayvision import load as load_torchxrayvision
from flows.evaluation.organs import lungs_of, organ_figures
from flows.evaluation.pictures import reliability_curve
from flows.evaluation.simulated import simulated_figures
from flows.figures.findings import (
    HEADLINE,
    answers_of,
    findings_table,
    opacity_map,
    opacity_table,
    pointing_table,
)
from flows.figures.reliability import Reliability
from flows.material.films import SHOWN, Part, RealFilms, load_real
from flows.material.opacities import Outlined, load_outlined
from synth.errors import UserError
from synth.weights import digest

#: The bars, of the mean over HEADLINE and of the least of them; of opacity against normal films and all else;
#: of the share of maxima inside a box, by kind of box; and of the Dice gained on outlined opacities.
MEAN, LEAST, NORMAL, ELSE, DICE_GAIN = 0.82, 0.72, 0.96, 0.83, 0.10
INSIDE: Final = {"Cardiomegaly": 0.95, "Lung Opacity": 0.85, "Nodule": 0.35}
INSIDE_ELSE: Final = 0.60


def evaluate_experts(data: Path, part: str, torchxrayvision: Sequence[Path], out: Path | None) -> None:
    """Print the tables of what ships, and of converted classifiers of torchxrayvision, on real films; write
    them and all figures into ``out``. UserError for an unknown part or a file that is no classifier."""
    if part not in get_args(Part):
        raise UserError(f"part: {part!r}, expected one of {', '.join(get_args(Part))}")
    experts: dict[str, Expert] = {"filters": load_findings(), "evaluator": load_finding_evaluator()}
    for path in torchxrayvision:
        experts[path.stem] = load_torchxrayvision(path, digest(path))
    figures = report(experts, data, cast(Part, part), load_anatomy())
    figures["simulated"] = simulated_figures(experts, load_real(data, "nih", SHOWN, cast(Part, part)))
    text = markdown(figures)
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "experts.json").write_text(json.dumps(figures, indent=1) + "\n")
        (out / "experts.md").write_text(text)
        _draw_reliability(figures, out / "reliability.png")


def _draw_reliability(figures: Mapping[str, Any], path: Path) -> None:
    curve = figures["experts"]["filters"]["opacity"]["calibration"]["curve"]
    title = f"opacity, {sum(curve['count'])} graded films"
    reliability_curve(Reliability(**{k: np.array(v) for k, v in curve.items()}), title, path)


def report(
    experts: Mapping[str, Expert], data: Path, part: Part = "test", anatomy: Expert | None = None
) -> dict:
    """Figures of each expert on one part's films of ``data/nih`` and, where they are, on outlined opacities.

    With an ``anatomy`` expert, chance of pointing is told as the boxes' share of the lungs, and the organs
    that it sees are measured.
    """
    films = load_real(data, "nih", SHOWN, part)
    lungs = lungs_of(anatomy, films.images) if anatomy else None
    figures = {name: of_one(expert, films, lungs) for name, expert in experts.items()}
    if (data / "opacities").is_dir():
        outlined = load_outlined(data, SHOWN)
        for name, expert in experts.items():
            figures[name]["outlines"] = overlap(expert, outlined)
    return {
        "part": part,
        "films": len(films),
        "patients": len(set(films.patients)),
        "experts": figures,
        "organs": organ_figures(anatomy, data) if anatomy else {},
    }


def of_one(expert: Expert, films: RealFilms, lungs: np.ndarray | None = None) -> dict[str, Any]:
    """Figures of one expert."""
    said = answers_of(expert, films.images)
    figures = {"findings": findings_table(said, films), "pointing": pointing_table(said, films, lungs)}
    if "opacity" in said.probabilities:
        figures["opacity"] = opacity_table(said, films)
    return figures


def overlap(
    expert: Expert, films: Outlined, thresholds: tuple[float, ...] = (0.3, 0.5, 0.7)
) -> dict[str, Any]:
    """Mean Dice of the opacity map, cut at each threshold, on films with an opacity; each film's at 0.5."""
    truth = films.mask("consolidation", "ground glass")
    some = np.flatnonzero(truth.any((1, 2)))
    maps = [opacity_map(o) for o in expert.look(films.images[some])]
    scores = {
        t: [dice(m > t, truth[i]) if m is not None else 0.0 for m, i in zip(maps, some, strict=True)]
        for t in thresholds
    }
    return {
        "films": len(some),
        "share of film": round(float(truth[some].mean()), 3),
        "dice": {str(t): round(float(np.mean(v)), 3) for t, v in scores.items()},
    }


def markdown(figures: Mapping[str, Any]) -> str:
    """The figures of :func:`report` as three tables, a column an expert; bold where a bar is missed."""
    experts = figures["experts"]
    head = (
        f"{figures['films']} real films of {figures['patients']} patients of the part “{figures['part']}”; "
        "bold: short of what is wanted."
    )
    parts = [
        ("AUROC: NIH's label against all other films", _ranks(experts)),
        ("Maximum of the map inside a radiologist's box", _points(experts)),
        ("Opacities", _opacities(experts)),
    ]
    tables = [(title, _table(list(experts), rows)) for title, rows in parts]
    if organs := figures.get("organs"):
        tables.append(("Organs against human outlines", _table(["mean", "worst"], _organs(organs))))
    if simulated := figures.get("simulated"):
        title = "Simulated lesions, not real ones: AUROC against the same films without"
        tables.append((title, _table(list(simulated), _simulated(simulated))))
    return head + "".join(f"\n\n## {title}\n\n{table}" for title, table in tables) + "\n"


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
    calibration_error = [t and t["calibration"] for t in told]
    error = [
        f"{m['error']:.3f} (at most {m['calibrated at most']:.3f})" if m else "–" for m in calibration_error
    ]
    rows.append(["calibration error (of a calibrated model)", *error])
    dice = [e.get("outlines", {}).get("dice", {}).get("0.5") for e in experts.values()]
    rows.append(["Dice of outlined opacities", *("–" if d is None else f"{d:.3f}" for d in dice)])
    return rows


def _organs(figures: Mapping[str, Any]) -> list[list[str]]:
    return [
        [f"{name} ({row['films']} films)", f"{row['mean']:.3f}", f"{row['worst']:.3f}"]
        for name, row in figures.items()
    ]


def _simulated(figures: Mapping[str, Any]) -> list[list[str]]:
    tables = list(figures.values())
    rows = []
    for name in dict.fromkeys(n for t in tables for n in t):
        told = next(t[name] for t in tables if name in t)
        count = f"mean of {told['of']}" if name == "mean" else f"{name.replace('_', ' ')} ({told['with']})"
        rows.append([count, *(f"{t[name]['auroc']:.3f}" if name in t else "–" for t in tables)])
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
