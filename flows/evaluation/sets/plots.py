"""Plots of an evaluation: power spectra, and figures beside their floors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import SymmetricalLogLocator

from flows.evaluation.sets.groups import WHOLE
from flows.figures.figure import Figure
from flows.figures.spectrum import detail_band

#: The figures that are drawn, with what each axis is called.
DRAWN = {
    "fd": "Fréchet distance (log)",
    "kid": "kernel distance (symlog)",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "two_sample_auc": "told apart (AUROC)",
}
BLUE, ORANGE, GREY = "#2a6f97", "#d1495b", "0.55"


def draw_spectra(powers: Mapping[str, np.ndarray], path: Path) -> None:
    """Power by spatial frequency; the octave that ``spectrum_gap`` is of is shaded."""
    drawing, axes = plt.subplots(figsize=(7, 4.2), dpi=120)
    styles = {"generated": (ORANGE, 2.0), "real": (BLUE, 2.0)}
    for name, power in powers.items():
        colour, width = styles.get(name, (GREY, 0.8))
        axes.plot(np.arange(1, len(power)), power[1:], color=colour, linewidth=width, label=name)
    low, high = detail_band(2 * (len(power) - 1))
    axes.axvspan(low, high, color="0.93", zorder=0, label="compared: spectrum_gap")
    axes.set(xscale="log", yscale="log", xlabel="cycles per image", ylabel="mean power")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    _save(drawing, path)


def draw_figures(figures: Sequence[Figure], path: Path) -> None:
    """A panel a figure, a row a judge and group: value with its interval, the floor as a bar."""
    rows = list(dict.fromkeys((f.judge, f.group) for f in figures if f.name in DRAWN and f.value is not None))
    rows = [r for r in rows if r[1] in WHOLE]
    if not rows:
        return
    height = 1.3 + 0.34 * len(rows)
    drawing, panels = plt.subplots(
        1, len(DRAWN), figsize=(2.0 * len(DRAWN) + 3, height), dpi=120, sharey=True
    )
    for axes, (name, title) in zip(panels, DRAWN.items(), strict=True):
        found = {(f.judge, f.group): f for f in figures if f.name == name and f.value is not None}
        _panel(axes, [found.get(r) for r in rows])
        axes.set_title(title, fontsize=9)
        if name == "fd":
            axes.set_xscale("log")
        if name == "kid":
            axes.set_xscale("symlog", linthresh=1e-2)
            axes.xaxis.set_major_locator(SymmetricalLogLocator(base=100, linthresh=1e-2))
    panels[0].set_yticks(range(len(rows)), [f"{judge}\n{group}" for judge, group in rows], fontsize=7)
    panels[0].invert_yaxis()
    drawing.suptitle("value with 95 % interval; bar: floor, two halves of the real films", fontsize=9)
    _save(drawing, path)


def _panel(axes: Axes, figures: Sequence[Figure | None]) -> None:
    for y, f in enumerate(figures):
        if f is None or f.value is None:
            continue
        low, high = (f.value if v is None else v for v in (f.low, f.high))
        axes.plot([low, high], [y, y], color=ORANGE, linewidth=1.6, solid_capstyle="butt")
        axes.plot(f.value, y, "o", color=ORANGE, markersize=4)
        if f.floor is not None:
            axes.plot([f.floor, f.floor], [y - 0.32, y + 0.32], color=BLUE, linewidth=2)
    axes.grid(axis="x", color="0.92")
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _save(drawing: plt.Figure, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    drawing.tight_layout()
    drawing.savefig(temporary, format="png")
    plt.close(drawing)
    temporary.replace(path)
