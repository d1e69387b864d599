"""Train the finding expert: simulated lesions teach where, real labels teach whether."""

from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn

from filters.embedding import TrainingIndex
from filters.experts import EmbeddedFindings
from filters.networks import FindingNetwork, finding_network
from flows.evaluation.calibration import opacity_figures
from flows.training.checkpoints import locate, pin, seal, write_config, write_tensors
from flows.training.lesion_learning import Lessons, auroc, platt, predict
from flows.training.loop import Schedule, fit
from flows.training.scenes import SIMULATED, load_scenes
from synth.findings import FINDING_NAMES
from synth.weights import load_safetensors

SIZE, BATCH = 160, 18

#: Least AUROC on held-out simulated scenes of a finding that the expert then speaks of.
SEEN = 0.6


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train, calibrate and measure on held-out parts and seal ``out/findings``."""
    lessons = Lessons.of(*load_scenes(data, out, seed), size=SIZE, batch=BATCH, device=device)
    schedule = Schedule(steps=int(2300 * scale), lr=1.2e-3, ema=0.997, weight_decay=2e-2)
    torch.manual_seed(seed)
    folder = teach_and_seal(
        "findings",
        begun(finding_network(), locate(out, "anatomy")),
        lessons,
        schedule,
        (out, seed, resume),
        "Finding expert: lesions and findings on frontal radiographs",
        "Lesion maps and findings were taught by lesions simulated in real normal radiographs, each "
        "beside the same radiograph without them; `opacity` by these and by NIH's labels. Its config "
        f"names the findings that it speaks of: those with an AUROC of {SEEN} or more.",
        SEEN,
    )  # the index is made by the expert itself, which loads sealed folders only
    expert = EmbeddedFindings.load(folder)
    shown = lessons.nih.where("train")
    names = [lessons.nih.names[i] for i in shown]
    index = TrainingIndex.fit(expert.features(lessons.real.images[shown]), names, encoder=expert.digest)
    index.save(folder / "training_index.safetensors")
    pin(folder)
    return folder


def begun(network: FindingNetwork, folder: Path) -> FindingNetwork:
    """The network with the encoder of a segmentation expert's folder, which knows a chest."""
    known = load_safetensors(folder / "model.safetensors")
    encoder = {k.removeprefix("encoder."): v.float() for k, v in known.items() if k.startswith("encoder.")}
    network.segmenter.encoder.load_state_dict(encoder)
    return network


def teach(
    network: nn.Module, lessons: Lessons, schedule: Schedule, run: Path, seed: int, resume: bool
) -> nn.Module:
    """Fit a network that answers with lesion maps and findings; returned on the CPU, ready to be asked."""
    network = network.to(memory_format=torch.channels_last)  # a fifth faster on CPUs

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        return lessons.loss(network, rng)

    return fit(network, loss_of, schedule, run, seed, lessons.device, resume).to("cpu").eval()


def teach_and_seal(
    name: str,
    network: FindingNetwork,
    lessons: Lessons,
    schedule: Schedule,
    options: tuple[Path, int, bool],
    title: str,
    notes: str,
    least: float = 0.0,
) -> Path:
    """Teach a network, write it as an expert and seal ``out/name``; ``options`` are out, seed, resume."""
    out, seed, resume = options
    folder = out / name
    taught = teach(network, lessons, schedule, out / "runs" / name, seed, resume)
    about = {
        "seed": seed,
        "steps": schedule.steps,
        "batch": lessons.batch,
        "resolution": lessons.size,
        "simulated scenes": SIMULATED,
        "device": lessons.device,
    }
    figures = write_expert(folder, taught, lessons, least)
    command = f"synthorax train {name} --data DIR"
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
