"""Train the second finding expert: another architecture, seed and resolution than the first one's."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from filters.experts.embedded import OPACITY, EmbeddedFindings, read_config
from filters.experts.ensemble import SECOND, TOGETHER, pooled_logit
from filters.experts.networks import mobilenet_finding_network
from flows.figures.reliability import platt
from flows.material.scenes import load_scenes
from flows.material.trained import locate
from flows.training.lesion_learning import Lessons
from flows.training.loop import Schedule
from flows.training.recipes.anatomy_second import OWN_SEED
from flows.training.recipes.findings import SEEN, Recipe, teach_and_seal
from flows.training.sealing import pin, write_config
from synth.findings import FINDING_NAMES

RECIPE = Recipe(
    SECOND["findings"],
    mobilenet_finding_network,
    SECOND["anatomy"],
    size=192,
    batch=18,
    schedule=Schedule(steps=3800, lr=2e-3, ema=0.997, weight_decay=2e-2, bf16=False),
    own_seed=OWN_SEED,
)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on simulated and real scenes, measure on held-out ones and seal ``out/findings_second``."""
    lessons = RECIPE.lessons(*load_scenes(data, out, seed), device)
    folder = teach_and_seal(
        RECIPE,
        lessons,
        (out, seed, resume, scale),
        "Second finding expert: lesions and findings on frontal radiographs",
        "A feature pyramid on a MobileNetV4, taught by lesions simulated in real normal radiographs, "
        "radiologists' boxes and NIH's labels. Filters take the mean of its and the first expert's word. Its "
        f"config names the findings that it speaks of, those with an AUROC of {SEEN} or more, and how the "
        "mean of both is calibrated.",
        SEEN,
    )
    both = [
        EmbeddedFindings.load(locate(out, "findings")),
        EmbeddedFindings.of(mobilenet_finding_network(), folder),
    ]
    config = read_config(folder) | {TOGETHER: calibrate_together(both, lessons)}
    write_config(folder / "config.json", config)
    pin(folder)
    return folder


def calibrate_together(experts: Sequence[EmbeddedFindings], lessons: Lessons) -> dict[str, dict[str, float]]:
    """Platt's numbers of the experts' mean logit, by finding, on what none of them learned from.

    Opacity's are fitted to both held-out parts of the real images, as the first expert's own are, the
    others to scenes simulated in held-out images.
    """
    nih, simulated = lessons.nih, lessons.simulated
    real, scenes = (np.flatnonzero(p != "train") for p in (nih.parts, nih.parts[simulated.base]))

    seen = [_probabilities(e, lessons.real.images[real]) for e in experts]
    fitted = {OPACITY: platt(_pooled(OPACITY, seen), ~nih.normal[real])}
    drawn, shown = simulated.lesions[scenes], [_probabilities(e, simulated.images[scenes]) for e in experts]
    for i, name in enumerate(FINDING_NAMES):
        if all(name in e.findings for e in experts):
            fitted[name] = platt(_pooled(name, shown), np.asarray((drawn >> i & 1).any((1, 2))))
    return fitted


def _probabilities(expert: EmbeddedFindings, images: np.ndarray) -> list[Mapping[str, float]]:
    """Of each image; the maps, three megabytes an image, are let go."""
    parts = (images[i : i + 64] for i in range(0, len(images), 64))
    return [opinion.probabilities for part in parts for opinion in expert.look(part)]


def _pooled(name: str, said: Sequence[Sequence[Mapping[str, float]]]) -> np.ndarray:
    """(N,) mean logits of a finding, over experts that each spoke of N images."""
    return np.array([pooled_logit([p[name] for p in each]) for each in zip(*said, strict=True)])
