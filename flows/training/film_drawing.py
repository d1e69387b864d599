"""Teach the film network: against an adversary, held to its rough film, and by a guide to its lesions."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flows.training.adversary import Adversary, hinge
from flows.training.loop import console, step_rng
from flows.training.one_pass_films import Batch, OnePassFilms
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.one_pass.networks import CODE, GRID, NOISE, ROUGH, SIDE, FilmNetwork

#: Noise that is added to rough films, which drawn ones have of their own accord.
ROUGH_NOISE = 0.03
#: How much holding to the rough film, to the film's features, and to its lesions count beside the adversary.
HOLD, NEAR, LESIONS = 10.0, 0.3, 2.5
#: The first of the features that a film is held to: the finest show grain, which no two films share.
HELD = 1
#: Findings that no expert's map holds a film to: it finds real nodules nowhere, and is pleased by dark holes
#: with bright rims.
UNGUIDED = ("nodule",)
#: Features count more in the beginning, when there is nothing to judge yet.
NEAR_FIRST, FIRST = 1.0, 200
EMA = 0.995


@dataclass(frozen=True)
class DrawingStage:
    """``steps`` of ``batch`` films of ``side`` pixels, two rates; lesions count from a step on."""

    side: int
    steps: int
    batch: int
    lr: float
    adversary_lr: float
    lesions_from: int


class Drawing:
    """The network, its average, and the adversary, as they are being taught; resumable in ``run``."""

    def __init__(self, network: FilmNetwork, adversary: Adversary, guide: nn.Module, run: Path) -> None:
        self.network, self.adversary, self.guide, self.run = network, adversary, guide, run
        self.average = FilmNetwork()
        self.average.load_state_dict(network.state_dict())

    def teach(self, films: OnePassFilms, stage: DrawingStage, seed: int, device: str, resume: bool) -> None:
        """One stage; the average is what is to be used."""
        self.run.mkdir(parents=True, exist_ok=True)
        for part in (self.network, self.average, self.adversary, self.guide):
            part.to(device)
        self.network.train()
        heads = list(self.adversary.heads.parameters())
        drawing = torch.optim.Adam(self.network.parameters(), lr=stage.lr, betas=(0.0, 0.99))
        judging = torch.optim.Adam(heads, lr=stage.adversary_lr, betas=(0.5, 0.99))
        start, began, losses = self._start(drawing, judging, resume), time.monotonic(), []
        for step in range(start, stage.steps):
            rng = step_rng(seed, step)
            torch.manual_seed(int(rng.integers(2**62)))
            share = _rate(step, stage.steps)
            for optimiser, lr in ((drawing, stage.lr), (judging, stage.adversary_lr)):
                for group in optimiser.param_groups:
                    group["lr"] = lr * share
            batch = films.batch(rng, stage.batch)
            losses.append(self._step(batch, step, stage, drawing, judging, rng, device))
            if (step + 1) % 50 == 0 or step + 1 == stage.steps:
                seconds = (time.monotonic() - began) / (step + 1 - start)
                told = "  ".join(
                    f"{n} {v:.3f}" for n, v in zip(("judge", "near"), np.mean(losses, 0), strict=True)
                )
                left = seconds * (stage.steps - step - 1) / 60
                console.print(
                    f"{self.run.name}: step {step + 1}/{stage.steps}  {told}  {left:.0f} min left",
                    highlight=False,
                )
                losses = []
                self._save(step + 1, drawing, judging)
        self.average.cpu().eval()

    def _step(
        self,
        batch: Batch,
        step: int,
        stage: DrawingStage,
        drawing: torch.optim.Optimizer,
        judging: torch.optim.Optimizer,
        rng: np.random.Generator,
        device: str,
    ) -> tuple[float, float]:
        real, rough, masks, patient, known, there = (v.to(device) for v in vars(batch).values())
        drawn = self.network(
            rough + ROUGH_NOISE * torch.randn_like(rough),
            masks,
            patient,
            *noises(len(rough), device),
            stage.side,
        )
        (seen, beside), moved = _varied([drawn, real], masks, rng)
        mixed, features = self.adversary.mixed(seen)
        with torch.no_grad():
            truth, true_features = self.adversary.mixed(beside)
        self.adversary.heads.requires_grad_(True)
        told = hinge(
            self.adversary.judge(truth, moved, patient),
            self.adversary.judge([m.detach() for m in mixed], moved, patient),
        )
        _descend(judging, told)
        self.adversary.heads.requires_grad_(False)
        times = stage.side // ROUGH
        hold = F.l1_loss(F.avg_pool2d(drawn, times), F.avg_pool2d(real, times))
        hold = hold + within(drawn, real, masks[:, len(ANATOMY) :])
        near = _apart(features[HELD:], true_features[HELD:])
        loss = -sum(s.mean() for s in self.adversary.judge(mixed, moved, patient)) + HOLD * hold
        first = max(0.0, 1 - step / FIRST)
        loss = loss + (NEAR + (NEAR_FIRST - NEAR) * first) * near
        if step >= stage.lesions_from and step % 2 == 0:
            half = slice(0, len(drawn) // 2)
            said = lesion_loss(self.guide, drawn[half], masks[half, len(ANATOMY) :], known[half], there[half])
            loss = loss + 2 * LESIONS * said
        _descend(drawing, loss, self.network)
        self._blend(min(EMA, (step + 1) / (step + 10)))
        return float(told.detach()), float(near.detach())

    @torch.no_grad()
    def _blend(self, decay: float) -> None:
        for kept, now in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if kept.is_floating_point():
                kept.lerp_(now, 1 - decay)
            else:
                kept.copy_(now)

    def _parts(self, drawing: torch.optim.Optimizer, judging: torch.optim.Optimizer) -> dict:
        parts = {"network": self.network, "average": self.average, "heads": self.adversary.heads}
        return parts | {"drawing": drawing, "judging": judging}

    def _save(self, step: int, drawing: torch.optim.Optimizer, judging: torch.optim.Optimizer) -> None:
        state = {name: part.state_dict() for name, part in self._parts(drawing, judging).items()}
        temporary = self.run / "state.tmp"
        torch.save(state | {"step": step, "scales": self.adversary.scales}, temporary)
        temporary.replace(self.run / "state.pt")

    def _start(self, drawing: torch.optim.Optimizer, judging: torch.optim.Optimizer, resume: bool) -> int:
        path = self.run / "state.pt"
        if not (resume and path.exists()):
            return 0
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in self._parts(drawing, judging).items():
            part.load_state_dict(state[name])
        self.adversary.scales.copy_(state["scales"])
        return int(state["step"])


def noises(count: int, device: str = "cpu") -> list[Tensor]:
    """Code, noise and grain of ``count`` films."""
    shapes = (CODE,), (NOISE, ROUGH // 2, ROUGH // 2), (1, SIDE, SIDE)
    return [torch.randn(count, *shape).to(device) for shape in shapes]


def lesion_loss(guide: nn.Module, films: Tensor, masks: Tensor, known: Tensor, there: Tensor) -> Tensor:
    """How far an expert's word is from what the films (N, 1, S, S) were to show, and from where."""
    count = len(FINDING_NAMES)
    guided = torch.tensor([name not in UNGUIDED for name in FINDING_NAMES], device=known.device)
    known, there = known * guided, there * guided
    if films.shape[-1] != SIDE:
        films = F.interpolate(films, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    maps, logits = guide(films.contiguous(memory_format=torch.channels_last))
    said = F.binary_cross_entropy_with_logits(logits[:, :count], there, reduction="none")
    whether = (said * known).sum() / known.sum().clamp(min=1)
    inside = (masks > 0.5).float()
    missed = (F.softplus(-maps[:, :count]) * inside).sum((2, 3)) / inside.sum((2, 3)).clamp(min=1)
    where = there * (inside.sum((2, 3)) > 0)
    return whether + 0.5 * (missed * where).sum() / where.sum().clamp(min=1)


def within(drawn: Tensor, real: Tensor, lesions: Tensor) -> Tensor:
    """Mean absolute difference of films (N, 1, S, S) on the cells that ``lesions`` (N, 13, 64, 64) cover,
    each film's lesions counting alike: a lesion is as bright as in the film that it was seen in."""
    times, cover = drawn.shape[-1] // GRID, lesions.amax(1, keepdim=True)
    apart = (F.avg_pool2d(drawn, times) - F.avg_pool2d(real, times)).abs()
    inside = (apart * cover).sum((1, 2, 3)) / cover.sum((1, 2, 3)).clamp(min=1)
    return inside.mean()


def _apart(features: Sequence[Tensor], truth: Sequence[Tensor]) -> Tensor:
    pairs = zip(features, truth, strict=True)
    return torch.stack([F.l1_loss(a, b) / b.abs().mean() for a, b in pairs]).sum()


def _varied(films: list[Tensor], masks: Tensor, rng: np.random.Generator) -> tuple[list[Tensor], Tensor]:
    """Films and masks shifted alike, and films exposed otherwise (Zhao et al., 2020)."""
    count, side = len(masks), films[0].shape[-1]
    theta = torch.eye(2, 3).repeat(count, 1, 1)
    theta[:, :, 2] = torch.from_numpy(
        rng.integers(-side // 32, side // 32 + 1, (count, 2)) * 2 / side
    ).float()
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (count, 1, 1, 1))).float().to(masks.device)
    bias = torch.from_numpy(rng.uniform(-0.15, 0.15, (count, 1, 1, 1))).float().to(masks.device)

    def moved(x: Tensor) -> Tensor:
        grid = F.affine_grid(theta.to(x.device), [count, 1, *x.shape[-2:]], align_corners=False)
        return F.grid_sample(x, grid, mode="nearest", padding_mode="zeros", align_corners=False)

    return [moved(x) * gain + bias for x in films], moved(masks)


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
