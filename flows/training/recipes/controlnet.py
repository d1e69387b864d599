"""Train a ControlNet for a frozen Stable Diffusion base: anatomy and lesion masks guide its films.

ControlNet: Zhang, Rao & Agrawala, ICCV 2023. What it adds to the base begins at nothing (zero
convolutions), and the base's own weights never change.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ControlNetModel
from torch import Tensor

from flows.training.loop import Schedule, fit
from flows.training.prepared_films import Films
from flows.training.sealing import seal, write_config
from manifests.films.prepared import TABLE
from synth.errors import UserError
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.denoisers import FrozenDenoiser
from synth.images.frozen.loading import ForeignBase
from synth.images.frozen.pipelines import CONTROLS, PipelineFolder
from synth.weights import digest

BATCH, STEPS, RATE, SAVE_EVERY = 8, 6000, 1e-5, 500
#: Pixels of a latent cell's side.
FACTOR = 8
#: How often the prompt is left out, so that a film can be guided by its masks alone.
DROP = 0.1
#: Noise levels at which held-out films are measured, as shares of the base's time; and how many films.
LEVELS, MEASURED = (0.1, 0.3, 0.5, 0.7, 0.9), 128


def train(
    data: Path, out: Path, seed: int, device: str, resume: bool, scale: float, base: Path | None = None
) -> Path:
    """Train on the prepared folder ``data``, measure on held-out films, seal ``out/controlnet``.

    Raises UserError in one line for a base or a folder that does not fit, and for one that is resumed with
    another base, other data or another length.
    """
    if base is None:
        raise UserError("base: none, expected the folder of a Stable Diffusion 1.x or 2.x model")
    found = load_base(base, device)
    denoiser, films = found.base, Films(data, found.base, found.colours)
    PipelineFolder.read(base, field="base").check_size(films.size, f"data: {data}, pixels of its films")
    schedule = Schedule(
        steps=max(1, int(STEPS * scale)), lr=RATE, warmup=100, weight_decay=1e-2, save_every=SAVE_EVERY
    )
    pins = found.digests
    about = {
        "seed": seed,
        "steps": schedule.steps,
        "batch": BATCH,
        TABLE: digest(data / TABLE),
        "base": pins,
    }
    run = out / "runs" / "controlnet"
    _check_same(run, about, resume)
    torch.manual_seed(seed)
    network = ControlNetModel.from_unet(denoiser.unet, conditioning_channels=CONTROLS)
    network.requires_grad_(True)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        which = rng.choice(films.taught, BATCH)
        prompts = ["" if rng.random() < DROP else films.prompts[i] for i in which]
        times = torch.from_numpy(rng.integers(0, steps_of(denoiser), BATCH)).to(device)
        clean = films.latents(which)
        noise = torch.from_numpy(rng.standard_normal(clean.shape).astype(np.float32)).to(device)
        return errors(denoiser, network, clean, noise, times, prompts, films.masks(which)).mean()

    fit(network, loss_of, schedule, run, seed, device, resume)
    folder = out / "controlnet"
    measured = min(len(films.held), MEASURED)
    metrics = {f"{measured} held-out films": evaluate(denoiser, network, films)}
    network.to("cpu").save_pretrained(folder)
    write_config(
        folder / "synthorax.json", {"channels": [*ANATOMY, *FINDING_NAMES], "base": pins, "size": films.size}
    )
    seal(
        folder,
        "ControlNet: anatomy and lesion masks for a frozen Stable Diffusion base",
        ("prepared",),
        "synthorax train controlnet --data PREPARED --base FOLDER",
        {**about, "training films": len(films.taught), "size": films.size, "device": device},
        metrics,
        NOTES,
        licence="other",
    )
    ControlNetModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
    )
    return folder


def load_base(folder: Path, device: str) -> ForeignBase:
    """The base in ``folder``, in fp32, without a ControlNet of its own. Raises UserError, one line."""
    pipeline = PipelineFolder.read(folder, field="base").alone
    if pipeline.factor != FACTOR:
        raise UserError(
            f"base: {folder} has {pipeline.factor} pixels a latent cell, expected {FACTOR}: a ControlNet's "
            "own embedding of masks halves them three times"
        )
    found = ForeignBase.load(pipeline, device)
    if found.base.schedule.prediction == "flow":
        raise UserError(f"base: {folder} has a flow matching scheduler, expected one with betas")
    return found


NOTES = f"""\
For the base whose files have the digests above, and for none other. The conditioning image has
{CONTROLS} channels of 0 or 1 at the film's resolution, in the order that `synthorax.json` names. These
weights began as the base's: its licence is theirs.

Held-out films are those whose source's SHA-256 falls in the last tenth; patients are not known, so that
another film of one of them may have been trained on. Figures are mean squared errors of the network's target
at fixed noise, with the films' prompts; those with another film's masks tell whether it is the masks that
help. Films and masks were never mirrored, for sides matter."""


def steps_of(denoiser: FrozenDenoiser) -> int:
    """How many noise levels a base was trained on."""
    return int(denoiser.schedule.scheduler.config["num_train_timesteps"])


def errors(
    denoiser: FrozenDenoiser,
    network: ControlNetModel | None,
    clean: Tensor,
    noise: Tensor,
    times: Tensor,
    prompts: Sequence[str],
    masks: Tensor,
) -> Tensor:
    """(N,) mean squared error of what base and ControlNet say of noised latents.

    ``clean`` and ``noise`` (N, C, h, w), ``times`` (N,) whole numbers, ``masks`` (N, 18, H, W). Without a
    ``network`` it is the base's own error. The target is the noise, or the velocity
    alpha · noise − sigma · x0 (Salimans & Ho, 2022), as the base's scheduler says.
    """
    with torch.no_grad():
        states = denoiser.embed(prompts)
    shares = denoiser.schedule.scheduler.alphas_cumprod.to(clean.device)[times][:, None, None, None]
    alpha, sigma = shares.sqrt(), (1 - shares).sqrt()
    target = noise if denoiser.schedule.prediction == "epsilon" else alpha * noise - sigma * clean
    noised, added = alpha * clean + sigma * noise, {}
    if network is not None:
        down, mid = network(noised, times, states, controlnet_cond=masks, return_dict=False)
        added = {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}
    said = denoiser.unet(noised, times, states, **added).sample
    return F.mse_loss(said.float(), target, reduction="none").mean((1, 2, 3))


@torch.inference_mode()
def evaluate(denoiser: FrozenDenoiser, network: ControlNetModel, films: Films) -> dict[str, Any]:
    """Mean errors of held-out films (at most MEASURED) with the ControlNet, without, and with others' masks.

    Each at LEVELS of the base's time, with noise that depends on the film and the level alone.
    """
    held = films.held[:MEASURED]
    found: dict[str, list[np.ndarray]] = {}
    times = torch.tensor([int(level * steps_of(denoiser)) for level in LEVELS], device=denoiser.device)
    for place, i in enumerate(held):
        clean, prompts = films.latents([i] * len(LEVELS)), [films.prompts[i]] * len(LEVELS)
        rng = np.random.default_rng(int(films.hashes[i][:16], 16))
        noise = torch.from_numpy(rng.standard_normal(clean.shape).astype(np.float32)).to(denoiser.device)
        own, other = films.masks([i]), films.masks([held[place - 1]])
        cases = {"with": (network, own), "without": (None, own)}
        if len(held) > 1:
            cases["with another film's masks"] = (network, other)
        for name, (used, masks) in cases.items():
            masks = masks.expand(len(LEVELS), -1, -1, -1)
            said = errors(denoiser, used, clean, noise, times, prompts, masks)
            found.setdefault(name, []).append(said.cpu().numpy())
    return {
        name: {f"level {at}": round(float(v), 5) for at, v in zip(LEVELS, np.mean(values, 0), strict=True)}
        for name, values in found.items()
    }


def _check_same(run: Path, about: Mapping[str, Any], resume: bool) -> None:
    """Write down what a run trains on, or check that a resumed one goes on with the same."""
    path = run / "about.json"
    if resume and path.exists():
        before = json.loads(path.read_text())
        for name, value in about.items():
            if before.get(name) != value:
                raise UserError(f"resume: {name} differs from that of {path}, expected the same as before")
    if not resume:  # a killed first run must not be gone on with from an older one's state
        (run / "state.pt").unlink(missing_ok=True)
    write_config(path, about)
