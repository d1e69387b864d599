"""Train the lesions' evaluator: another architecture, seed and resolution than the finding expert's."""

from pathlib import Path

from filters.experts.evaluators import ANATOMY_EVALUATOR, LESION_EVALUATOR
from filters.experts.networks import regnet_finding_network
from flows.material.scenes import load_scenes
from flows.training.loop import Schedule
from flows.training.recipes.evaluator_anatomy import OWN_SEED
from flows.training.simulated_recipe import Recipe, teach_and_seal

#: Finer images than the expert's: a nodule of 10 mm is 5 pixels wide.
RECIPE = Recipe(
    LESION_EVALUATOR,
    regnet_finding_network,
    ANATOMY_EVALUATOR,
    size=192,
    batch=18,
    schedule=Schedule(steps=3400, lr=2e-3, ema=0.997, weight_decay=2e-2),
    own_seed=OWN_SEED,
)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on simulated and real scenes, measure on held-out ones and seal ``out/evaluator_lesions``.

    The scenes are those of the other trainings with the same ``seed``; the network's own seed, and
    with it the order and the augmentation of what it sees, is another.
    """
    return teach_and_seal(
        RECIPE,
        RECIPE.lessons(*load_scenes(data, out, seed), device),
        (out, seed, resume, scale),
        "Lesion evaluator: an independent opinion of which findings there are, and where",
        "A feature pyramid on a RegNetY, taught by lesions simulated in real normal radiographs, "
        "radiologists' boxes and NIH's labels. It neither trains nor filters; it measures "
        "(`synthorax evaluate models`).",
    )
