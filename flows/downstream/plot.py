"""The plot of a comparison: what each arm reaches, by how many of the real patients it has."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.downstream.intervals import Estimate, Table

if TYPE_CHECKING:
    from flows.downstream.result import Result

#: Colours of arms, told apart by most eyes (Okabe & Ito, 2008).
COLOURS = {
    "real": "#000000",
    "real+augmented": "#0072B2",
    "synthetic": "#D55E00",
    "synthetic+augmented": "#E69F00",
    "real+synthetic": "#009E73",
    "real+synthetic+augmented": "#CC79A7",
}


def draw(result: "Result", path: Path) -> None:
    """A panel for each measure and backbone; bars are intervals, a band is an arm without real films."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    told = [(name, t) for name, t in result.names() if t is not None]
    backbones = result.config.backbones
    size = (4.2 * max(1, len(told)), 3.2 * len(backbones))
    figure, axes = plt.subplots(len(backbones), max(1, len(told)), figsize=size, squeeze=False)
    for row, backbone in zip(axes, backbones, strict=True):
        for axis, (name, measured) in zip(row, told, strict=False):
            _panel(axis, result, measured, backbone)
            axis.set_title(f"{name}, {'ImageNet' if backbone == 'imagenet' else 'from nothing'}", fontsize=9)
            axis.set_xlabel("real training patients, %", fontsize=8)
    if told and axes[0][0].get_legend_handles_labels()[0]:
        axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    temporary = path.with_name(f".{path.stem}.tmp.png")
    figure.savefig(temporary, dpi=120, metadata={"Software": None})
    plt.close(figure)
    temporary.replace(path)


def _panel(axis, result: "Result", measured: Table, backbone: str) -> None:
    fractions = sorted(result.config.fractions)
    for arm in result.config.arms:
        points: list[tuple[int, Estimate]] = []
        for cell in result.cells():
            if (cell[0], cell[2]) == (arm, backbone) and (found := measured.estimate(cell)):
                points.append((cell[1], found))
        colour = COLOURS[arm]
        if points and points[0][0] == 0:
            found = points[0][1]
            axis.axhline(found.value, color=colour, lw=1.2, label=arm)
            axis.axhspan(found.low, found.high, color=colour, alpha=0.12, lw=0)
        elif points:
            shift = 1 + 0.03 * list(COLOURS).index(arm)  # bars of several arms beside each other
            xs, ys = [p * shift for p, _ in points], [f.value for _, f in points]
            below, above = [f.value - f.low for _, f in points], [f.high - f.value for _, f in points]
            axis.errorbar(
                xs, ys, [below, above], color=colour, marker="o", ms=3, lw=1.2, capsize=2, label=arm
            )
    axis.set_xscale("log")
    axis.set_xticks(fractions, [str(f) for f in fractions], fontsize=8)
    axis.minorticks_off()
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(alpha=0.25)
