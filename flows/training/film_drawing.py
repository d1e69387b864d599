"""Teach the film network: against an adversary, held to its rough film, and by a guide to its lesions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flows.training.adversary import Adversary, hinge
from flows.training.contest import Contest, Rates
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
    """The film network as it is being taught, held to lesions by a ``guide``; resumable in ``run``."""

    def __init__(self, network: FilmNetwork, adversary: Adversary, guide: nn.Module, run: Path) -> None:
        self.contest, self.guide = Contest(network, adversary, run), guide

    def teach(self, films: OnePassFilms, stage: DrawingStage, seed: int, device: str, resume: bool) -> None:
        """One stage; the contest's average is what is to be used."""
        self.guide.to(device)

        def step_of(step: int, rng: np.random.Generator) -> tuple[float, float]:
            return self._step(films.batch(rng, stage.batch), step, stage, rng, device)

        rates = Rates(stage.steps, stage.lr, stage.adversary_lr)
        self.contest.teach(step_of, rates, seed, device, resume)

    def _step(
        self, batch: Batch, step: int, stage: DrawingStage, rng: np.random.Generator, device: str
    ) -> tuple[float, float]:
        adversary = self.contest.adversary
        real, rough, masks, patient, known, there = (v.to(device) for v in vars(batch).values())
        drawn, _ = self.contest.network(
            rough + ROUGH_NOISE * torch.randn_like(rough),
            masks,
            patient,
            *noises(len(rough), device),
            stage.side,
        )
        (seen, beside), moved = _varied([drawn, real], masks, rng)
        mixed, features = adversary.mixed(seen)
        with torch.no_grad():
            truth, true_features = adversary.mixed(beside)
        told = self.contest.heads_learn(
            lambda: hinge(
                adversary.judge(truth, moved, patient),
                adversary.judge([m.detach() for m in mixed], moved, patient),
            )
        )
        times = stage.side // ROUGH
        hold = F.l1_loss(F.avg_pool2d(drawn, times), F.avg_pool2d(real, times))
        hold = hold + within(drawn, real, masks[:, len(ANATOMY) :])
        near = _apart(features[HELD:], true_features[HELD:])
        loss = -sum(s.mean() for s in adversary.judge(mixed, moved, patient)) + HOLD * hold
        first = max(0.0, 1 - step / FIRST)
        loss = loss + (NEAR + (NEAR_FIRST - NEAR) * first) * near
        if step >= stage.lesions_from and step % 2 == 0:
            half = slice(0, len(drawn) // 2)
            said = lesion_loss(self.guide, drawn[half], masks[half, len(ANATOMY) :], known[half], there[half])
            loss = loss + 2 * LESIONS * said
        self.contest.network_learns(loss)
        return told, float(near.detach())


def noises(count: int, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Code, noise and grain of ``count`` films."""
    shapes = (CODE,), (NOISE, ROUGH // 2, ROUGH // 2), (1, SIDE, SIDE)
    code, noise, grain = (torch.randn(count, *shape).to(device) for shape in shapes)
    return code, noise, grain


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
