"""Where findings are: a detector, its AP50 and mAP on radiologists' boxes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from flows.evaluation.downstream.average_precision import matched
from flows.evaluation.downstream.detector import detector, target_of
from flows.evaluation.downstream.films import Films, Truth
from flows.evaluation.downstream.synthetic import Outline, SyntheticFilm, box_of
from flows.evaluation.downstream.task import ENCODER, Answers, Measure, Task
from flows.evaluation.downstream.vocabulary import BOXED
from flows.material.films import RSNA_BOX, RealFilms, load_real

#: Share of the side under which a box is not one.
LEAST = 0.01


@dataclass(frozen=True)
class Boxes:
    """A film's ``boxes`` (M, 4), corners in [0, 1], with ``labels`` (M,); ``doubt`` (J, 4) with its labels:
    where nobody knows; and of which of K classes all boxes are ``known``."""

    boxes: np.ndarray
    labels: np.ndarray
    known: np.ndarray
    doubt: np.ndarray
    doubt_labels: np.ndarray

    @classmethod
    def of(cls, boxes: Iterable[Any], known: Iterable[bool], doubt: Iterable[Any] = ()) -> "Boxes":
        """Of pairs of a class's place and a box."""
        parts: list[np.ndarray] = []
        for pairs in (list(boxes), list(doubt)):
            kept = [(k, b) for k, b in pairs if min(b[2] - b[0], b[3] - b[1]) >= LEAST]
            parts.append(np.array([b for _, b in kept], float).reshape(-1, 4))
            parts.append(np.array([k for k, _ in kept], int))
        return cls(parts[0], parts[1], np.array(list(known), bool), parts[2], parts[3])

    @property
    def classes(self) -> np.ndarray:
        """(K,) bool: of which there is a box."""
        return np.isin(np.arange(len(self.known)), self.labels)

    def warped(self, grid: Tensor) -> "Boxes":
        """What of each box is seen after the warp, as a tight box; what left the film is gone."""
        x, y = ((grid[..., i] + 1) / 2 for i in (0, 1))
        boxes, labels = _moved(self.boxes, self.labels, x.numpy(), y.numpy())
        doubt, doubt_labels = _moved(self.doubt, self.doubt_labels, x.numpy(), y.numpy())
        return replace(self, boxes=boxes, labels=labels, doubt=doubt, doubt_labels=doubt_labels)


def _moved(
    boxes: np.ndarray, labels: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    kept = []
    for (x0, y0, x1, y1), label in zip(boxes, labels, strict=True):
        inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        if inside.any():
            kept.append((box_of(inside), label))
    return np.array([b for b, _ in kept], float).reshape(-1, 4), np.array([k for _, k in kept], int)


class Detect(Task):
    """A class's figure is of the films on which its boxes are known to be all: for RSNA's opacities those
    that its readers graded; for NIH's kinds, of which a film has boxes of one finding alone, those with a box
    of the kind, and normal ones."""

    name, network_name = "detect", f"FCOS on {ENCODER}"
    vocabulary = BOXED
    default_size, steps, batch, rate = 256, 300, 8, 6e-4

    def real(self, data: Path) -> tuple[Films, Films]:
        """NIH's films with what is known of their boxes; those of which nothing is known are left out."""
        films = load_real(data, "nih", self.size)
        truths: list[Truth] = [self._of_real(films, i) for i in range(len(films))]
        return Films(films.images, films.patients, truths).parted()

    def _of_real(self, films: RealFilms, i: int) -> Boxes:
        boxes, grade = films.boxes[i], str(films.grades[i])
        normal = grade == "normal" or not (grade or films.labels[i] or boxes)
        drawn = {b[0] for b in boxes}
        known = [grade != "" if name == RSNA_BOX else normal or name in drawn for name in self.classes]
        return Boxes.of([(self.classes.index(n), b) for n, *b in boxes if n in self.classes], known)

    def truth(self, film: SyntheticFilm) -> Boxes:
        """Boxes of lesions; those that the experts doubt, or that may be called so or not, are left open."""
        boxes, doubt, known = [], [], []
        for k, meaning in enumerate(self.meanings):
            boxes += [(k, box_of(m)) for m in _of(film.lesions, meaning.show)]
            open_ones = [*_of(film.doubted, meaning.show), *_of((*film.lesions, *film.doubted), meaning.may)]
            doubt += [(k, box_of(m)) for m in open_ones]
            known.append(film.unknown.isdisjoint((*meaning.show, *meaning.may)))
        return Boxes.of(boxes, known, doubt)

    def network(self, backbone: str) -> nn.Module:
        return detector(len(self.classes), self.size, backbone)

    def loss(self, network: nn.Module, x: Tensor, truths: Sequence[Any]) -> Tensor:
        """FCOS's three losses together."""
        targets = [target_of(t, x.shape[-1], str(x.device)) for t in truths]
        losses: dict[str, Tensor] = network(list(x), targets)
        return torch.stack(list(losses.values())).sum()

    @torch.inference_mode()
    def answers(self, network: nn.Module, films: Films, device: str) -> Answers:
        """By detection: ``film`` (D,), ``label`` (D,), ``box`` (D, 4) in [0, 1], ``score`` (D,)."""
        rows: list[tuple[int, int, np.ndarray, float]] = []
        for i, image in enumerate(films.images):
            (found,) = network([torch.from_numpy(image)[None].float().div(255).to(device)])
            boxes = (found["boxes"] / self.size).cpu().numpy()
            rows += [
                (i, int(k), box, float(s))
                for k, box, s in zip(found["labels"], boxes, found["scores"], strict=True)
            ]
        return {
            "film": np.array([r[0] for r in rows], int),
            "label": np.array([r[1] for r in rows], int),
            "box": np.array([r[2] for r in rows], float).reshape(-1, 4),
            "score": np.array([r[3] for r in rows], float),
        }

    def measures(self, test: Films, answers: Answers) -> dict[str, Measure]:
        """AP50, and mAP over COCO's ten overlaps, of each class."""
        out: dict[str, Measure] = {}
        for k, name in enumerate(self.classes):
            truth, some = self._asked(test, k)
            found = _by_film(answers, k, len(test))
            matches = matched(
                [truth[i] for i in np.flatnonzero(some)], [found[i] for i in np.flatnonzero(some)], self.size
            )
            place = np.cumsum(some) - 1
            out[f"AP50, {name}"] = partial(_precision, matches, some, place, slice(1))
            out[f"mAP, {name}"] = partial(_precision, matches, some, place, slice(None))
        return out

    def counts(self, test: Films) -> dict[str, dict[str, int]]:
        """Films, boxes on them, patients."""
        out: dict[str, dict[str, int]] = {}
        for k, name in enumerate(self.classes):
            truth, some = self._asked(test, k)
            boxes = [len(truth[i]) for i in np.flatnonzero(some)]
            told = {
                "boxes": sum(boxes),
                "films with": sum(b > 0 for b in boxes),
                "films without": sum(b == 0 for b in boxes),
                "patients": len(set(test.patients[some])),
            }
            out |= {f"{figure}, {name}": told for figure in ("AP50", "mAP")}
        return out

    def _asked(self, test: Films, k: int) -> tuple[list[np.ndarray], np.ndarray]:
        truths: list[Any] = test.truths
        return [t.boxes[t.labels == k] for t in truths], np.array([t.known[k] for t in truths], bool)


def _of(outlines: Iterable[Outline], names: Iterable[str]) -> Iterator[np.ndarray]:
    wanted = set(names)
    return (mask for name, mask in outlines if name in wanted)


def _by_film(answers: Answers, k: int, films: int) -> list[tuple[np.ndarray, np.ndarray]]:
    chosen = answers["label"] == k
    film, box, score = (answers[name][chosen] for name in ("film", "box", "score"))
    return [(box[film == i], score[film == i]) for i in range(films)]


def _precision(
    matches: Any, some: np.ndarray, place: np.ndarray, overlaps: slice, index: np.ndarray
) -> float:
    return float(matches.precision(place[index[some[index]]], overlaps))
