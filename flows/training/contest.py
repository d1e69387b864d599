"""A network that draws against heads that tell its films from real ones: the loop of it, and what is kept."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from flows.training.adversary import Adversary
from flows.training.loop import console, step_rng

#: Share of the average that each step keeps at most, in the beginning less.
EMA = 0.995

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Rates:
    """How many ``steps``, and the rates of both sides."""

    steps: int
    lr: float
    adversary_lr: float


class Contest(Generic[Network]):
    """The network, its average, and the adversary, as they are being taught; resumable in ``run``."""

    def __init__(self, network: Network, adversary: Adversary, run: Path) -> None:
        self.network, self.adversary, self.run = network, adversary, run
        self.average = copy.deepcopy(network)

    def teach(
        self,
        step_of: Callable[[int, np.random.Generator], tuple[float, float]],
        rates: Rates,
        seed: int,
        device: str,
        resume: bool,
    ) -> None:
        """``step_of(step, rng)`` lets the heads learn, then the network, and says what the heads' loss was
        and how far its films are from real ones; the average is what is to be used."""
        self.run.mkdir(parents=True, exist_ok=True)
        for part in (self.network, self.average, self.adversary):
            part.to(device)
        self.network.train()
        heads = list(self.adversary.heads.parameters())
        self._drawing = torch.optim.Adam(self.network.parameters(), lr=rates.lr, betas=(0.0, 0.99))
        self._judging = torch.optim.Adam(heads, lr=rates.adversary_lr, betas=(0.5, 0.99))
        start, began, losses = self._start(resume), time.monotonic(), []
        for step in range(start, rates.steps):
            rng = step_rng(seed, step)
            torch.manual_seed(int(rng.integers(2**62)))
            share = _rate(step, rates.steps)
            for optimiser, lr in ((self._drawing, rates.lr), (self._judging, rates.adversary_lr)):
                for group in optimiser.param_groups:
                    group["lr"] = lr * share
            losses.append(step_of(step, rng))
            self._blend(min(EMA, (step + 1) / (step + 10)))
            if (step + 1) % 50 == 0 or step + 1 == rates.steps:
                seconds = (time.monotonic() - began) / (step + 1 - start)
                told = "  ".join(
                    f"{n} {v:.3f}" for n, v in zip(("judge", "near"), np.mean(losses, 0), strict=True)
                )
                left = seconds * (rates.steps - step - 1) / 60
                console.print(
                    f"{self.run.name}: step {step + 1}/{rates.steps}  {told}  {left:.0f} min left",
                    highlight=False,
                )
                losses = []
                self._save(step + 1)
        self.average.cpu().eval()

    def heads_learn(self, loss_of: Callable[[], Tensor]) -> float:
        """From their loss, which is given back; until the next step they are frozen."""
        self.adversary.heads.requires_grad_(True)
        loss = loss_of()
        _descend(self._judging, loss)
        self.adversary.heads.requires_grad_(False)
        return float(loss.detach())

    def network_learns(self, loss: Tensor) -> None:
        """From what the heads said of its films, and what else they were to be."""
        _descend(self._drawing, loss, self.network)

    @torch.no_grad()
    def _blend(self, decay: float) -> None:
        for kept, now in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if kept.is_floating_point():
                kept.lerp_(now, 1 - decay)
            else:
                kept.copy_(now)

    def _parts(self) -> dict:
        parts = {"network": self.network, "average": self.average, "heads": self.adversary.heads}
        return parts | {"drawing": self._drawing, "judging": self._judging}

    def _save(self, step: int) -> None:
        state = {name: part.state_dict() for name, part in self._parts().items()}
        temporary = self.run / "state.tmp"
        torch.save(state | {"step": step, "scales": self.adversary.scales}, temporary)
        temporary.replace(self.run / "state.pt")

    def _start(self, resume: bool) -> int:
        path = self.run / "state.pt"
        if not (resume and path.exists()):
            return 0
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.adversary.scales.copy_(state["scales"])
        return int(state["step"])


def _rate(step: int, steps: int) -> float:
    """Share of the rate: a warm-up of 30 steps, whole for seven tenths, then down to a twentieth."""
    rest = (step / steps - 0.7) / 0.3
    return min(1.0, (step + 1) / 30) * (1.0 if rest < 0 else max(0.05, 1 - rest))


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor, clipped: nn.Module | None = None) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if clipped is not None:
        nn.utils.clip_grad_norm_(clipped.parameters(), 20.0)
    optimiser.step()
