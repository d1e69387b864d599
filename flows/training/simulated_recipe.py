"""How a network learns findings: simulated lesions teach where, real labels teach whether."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn

from filters.experts.networks import FindingNetwork
from flows.figures.ranking import auroc
from flows.figures.reliability import opacity_figures, platt
from flows.material.real import Radiographs
from flows.material.scenes import SIMULATED, Scenes
from flows.material.trained import locate
from flows.training.lesion_learning import Lessons, predict
from flows.training.loop import Schedule, fit
from flows.training.sealing import seal, write_config, write_tensors
from synth.findings import FINDING_NAMES
from synth.weights import load_safetensors


@dataclass(frozen=True)
class Recipe:
    """How one network learns findings, whatever it is shown.

    It begins with the encoder of the segmentation network ``encoder``, sees ``batch`` images a step,
    ``size`` pixels a side, and ``own_seed`` is added to the seed.
    """

    name: str
    network: Callable[[], FindingNetwork]
    encoder: str
    size: int
    batch: int
    schedule: Schedule
    own_seed: int = 0

    def lessons(self, nih: Radiographs, real: Scenes, simulated: Scenes, device: str) -> Lessons:
        """What it is taught, of what :func:`flows.material.scenes.load_scenes` returns."""
        return Lessons.of(nih, real, simulated, size=self.size, batch=self.batch, device=device)

    def teach(
        self, lessons: Lessons, out: Path, run: Path, seed: int, resume: bool, scale: float
    ) -> FindingNetwork:
        """The network, taught; on the CPU, ready to be asked. ``out`` is where its beginning may stand."""
        torch.manual_seed(seed + self.own_seed)
        network = begun(self.network(), locate(out, self.encoder))
        network = network.to(memory_format=torch.channels_last)  # a fifth faster on CPUs

        def loss_of(step: int, rng: np.random.Generator) -> Tensor:
            return lessons.loss(network, rng)

        schedule = replace(self.schedule, steps=int(self.schedule.steps * scale))
        fit(network, loss_of, schedule, run, seed + self.own_seed, lessons.device, resume)
        return network.to("cpu").eval()


def begun(network: FindingNetwork, folder: Path) -> FindingNetwork:
    """The network with the encoder of a segmentation expert's folder, which knows a chest."""
    known = load_safetensors(folder / "model.safetensors")
    encoder = {k.removeprefix("encoder."): v.float() for k, v in known.items() if k.startswith("encoder.")}
    network.segmenter.encoder.load_state_dict(encoder)
    return network


def teach_and_seal(
    recipe: Recipe,
    lessons: Lessons,
    options: tuple[Path, int, bool, float],
    title: str,
    notes: str,
    least: float = 0.0,
) -> Path:
    """Teach a network, write it as an expert and seal its folder; options: out, seed, resume, scale."""
    out, seed, resume, scale = options
    folder = out / recipe.name
    taught = recipe.teach(lessons, out, out / "runs" / recipe.name, seed, resume, scale)
    about = {
        "seed": seed + recipe.own_seed,
        "steps": int(recipe.schedule.steps * scale),
        "batch": lessons.batch,
        "resolution": lessons.size,
        "simulated scenes": SIMULATED,
        "device": lessons.device,
    }
    figures = write_expert(folder, taught, lessons, least)
    command = f"synthorax train {recipe.name} --data DIR"
    seal(folder, title, ("nih", "rsna", "chestx_det"), command, about, figures, notes)
    return folder


def write_expert(folder: Path, network: nn.Module, lessons: Lessons, least: float = 0.0) -> dict:
    """Write weights and config, calibrated on what was held out; returns held-out figures.

    The config names the findings whose held-out AUROC is ``least`` or more: an expert that sees a
    finding no better than chance has no say in it.

    Two numbers of a sigmoid fitted to a hundred images err by as much as they correct, so opacity's
    are fitted to both held-out parts; its calibration error is told cross-fitted, by patient.
    """
    nih, simulated, size = lessons.nih, lessons.simulated, lessons.size
    held = np.flatnonzero(nih.parts[simulated.base] != "train")
    real_logits, _ = predict(network, lessons.real.images, size)
    sim_logits, _ = predict(network, simulated.images[held], size)
    drawn = simulated.lesions[held]
    truth = {n: np.asarray((drawn >> i & 1).any((1, 2))) for i, n in enumerate(FINDING_NAMES)}
    calibration = {n: platt(sim_logits[:, i], truth[n]) for i, n in enumerate(FINDING_NAMES)}
    kept = np.flatnonzero(nih.parts != "train")
    heard, seen = real_logits[kept, -1], ~nih.normal[kept]
    calibration["opacity"] = fitted = platt(heard, seen)
    said = expit(fitted["scale"] * heard + fitted["bias"])
    write_tensors(folder / "model.safetensors", network.state_dict(), half=True)
    test = nih.where("test")
    per_view = {}
    for view in ("PA", "AP"):
        some = test[nih.views[test] == view]
        per_view[view] = auroc(real_logits[some, -1], ~nih.normal[some])
    simulated_auroc = {n: auroc(sim_logits[:, i], truth[n]) for i, n in enumerate(FINDING_NAMES)}
    spoken = [n for n, v in simulated_auroc.items() if not v < least]  # NaN: never drawn, not refuted
    config = {"resolution": size, "findings": spoken, "calibration": calibration}
    write_config(folder / "config.json", config)
    mean, simulated_mean = (round(float(np.mean([*v.values()])), 3) for v in (per_view, simulated_auroc))
    return {
        "opacity AUROC on held-out patients, mean over views": mean,
        "opacity AUROC by view": {k: round(v, 3) for k, v in per_view.items()},
        "held-out images": len(test),
        "opacity on both held-out parts": opacity_figures(said, seen, nih.patients[kept], nih.views[kept])[0],
        "simulated scenes on held-out images": len(held),
        "AUROC of simulated findings, mean": simulated_mean,
        "AUROC of simulated findings": {k: round(v, 3) for k, v in simulated_auroc.items()},
    }
