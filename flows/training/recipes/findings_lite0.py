"""Train the first finding expert: real films alone, from ImageNet's EfficientNet-Lite0."""

from pathlib import Path

from flows.training import film_recipe
from flows.training.film_recipe import Recipe, Stage

RECIPE = Recipe(
    "findings_lite0",
    "lite0",
    "experts",
    "evaluators",
    labels=Stage(160, 1300, 32, 8e-4),
    maps=Stage(288, 900, 12, 5e-4),
    seed=11,
)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, calibrate on films of other patients, measure there and seal ``out/findings_lite0``."""
    return film_recipe.train(RECIPE, seed, data, out, device, resume, scale)
