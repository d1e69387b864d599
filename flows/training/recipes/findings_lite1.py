"""Train the second finding expert: real films alone, from ImageNet's EfficientNet-Lite1."""

from pathlib import Path

from flows.training import film_recipe
from flows.training.film_recipe import Recipe, Stage

RECIPE = Recipe(
    "findings_lite1",
    "lite1",
    "experts",
    "evaluators",
    labels=Stage(160, 1300, 32, 8e-4),
    maps=Stage(256, 900, 12, 5e-4),
    seed=23,
)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, calibrate on films of other patients, measure there and seal ``out/findings_lite1``."""
    return film_recipe.train(RECIPE, seed, data, out, device, resume, scale)
