"""Pictures for the docs: uncurated samples beside real images, nearest pairs, a reliability curve."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

from flows.figures.reliability import Reliability
from manifests.members import PNG_LEVEL
from manifests.sheets.palette import font

PAPER, INK = 18, 232
GAP, LABEL = 4, 26


def thumbnails(images: np.ndarray, columns: int, tile: int) -> np.ndarray:
    """(h, w) uint8: images (N, S, S) uint8 in rows of ``columns``, each ``tile`` pixels a side."""
    rows = -(-len(images) // columns)
    side = tile + GAP
    sheet = np.full((rows * side - GAP, columns * side - GAP), PAPER, np.uint8)
    for i, image in enumerate(images):
        small = Image.fromarray(image).resize((tile, tile), Image.Resampling.LANCZOS)
        y, x = i // columns * side, i % columns * side
        sheet[y : y + tile, x : x + tile] = np.asarray(small)
    return sheet


def side_by_side(blocks: dict[str, np.ndarray]) -> Image.Image:
    """Grey pictures (h, w) uint8 beside one another, each under its label."""
    height = max(b.shape[0] for b in blocks.values())
    width = sum(b.shape[1] for b in blocks.values()) + 4 * GAP * (len(blocks) + 1)
    picture = Image.new("L", (width, height + LABEL + 4 * GAP), PAPER)
    draw, x = ImageDraw.Draw(picture), 4 * GAP
    for label, block in blocks.items():
        draw.text((x, GAP), label, INK, font(16, bold=True))
        picture.paste(Image.fromarray(block), (x, LABEL))
        x += block.shape[1] + 4 * GAP
    return picture


def samples_beside_real(generated: np.ndarray, real: np.ndarray, path: Path, seed: int = 0) -> None:
    """The first 48 generated images beside 48 held-out real ones drawn at random; (N, S, S) uint8."""
    some = np.sort(np.random.default_rng(seed).permutation(len(real))[:48])
    blocks = {
        "generated: the first 48 keys": thumbnails(generated[:48], 8, 110),
        "real, held out: 48 at random": thumbnails(real[some], 8, 110),
    }
    _write(side_by_side(blocks), path)


def nearest_pairs(generated: np.ndarray, training: np.ndarray, distances: np.ndarray, path: Path) -> None:
    """Pairs (K, S, S) uint8 one above the other, numbered, under their distance (K,)."""
    tile = 200
    blocks = {
        f"{i}: {d:.3f}": thumbnails(np.stack([g, t]), 1, tile)
        for i, (g, t, d) in enumerate(zip(generated, training, distances, strict=True), 1)
    }
    _write(side_by_side(blocks), path)


def before_and_after(before: np.ndarray, after: np.ndarray, path: Path) -> None:
    """Real radiographs beside their edits; both (N, S, S) uint8, in rows of four."""
    blocks = {"radiographs": thumbnails(before, 4, 220), "edited": thumbnails(after, 4, 220)}
    _write(side_by_side(blocks), path)


def reliability_curve(curve: Reliability, title: str, path: Path) -> None:
    """Rates seen against probabilities said, with 95 % intervals (normal approximation)."""
    figure, axes = plt.subplots(figsize=(4.2, 4.2), dpi=110)
    noise = 1.96 * np.sqrt(curve.seen * (1 - curve.seen) / curve.count)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axes.errorbar(curve.said, curve.seen, noise, fmt="o-", capsize=2, markersize=4)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability said", ylabel="rate seen", title=title)
    axes.set_aspect("equal")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def _write(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "PNG", compress_level=PNG_LEVEL)
