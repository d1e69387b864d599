"""Which findings a film shows: an image classifier, its AUROC on RSNA's grades and NIH's labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flows.evaluation.downstream.films import Films, Truth
from flows.evaluation.downstream.synthetic import SyntheticFilm
from flows.evaluation.downstream.task import ENCODER, Answers, Measure, Task, load_backbone, shown_in_batches
from flows.evaluation.downstream.vocabulary import GRADED, OPACITY, shown
from flows.figures.ranking import auroc
from flows.material.films import RealFilms, load_real


@dataclass(frozen=True)
class Labels:
    """Which of K classes a film shows, and of which anybody knows: (K,) bool each. ``normal``: RSNA's readers
    found it so."""

    classes: np.ndarray
    known: np.ndarray
    normal: bool = False

    def warped(self, grid: Tensor) -> "Labels":
        """A film that is moved shows what it did."""
        return self


class Classify(Task):
    """timm's classifier; opacity is told from RSNA's normal films, a label from all films without it."""

    name, network_name = "classify", ENCODER
    vocabulary = GRADED
    default_size, steps, batch, rate = 160, 250, 32, 8e-4

    def real(self, data: Path) -> tuple[Films, Films]:
        """NIH's films by their labels and RSNA's grades; those of which no class is known are left out."""
        films = load_real(data, "nih", self.size)
        truths: list[Truth] = [self._of_real(films, i) for i in range(len(films))]
        return Films(films.images, films.patients, truths).parted()

    def _of_real(self, films: RealFilms, i: int) -> Labels:
        grade, labels = str(films.grades[i]), films.labels[i]
        there = [grade == "opacity" if name == OPACITY else name in labels for name in self.classes]
        known = [name != OPACITY or grade != "" for name in self.classes]
        return Labels(np.array(there), np.array(known), grade == "normal")

    def truth(self, film: SyntheticFilm) -> Labels:
        """A lesion that the experts doubt teaches neither way."""
        there, known = zip(*(shown(m, film.shows, film.unsure) for m in self.meanings), strict=True)
        return Labels(np.array(there), np.array(known))

    def network(self, backbone: str) -> nn.Module:
        """With a dropout of its own before the last layer."""
        import timm

        network = timm.create_model(
            ENCODER, pretrained=False, in_chans=1, num_classes=len(self.classes), drop_rate=0.2
        )
        load_backbone(network, backbone)
        return network

    def loss(self, network: nn.Module, x: Tensor, truths: Sequence[Any]) -> Tensor:
        """Cross-entropy over what is known."""
        logits = network((x * 2 - 1).contiguous(memory_format=torch.channels_last))
        y, w = (
            torch.from_numpy(np.array([getattr(t, k) for t in truths], np.float32)).to(logits.device)
            for k in ("classes", "known")
        )
        return F.binary_cross_entropy_with_logits(logits, y, w, reduction="sum") / w.sum().clamp(min=1)

    @torch.inference_mode()
    def answers(self, network: nn.Module, films: Films, device: str) -> Answers:
        """``logits`` (N, K)."""
        said = [network(x).cpu() for x in shown_in_batches(films.images, device)]
        return {"logits": torch.cat(said).numpy()}

    def measures(self, test: Films, answers: Answers) -> dict[str, Measure]:
        """AUROC of each class."""
        return {
            name: partial(_ranked, answers["logits"][:, k], there, some)
            for k, (name, (there, some)) in enumerate(self._asked(test).items())
        }

    def counts(self, test: Films) -> dict[str, dict[str, int]]:
        """Films with and without, patients."""
        return {
            name: {
                "with": int((there & some).sum()),
                "without": int((~there & some).sum()),
                "patients": len(set(test.patients[some])),
            }
            for name, (there, some) in self._asked(test).items()
        }

    def _asked(self, test: Films) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By figure: which films (N,) show the class, and which are asked about it."""
        truths: list[Any] = test.truths
        out = {}
        for k, name in enumerate(self.classes):
            there = np.array([t.classes[k] for t in truths], bool)
            known = np.array([t.known[k] for t in truths], bool)
            normal = np.array([t.normal for t in truths], bool)
            some = known & (there | normal) if name == OPACITY else known
            out[f"AUROC, {name}" + (" against normal" if name == OPACITY else "")] = there, some
        return out


def _ranked(scores: np.ndarray, there: np.ndarray, some: np.ndarray, index: np.ndarray) -> float:
    index = index[some[index]]
    return auroc(scores[index], there[index])
