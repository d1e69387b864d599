"""Train the second finding expert: another architecture, seed and resolution than the first one's."""

from pathlib import Path

import torch

from filters.ensemble import SECOND
from filters.networks import second_finding_network
from flows.training.anatomy_second import OWN_SEED
from flows.training.checkpoints import locate
from flows.training.evaluator_lesions import BATCH, SIZE
from flows.training.findings import SEEN, begun, teach_and_seal
from flows.training.lesion_learning import Lessons
from flows.training.loop import Schedule
from flows.training.scenes import load_scenes


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train on simulated and real scenes, measure on held-out ones and seal ``out/findings_second``."""
    lessons = Lessons.of(*load_scenes(data, out, seed), size=SIZE, batch=BATCH, device=device)
    schedule = Schedule(steps=int(2600 * scale), lr=2e-3, ema=0.997, weight_decay=2e-2, bf16=device != "cpu")
    torch.manual_seed(seed + OWN_SEED)
    return teach_and_seal(
        SECOND["findings"],
        begun(second_finding_network(), locate(out, SECOND["anatomy"])),
        lessons,
        schedule,
        (out, seed + OWN_SEED, resume),
        "Second finding expert: lesions and findings on frontal radiographs",
        "A feature pyramid on a MobileNetV4, taught by lesions simulated in real normal radiographs, "
        "radiologists' boxes and NIH's labels. Filters take the mean of its and the first expert's word. Its "
        f"config names the findings that it speaks of: those with an AUROC of {SEEN} or more.",
        SEEN,
    )
