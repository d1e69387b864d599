"""Train the evaluator of findings: real films alone, from ImageNet's EfficientNet-Lite2."""

from pathlib import Path

from flows.training import film_recipe
from flows.training.film_recipe import Recipe, Stage

RECIPE = Recipe(
    "evaluator_lite2",
    "lite2",
    "evaluators",
    "experts",
    labels=Stage(160, 700, 32, 8e-4),
    maps=Stage(256, 500, 12, 5e-4),
    seed=37,
)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, calibrate on films of other patients, measure there and seal ``out/evaluator_lite2``."""
    return film_recipe.train(RECIPE, seed, data, out, device, resume, scale)
