"""The plot of a comparison: what each arm reaches, by how many of the real patients it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from flows.evaluation.downstream.intervals import Estimate

#: Colours of arms, told apart by most eyes (Okabe & Ito, 2008).
COLOURS: Final = {
    "real": "#000000",
    "real+augmented": "#0072B2",
    "synthetic": "#D55E00",
    "synthetic+augmented": "#E69F00",
    "real+synthetic": "#009E73",
    "real+synthetic+augmented": "#CC79A7",
}
#: Panels beside each other.
ACROSS: Final = 4


@dataclass(frozen=True)
class Panel:
    """One measure: by arm, percent of the real patients (0 without any) and what is reached there."""

    title: str
    arms: Mapping[str, Sequence[tuple[int, Estimate]]]


def draw(panels: Sequence[Panel], fractions: Sequence[int], path: Path) -> None:
    """Bars are intervals; an arm without real films is a line across, its interval a band."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    across = min(ACROSS, max(1, len(panels)))
    down = max(1, ceil(len(panels) / across))
    figure, axes = plt.subplots(down, across, figsize=(4.4 * across, 3.4 * down), squeeze=False)
    for axis in axes.ravel()[len(panels) :]:
        axis.axis("off")
    for axis, panel in zip(axes.ravel(), panels, strict=False):
        _draw_panel(axis, panel, fractions)
        axis.legend(fontsize=6)
    figure.tight_layout()
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=120, metadata={"Software": None})
    plt.close(figure)
    temporary.replace(path)


def _draw_panel(axis: Any, panel: Panel, fractions: Sequence[int]) -> None:
    for arm, points in panel.arms.items():
        colour, (percent, found) = COLOURS[arm], points[0]
        if not percent:
            axis.axhline(found.value, color=colour, lw=1.2, label=arm)
            axis.axhspan(found.low, found.high, color=colour, alpha=0.12, lw=0)
            continue
        shift = 1 + 0.04 * list(COLOURS).index(arm)  # bars of several arms stand beside each other
        found_all = [f for _, f in points]
        spans = [[f.value - f.low for f in found_all], [f.high - f.value for f in found_all]]
        xs, ys = [p * shift for p, _ in points], [f.value for f in found_all]
        axis.errorbar(xs, ys, spans, color=colour, marker="o", ms=3, lw=1.2, capsize=2, label=arm)
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel("real training patients, %", fontsize=8)
    axis.set_xscale("log")
    axis.set_xlim(min(fractions) / 1.4, max(fractions) * 1.7)
    axis.set_xticks(fractions, [str(f) for f in fractions], fontsize=8)
    axis.minorticks_off()
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(alpha=0.25)
