"""Train the second anatomy expert: another architecture, on human lung masks alone."""

from pathlib import Path

from filters.experts.networks import mobilenet_lung_network
from flows.training.recipes.evaluator_anatomy import teach_lungs

#: Added to the seed, so that nothing is shared with the first expert or the evaluators.
OWN_SEED = 13_000


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on human masks, measure on held-out ones and seal ``out/anatomy_second``."""
    return teach_lungs(
        "anatomy_second",
        mobilenet_lung_network,
        "Second anatomy expert: the lungs on frontal radiographs",
        "A feature pyramid on a MobileNetV4, taught by human masks alone. The filter takes the mean of "
        "its and the first expert's word.",
        (data, out, seed + OWN_SEED, device, resume, scale),
    )
