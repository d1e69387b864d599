"""Where lungs and opacities end: a U-Net, its Dice against people's outlines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filters.anatomy_agreement import dice
from flows.evaluation.downstream.films import Films
from flows.evaluation.downstream.synthetic import SyntheticFilm, mask_at
from flows.evaluation.downstream.task import ENCODER, Answers, Measure, Task, load_backbone, shown_in_batches
from flows.evaluation.downstream.vocabulary import OPACITY, OUTLINED
from flows.material.opacities import load_outlined
from flows.material.real import load_lungs

#: A target that is neither way.
OPEN = -1.0


@dataclass(frozen=True)
class Outlines:
    """``mask`` (K, S, S) float32: 1 inside a structure, 0 outside, OPEN where nobody knows."""

    mask: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """(K,) bool: which structures the film shows."""
        return np.asarray((self.mask == 1).any((1, 2)))

    @property
    def known(self) -> np.ndarray:
        """(K,) bool: of which somebody looked."""
        return np.asarray((self.mask != OPEN).any((1, 2)))

    def warped(self, grid: Tensor) -> "Outlines":
        """The nearest pixel of each."""
        mask = torch.from_numpy(self.mask)[None]
        moved = F.grid_sample(mask, grid[None], mode="nearest", padding_mode="border", align_corners=False)
        return Outlines(moved[0].numpy())


class Segment(Task):
    """Lungs on human masks, opacities on others. No film with human lungs but those of the test is at hand,
    so arms with real films take these in turn: each is tested by a network that saw two thirds of them, not
    this one. Outlined opacities only test: nothing is learned of them.

    Human lungs run behind the heart, and so do the lungs that builds are made of; both are taken as they are.
    """

    name, network_name = "segment", f"U-Net on {ENCODER}"
    vocabulary = OUTLINED
    default_size, steps, batch, rate = 192, 250, 12, 8e-4
    folds = 3

    def real(self, data: Path) -> tuple[Films, Films]:
        """``data/lungs`` to train on; the same and ``data/opacities`` to test on."""
        images, lungs, names = load_lungs(data, self.size)
        outlined = load_outlined(data, self.size)
        opaque = outlined.mask("consolidation", "ground glass")
        pairs = [
            (image, f"lungs/{name}", self._outlines({"lungs": mask.any(0)}))
            for image, mask, name in zip(images, lungs, names, strict=True)
        ]
        others = [
            (image, f"opacities/{name}", self._outlines({OPACITY: mask}))
            for image, mask, name in zip(outlined.images, opaque, outlined.names, strict=True)
            if mask.any()
        ]
        asked = [row for row in (*pairs, *others) if row[2].known.any()]
        return Films.of(pairs, self.size), Films.of(asked, self.size)

    def _outlines(self, masks: dict[str, np.ndarray]) -> Outlines:
        out = np.full((len(self.classes), self.size, self.size), OPEN, np.float32)
        for name, mask in masks.items():
            if name in self.classes:
                out[self.classes.index(name)] = mask
        return Outlines(out)

    def truth(self, film: SyntheticFilm) -> Outlines:
        """Lungs where they are outlined, opacities where the experts see them; a doubt stays open."""
        masks: dict[str, np.ndarray] = {}
        if film.lungs is not None:
            masks["lungs"] = mask_at(film.lungs, self.size)
        meaning = OUTLINED[OPACITY]
        if film.unknown.isdisjoint((*meaning.show, *meaning.may)):
            there = _union(film.lesions, meaning.show, self.size)
            left = _union(film.doubted, meaning.show, self.size)
            left |= _union((*film.lesions, *film.doubted), meaning.may, self.size)
            masks[OPACITY] = np.where(there, 1, np.where(left, OPEN, 0))
        return self._outlines(masks)

    def network(self, backbone: str) -> nn.Module:
        """With a narrow decoder, which a CPU can bear."""
        network: Any = smp.Unet(
            f"tu-{ENCODER}",
            encoder_weights=None,
            in_channels=1,
            classes=len(self.classes),
            decoder_channels=(128, 64, 48, 32, 16),
        )
        load_backbone(network.encoder, backbone)
        taught: nn.Module = network
        return taught

    def loss(self, network: nn.Module, x: Tensor, truths: Sequence[Any]) -> Tensor:
        """Cross-entropy and Dice over what is known."""
        logits = network((x * 2 - 1).contiguous(memory_format=torch.channels_last)).float()
        y = torch.from_numpy(np.stack([t.mask for t in truths])).to(logits.device)
        known = (y != OPEN).float()
        entropy = F.binary_cross_entropy_with_logits(logits, y.clamp(min=0), known, reduction="sum")
        overlap = smp.losses.DiceLoss("multilabel", ignore_index=OPEN)(logits, y)
        loss: Tensor = entropy / known.sum().clamp(min=1) + overlap
        return loss

    @torch.inference_mode()
    def answers(self, network: nn.Module, films: Films, device: str) -> Answers:
        """``dice`` (N, K), NaN where nobody outlined the structure."""
        truths: list[Any] = films.truths
        seen = [network(x).cpu().numpy() > 0 for x in shown_in_batches(films.images, device)]
        rows = [
            [dice(a, b == 1) if known else np.nan for a, b, known in zip(s, t.mask, t.known, strict=True)]
            for s, t in zip(np.concatenate(seen), truths, strict=True)
        ]
        return {"dice": np.array(rows, float)}

    def measures(self, test: Films, answers: Answers) -> dict[str, Measure]:
        """Mean Dice of each structure."""

        def mean(k: int) -> Measure:
            values = answers["dice"][:, k]
            return lambda index: (
                float(np.nanmean(values[index])) if np.isfinite(values[index]).any() else np.nan
            )

        return {f"Dice, {name}": mean(k) for k, name in enumerate(self.classes)}

    def counts(self, test: Films) -> dict[str, dict[str, int]]:
        """Films with an outline."""
        known = np.array([t.known for t in test.truths])
        return {f"Dice, {name}": {"films": int(known[:, k].sum())} for k, name in enumerate(self.classes)}


def _union(outlines: Iterable[tuple[str, np.ndarray]], names: Iterable[str], size: int) -> np.ndarray:
    wanted, out = set(names), np.zeros((size, size), bool)
    for name, mask in outlines:
        if name in wanted:
            out |= mask_at(mask, size)
    return out
