"""Train a finding network on real films: first what its labels say, small, then where, at its own size."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from filters.experts.lite_networks import LiteFindings, lite_network
from flows.material.films import FOLDERS, SHOWN, Part, RealFilms, load_real
from flows.training.backbones import PACKAGES, begin
from flows.training.expert_calibration import write_expert
from flows.training.film_lessons import LabelNetwork, Lessons, together
from flows.training.loop import Schedule, fit
from flows.training.pointing import Pointing
from flows.training.sealing import seal


#: Pixels a side that the larger films are kept at in memory, whatever a network sees.
STORED: Final = 384


@dataclass(frozen=True)
class Stage:
    """``steps`` of ``batch`` films, ``size`` pixels a side; the rate falls from ``lr`` as a cosine."""

    size: int
    steps: int
    batch: int
    lr: float

    def schedule(self, scale: float) -> Schedule:
        """For the training loop; fewer steps with a ``scale`` under 1."""
        steps = max(1, int(self.steps * scale))
        return Schedule(steps, self.lr, warmup=60, weight_decay=2e-2, ema=0.995, bf16=False, save_every=50)


@dataclass(frozen=True)
class Recipe:
    """One network: its encoder, whose patients' films it learns from, its two stages and its own seed.

    It is calibrated on films of the part ``calibrated_on``.
    """

    name: str
    backbone: str
    part: Part
    calibrated_on: Part
    labels: Stage
    maps: Stage
    seed: int


def teach(
    recipe: Recipe,
    films: Callable[[int], RealFilms],
    run: Path,
    device: str = "cpu",
    resume: bool = False,
    scale: float = 1.0,
) -> LiteFindings:
    """The network, taught on ``films`` of a size; ready to be asked. Both stages resume in ``run``."""
    torch.manual_seed(recipe.seed)
    first = labelled_network(recipe.backbone)
    begin(first.network, recipe.backbone)
    lessons = Lessons.of(films(recipe.labels.size))

    def fit_stage(network: LabelNetwork, loss: Callable[[np.random.Generator], Tensor], stage: str) -> None:
        network.to(memory_format=torch.channels_last)
        schedule = getattr(recipe, stage).schedule(scale)
        fit(network, lambda _, rng: loss(rng), schedule, run / stage, recipe.seed, device, resume)

    fit_stage(first, lambda rng: lessons.label_loss(first, rng, recipe.labels.batch), "labels")
    torch.manual_seed(recipe.seed)
    second = labelled_network(recipe.backbone)
    inherit(second, {k: v.cpu() for k, v in first.state_dict().items()})
    pointing = Pointing.of(Lessons.of(films(recipe.maps.size)))
    fit_stage(second, lambda rng: pointing.loss(second, rng, recipe.maps.batch), "maps")
    network: LiteFindings = second.network
    return network.cpu().eval()


def labelled_network(backbone: str) -> LabelNetwork:
    """A network not yet taught, its maps dark."""
    network = lite_network(backbone)
    nn.init.constant_(network.segmenter.segmentation_head[0].bias, -3.0)
    return LabelNetwork(network)


def inherit(network: LabelNetwork, taught: dict[str, Tensor]) -> None:
    """All that the first stage taught; the decoder begins anew, and peaks of its maps begin to count."""
    own = network.state_dict()
    fresh = (".decoder.", "segmentation_head", "network.gain")
    network.load_state_dict(own | {k: v for k, v in taught.items() if not any(f in k for f in fresh)})
    nn.init.constant_(network.network.gain, 0.1)


def train(recipe: Recipe, seed: int, data: Path, out: Path, device: str, resume: bool, scale: float) -> Path:
    """Teach, calibrate on the other part's films, measure, and seal ``out/NAME``; ``seed`` is added."""
    recipe = replace(recipe, seed=recipe.seed + seed)
    stored = [load_real(data, "nih", STORED), load_real(data, "nih128", FOLDERS["nih128"])]

    def films(size: int) -> RealFilms:
        return together([f.take(f.where(recipe.part)) for f in stored], size)

    network = teach(recipe, films, out / "runs" / recipe.name, device, resume, scale)
    others = together([stored[0].take(stored[0].where(recipe.calibrated_on))], SHOWN)
    folder = out / recipe.name
    config = {"network": recipe.backbone, "resolution": recipe.maps.size}
    figures = write_expert(folder, network, config, others)
    seal_expert(folder, recipe, len(films(32)), figures)
    return folder


def seal_expert(folder: Path, recipe: Recipe, films: int, figures: dict[str, Any]) -> None:
    """Card and pins: what it began from, what it learned from, what it was measured to do."""
    package, file, digest = PACKAGES[recipe.backbone]
    about = {
        "begins with": {"package": f"{package}==0.1.0", "file": file, "sha256": digest},
        "patients": recipe.part,
        "films": films,
        "calibrated on patients": recipe.calibrated_on,
        "labels": vars(recipe.labels),
        "maps": vars(recipe.maps),
        "seed": recipe.seed,
    }
    command = f"synthorax train {recipe.name} --data DIR"
    seal(
        folder,
        f"{recipe.name}: findings of real frontal radiographs, and where",
        ("nih", "nih128", "nih_boxes", "rsna"),
        command,
        about,
        figures,
        "Taught by radiologists' boxes and grades and by labels mined from reports; no lesion was simulated.",
    )
