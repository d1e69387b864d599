"""One training loop for every network: seeded by step, resumable, EMA, bf16 where it pays."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from flows.config.workers import bf16_pays

console = Console(stderr=True)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: ``steps`` optimiser steps, cosine from ``lr`` after ``warmup`` steps."""

    steps: int
    lr: float
    warmup: int = 50
    weight_decay: float = 1e-4
    ema: float = 0.999
    clip: float = 1.0
    bf16: bool = True
    save_every: int = 250

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, progress)))))


def step_rng(seed: int, step: int) -> np.random.Generator:
    """All randomness of one step: resuming at a step repeats it."""
    return np.random.default_rng((seed, step))


def fit(
    network: nn.Module,
    loss_of: Callable[[int, np.random.Generator], Tensor],
    schedule: Schedule,
    run: Path,
    seed: int,
    device: str = "cpu",
    resume: bool = False,
) -> nn.Module:
    """Train in place and return the network with its EMA weights loaded.

    ``loss_of(step, rng)`` draws its own batch from ``rng``. State goes to ``run/state.pt`` every
    ``save_every`` steps, the loss to ``run/log.jsonl``.
    """
    run.mkdir(parents=True, exist_ok=True)
    network.to(device).train()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay, betas=(0.9, 0.99)
    )
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    start, state = 0, run / "state.pt"
    if resume and state.exists():
        saved = torch.load(state, map_location=device, weights_only=True)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        average, start = saved["average"], saved["step"]
    began, losses, kind = time.monotonic(), [], device.split(":")[0]
    for step in range(start, schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        rng = step_rng(seed, step)
        torch.manual_seed(int(rng.integers(2**62)))
        with torch.autocast(kind, torch.bfloat16, enabled=schedule.bf16 and bf16_pays(device)):
            loss = loss_of(step, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
        optimiser.step()
        _average(average, network, min(schedule.ema, (step + 1) / (step + 10)))
        losses.append(float(loss.detach()))
        if (step + 1) % 50 == 0 or step + 1 == schedule.steps:
            _report(
                run,
                step + 1,
                schedule.steps,
                losses,
                (time.monotonic() - began) / (step + 1 - start),
            )
            losses = []
        if (step + 1) % schedule.save_every == 0 or step + 1 == schedule.steps:
            _save(state, network, optimiser, average, step + 1)
    network.load_state_dict(average)
    return network.eval()


@torch.no_grad()
def _average(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def _save(
    path: Path,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
    step: int,
) -> None:
    state = {
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average,
        "step": step,
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def _report(run: Path, step: int, steps: int, losses: list[float], seconds: float) -> None:
    mean = float(np.mean(losses))
    console.print(
        f"{run.name}: step {step}/{steps}  loss {mean:.4f}  {seconds:.2f} s/step  "
        f"{seconds * (steps - step) / 60:.0f} min left",
        highlight=False,
    )
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "loss": round(mean, 5)}) + "\n")
