"""Train the second finding expert: real films alone, from ImageNet's EfficientNet-Lite1; calibrate both."""

from pathlib import Path

from filters.experts.embedded import read_config
from filters.experts.lite import LiteExpert
from flows.material.films import SHOWN, load_real
from flows.material.trained import locate
from flows.training.expert_calibration import calibrate_together
from flows.training.film_recipe import Recipe, Stage
from flows.training.recipes import findings_lite0
from flows.training.sealing import pin, write_config

LABELS, MAPS = Stage(160, 1300, 32, 8e-4), Stage(256, 500, 12, 5e-4)
RECIPE = Recipe("findings_lite1", "lite1", "experts", "evaluators", LABELS, MAPS, seed=23)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, calibrate alone and together with the first expert on films of other patients, and seal
    ``out/findings_lite1``."""
    folder = RECIPE.train(data, out, seed, device, resume, scale)
    both = [LiteExpert.read(locate(out, findings_lite0.RECIPE.name)), LiteExpert.read(folder)]
    films = load_real(data, "nih", SHOWN, RECIPE.calibrated_on)
    write_config(folder / "config.json", read_config(folder) | {"together": calibrate_together(both, films)})
    pin(folder)
    return folder
