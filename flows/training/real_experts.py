"""Train a finding network on real films: first what its labels say, small, then where, at its own size."""

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from filters.lite_networks import LiteFindings, lite_network
from flows.material.real import Part, RealFilms, load_real
from flows.training.backbones import PACKAGES, begin
from flows.training.checkpoints import seal
from flows.training.loop import Schedule, fit
from flows.training.pointing import Pointing
from flows.training.real_calibration import write_expert
from flows.training.real_lessons import LabelNetwork, Lessons, together


@dataclass(frozen=True)
class Stage:
    """``steps`` of ``batch`` films, ``size`` pixels a side; the rate falls from ``lr`` as a cosine."""

    size: int
    steps: int
    batch: int
    lr: float

    def schedule(self, scale: float, save_every: int) -> Schedule:
        """For the training loop; fewer steps with a ``scale`` under 1."""
        steps = max(1, int(self.steps * scale))
        return Schedule(
            steps, self.lr, warmup=60, weight_decay=2e-2, ema=0.995, bf16=False, save_every=save_every
        )


@dataclass(frozen=True)
class Recipe:
    """One network: its encoder, whose patients' films it learns from, its two stages and its own seed.

    It is calibrated on films of the part ``heard_by``.
    """

    name: str
    backbone: str
    part: Part
    heard_by: Part
    labels: Stage
    maps: Stage
    seed: int


RECIPES: Final = {
    r.name: r
    for r in (
        Recipe(
            "findings",
            "lite0",
            "experts",
            "evaluators",
            labels=Stage(160, 450, 32, 8e-4),
            maps=Stage(288, 720, 12, 5e-4),
            seed=11,
        ),
        Recipe(
            "findings_second",
            "lite1",
            "experts",
            "evaluators",
            labels=Stage(160, 600, 32, 8e-4),
            maps=Stage(256, 720, 12, 5e-4),
            seed=23,
        ),
        Recipe(
            "evaluator_lesions",
            "lite2",
            "evaluators",
            "experts",
            labels=Stage(160, 350, 32, 8e-4),
            maps=Stage(256, 400, 12, 5e-4),
            seed=37,
        ),
    )
}


def teach(
    recipe: Recipe, films: Callable[[int], RealFilms], run: Path, resume: bool = False, scale: float = 1.0
) -> LiteFindings:
    """The network, taught on ``films`` of a size; ready to be asked. Both stages resume in ``run``."""
    torch.manual_seed(recipe.seed)
    first = labelled_network(recipe.backbone)
    begin(first.network, recipe.backbone)
    lessons = Lessons.of(films(recipe.labels.size))
    _fit(
        first,
        lambda rng: lessons.label_loss(first, rng, recipe.labels.batch),
        recipe.labels,
        recipe,
        run / "labels",
        resume,
        scale,
    )
    torch.manual_seed(recipe.seed)
    second = labelled_network(recipe.backbone)
    inherit(second, first.state_dict())
    pointing = Pointing.of(Lessons.of(films(recipe.maps.size)))
    _fit(
        second,
        lambda rng: pointing.loss(second, rng, recipe.maps.batch),
        recipe.maps,
        recipe,
        run / "maps",
        resume,
        scale,
    )
    network: LiteFindings = second.network
    return network.eval()


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


def _fit(
    network: nn.Module,
    loss: Callable[[np.random.Generator], Tensor],
    stage: Stage,
    recipe: Recipe,
    run: Path,
    resume: bool,
    scale: float,
) -> None:
    network.to(memory_format=torch.channels_last)
    fit(network, lambda _, rng: loss(rng), stage.schedule(scale, 50), run, recipe.seed, resume=resume)


def train(recipe: Recipe, data: Path, out: Path, resume: bool, scale: float = 1.0) -> Path:
    """Teach, calibrate on the other part's films, measure, and seal ``out/NAME``."""
    large = max(recipe.labels.size, recipe.maps.size)
    stored = [load_real(data, "nih", large), load_real(data, "nih128", 128)]

    def films(size: int) -> RealFilms:
        return together([f.take(f.where(recipe.part)) for f in stored], size)

    network = teach(recipe, films, out / "runs" / recipe.name, resume, scale)
    heard = together([stored[0].take(stored[0].where(recipe.heard_by))], 256)
    folder = out / recipe.name
    config = {"network": recipe.backbone, "resolution": recipe.maps.size}
    figures = write_expert(folder, network, config, heard)
    seal_expert(folder, recipe, len(films(32)), figures)
    return folder


def seal_expert(folder: Path, recipe: Recipe, films: int, figures: dict[str, Any]) -> None:
    """Card and pins: what it began from, what it learned from, what it was measured to do."""
    package, file, digest = PACKAGES[recipe.backbone]
    about = {
        "begins with": {"package": f"{package}==0.1.0", "file": file, "sha256": digest},
        "patients": recipe.part,
        "films": films,
        "calibrated on patients": recipe.heard_by,
        "labels": vars(recipe.labels),
        "maps": vars(recipe.maps),
        "seed": recipe.seed,
    }
    command = f"python -m flows.training.real_experts {recipe.name} --data DIR --out DIR"
    seal(
        folder,
        f"{recipe.name}: findings of real frontal radiographs, and where",
        ("real", "nih128", "rsna"),
        command,
        about,
        figures,
        "Taught by radiologists' boxes and grades and by labels mined from reports; no lesion was simulated.",
    )


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps")
    args = parser.parse_args()
    print(train(RECIPES[args.name], args.data, args.out, args.resume, args.scale))


if __name__ == "__main__":
    main()
