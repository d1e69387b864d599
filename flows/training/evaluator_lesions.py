"""Train the lesions' evaluator: another architecture, seed and resolution than the finding expert's."""

from pathlib import Path

import torch

from filters.evaluators import ANATOMY_EVALUATOR, LESION_EVALUATOR
from filters.networks import lesion_evaluator_network
from flows.training.checkpoints import locate
from flows.training.evaluator_anatomy import OWN_SEED
from flows.training.findings import begun, teach_and_seal
from flows.training.lesion_learning import Lessons
from flows.training.loop import Schedule
from flows.training.scenes import load_scenes

#: Finer than the expert's input: a nodule of 10 mm is 5 pixels wide.
SIZE, BATCH = 192, 18


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on simulated and real scenes, measure on held-out ones and seal ``out/evaluator_lesions``.

    The scenes are those of the other trainings with the same ``seed``; the network's own seed, and
    with it the order and the augmentation of what it sees, is another.
    """
    lessons = Lessons.of(*load_scenes(data, out, seed), size=SIZE, batch=BATCH, device=device)
    schedule = Schedule(steps=int(3400 * scale), lr=2e-3, ema=0.997, weight_decay=2e-2)
    torch.manual_seed(seed + OWN_SEED)
    start = begun(lesion_evaluator_network(), locate(out, ANATOMY_EVALUATOR))
    return teach_and_seal(
        LESION_EVALUATOR,
        start,
        lessons,
        schedule,
        (out, seed + OWN_SEED, resume),
        "Lesion evaluator: an independent opinion of which findings there are, and where",
        "A feature pyramid on a RegNetY, taught by lesions simulated in real normal radiographs, "
        "radiologists' boxes and NIH's labels. It neither trains nor filters; it measures "
        "(`python -m flows.evaluate`).",
    )
