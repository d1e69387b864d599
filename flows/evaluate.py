"""The figures of the shipped models that need no real data: ``python -m flows.evaluate``.

Lungs of generated images against the masks asked for, and whether a lesion moves when its mask does.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer
import yaml

from filters.anatomy_agreement import dice
from filters.experts import EmbeddedAnatomy
from synth.cases import Case, FindingRequest, MaskSet
from synth.findings import FINDINGS
from synth.generate import SynthesisSettings, Synthesizer
from synth.prompts import PromptSampler


def lung_agreement(maker: Synthesizer, count: int) -> dict[str, float]:
    """Dice of both lungs together, by the expert, over ``count`` sampled cases."""
    source = PromptSampler(findings=maker.findings)
    cases = [source.case(11, f"{i:09d}") for i in range(count)]
    masks = [maker.masks(c) for c in cases]
    opinions = EmbeddedAnatomy.load().look(generate(maker, cases, masks))
    values = []
    for opinion, asked in zip(opinions, masks, strict=True):
        right, left = opinion.mask("right_lung"), opinion.mask("left_lung")
        if right is None or left is None:
            raise ValueError("anatomy expert: no lungs, expected both")
        values.append(dice(right | left, asked.lungs))
    return {
        "images": count,
        "lung_dice": round(float(np.mean(values)), 4),
        "5th_percentile": round(float(np.percentile(values, 5)), 4),
    }


def moved_lesions(maker: Synthesizer, count: int) -> dict[str, dict[str, float]]:
    """Per finding: mean absolute change inside both lesion masks over that elsewhere in the lungs,
    when the lesion is asked for on the other side of the same body with the same noise.
    """
    out = {}
    for name in maker.findings:
        if not FINDINGS[name].lateral:
            continue
        cases = [
            Case(f"{i:09d}", 23, f"{name.replace('_', ' ')}.", (FindingRequest(name, "right"),))
            for i in range(count)
        ]
        right = [maker.masks(c) for c in cases]
        left = [
            maker.masker.sample([FindingRequest(name, "left")], m.anatomy, np.random.default_rng(i))
            for i, m in enumerate(right)
        ]
        a, b = (generate(maker, cases, m).astype(float) for m in (right, left))
        inside, outside = [], []
        for k in range(count):
            both = lesion_area(right[k]) | lesion_area(left[k])
            change, rest = np.abs(a[k] - b[k]), right[k].lungs & ~both
            if both.any() and rest.any():
                inside.append(change[both].mean())
                outside.append(change[rest].mean())
        out[name] = {
            "pairs": len(inside),
            "inside": round(float(np.mean(inside)), 2),
            "elsewhere": round(float(np.mean(outside)), 2),
            "ratio": round(float(np.mean(inside) / np.mean(outside)), 2),
        }
    return out


def lesion_area(masks: MaskSet) -> np.ndarray:
    """(H, W) bool: any lesion."""
    return np.asarray(masks.lesion_channels().any(0))


def generate(maker: Synthesizer, cases: list[Case], masks: list[MaskSet]) -> np.ndarray:
    """(N, S, S) uint8 of all cases, in batches."""
    size = maker.settings.batch_size
    return np.concatenate(
        [maker.radiographs(cases[i : i + size], masks[i : i + size]) for i in range(0, len(cases), size)]
    )


def write_card(card: Path, figures: dict) -> None:
    """Put the figures in the place of a card's ``metrics``, which end its YAML block."""
    text = card.read_text()
    start = text.index("metrics:\n")
    end = text.index("```", start)
    metrics = yaml.safe_dump({"metrics": figures}, sort_keys=False, width=96)
    card.write_text(text[:start] + metrics + text[end:])


def main(
    images: int = 128, pairs: int = 16, guidance: float = SynthesisSettings.guidance, card: Path | None = None
) -> None:
    """Print the figures as JSON, and write them into the image model's ``card`` when it is named."""
    maker = Synthesizer.load(replace(SynthesisSettings(), guidance=guidance))
    moved = moved_lesions(maker, pairs)
    figures = {"lungs": lung_agreement(maker, images), "moved lesions": moved}
    print(json.dumps(figures, indent=1))
    if card is not None:
        write_card(card, figures)


if __name__ == "__main__":
    typer.run(main)
