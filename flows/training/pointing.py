"""What networks learn of where: maps from radiologists' boxes, and from labels where nobody drew one."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from filters.experts.lite_networks import peaks
from flows.material.films import RealFilms
from flows.training.augment import Warp
from flows.training.film_lessons import LabelNetwork, Lessons, augmented, label_loss
from flows.training.grafts import Graft, cut, graft
from flows.training.labels import AIRSPACE, BOXED, NIH, OPACITY, SPOKEN, TAUGHT, UNLABELLED

#: Weight of where beside whether in the loss.
WHERE = 1.0
#: Share of films that get a small lesion of another film.
GRAFTED = 0.2


class Known(IntEnum):
    """What is known of one map of one film."""

    NOTHING = 0
    BOXED = 1  # it lies in the boxes
    SOMEWHERE = 2  # labelled, and drawn by nobody
    NOWHERE = 3


def known(films: RealFilms) -> np.ndarray:
    """(N, 14) of :class:`Known`, channels as SPOKEN."""
    out = np.full((len(films), len(SPOKEN)), Known.NOTHING, np.int64)
    for k, name in enumerate(SPOKEN):
        if name in UNLABELLED or name == OPACITY:
            continue
        out[:, k] = np.where(films.labelled(NIH[name]), Known.SOMEWHERE, Known.NOWHERE)
    column, airspace = SPOKEN.index("consolidation"), films.labelled(*AIRSPACE)
    out[airspace & (out[:, column] == Known.NOWHERE), column] = Known.NOTHING
    column, healthy = SPOKEN.index(OPACITY), np.array([not labels for labels in films.labels], bool)
    out[healthy | np.isin(films.grades, ("normal", "other")), column] = Known.NOWHERE
    out[films.grades == "opacity", column] = Known.SOMEWHERE
    for i, boxes in enumerate(films.boxes):
        for box in boxes:
            for name in BOXED[box[0]]:
                out[i, SPOKEN.index(name)] = Known.BOXED
    return out


def drawn(films: RealFilms, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes as masks: (M, side, side) float32 in [0, 1], the share of each cell that is inside; and for each
    film and map (N, 14) the mask's index, -1 where nothing was boxed."""
    masks: list[np.ndarray] = []
    where = np.full((len(films), len(SPOKEN)), -1)
    for i, boxes in enumerate(films.boxes):
        for name, x0, y0, x1, y1 in boxes:
            mask = shares((x0, y0, x1, y1), side)
            for channel in BOXED[name]:
                k = SPOKEN.index(channel)
                if where[i, k] >= 0:
                    masks[where[i, k]] = np.maximum(masks[where[i, k]], mask)
                else:
                    where[i, k] = len(masks)
                    masks.append(mask)
    return np.stack(masks) if masks else np.zeros((0, side, side), np.float32), where


def shares(box: tuple[float, float, float, float], side: int) -> np.ndarray:
    """(side, side) float32 in [0, 1]: how much of each cell lies inside a box x0, y0, x1, y1 in [0, 1]."""
    edges, (x0, y0, x1, y1) = np.arange(side + 1) / side, box
    rows, columns = (
        np.clip((np.minimum(edges[1:], b) - np.maximum(edges[:-1], a)) * side, 0, 1)
        for a, b in ((y0, y1), (x0, x1))
    )
    return np.outer(rows, columns).astype(np.float32)


@dataclass(frozen=True)
class Pointing:
    """Lessons with what is known of each map; ``odds`` (N,) favour films that a radiologist drew on."""

    lessons: Lessons
    known: np.ndarray
    masks: np.ndarray
    where: np.ndarray
    odds: np.ndarray
    grafts: list[Graft]

    @classmethod
    def of(cls, lessons: Lessons, boxed: float = 0.42, fine: float = 0.3) -> "Pointing":
        """``boxed`` of the films drawn have boxes, ``fine`` are other sharp ones (graded or labelled)."""
        films = lessons.films
        masks, where = drawn(films, lessons.size // 4)
        has = np.array([bool(b) for b in films.boxes])
        rare = films.boxed("Nodule", "Mass", "Pneumothorax", "Atelectasis", "Effusion", "Cardiomegaly")
        sharp = films.sides >= lessons.size
        groups = (
            (has, boxed, 1 + 1.0 * rare),
            (~has & sharp, fine, lessons.odds),
            (~sharp, 1 - boxed - fine, lessons.odds),
        )
        odds = np.zeros(len(films))
        for some, share, each in groups:
            if some.any():
                odds += share * some * each / (some * each).sum()
        return cls(lessons, known(films), masks, where, odds / odds.sum(), cut(films))

    def loss(self, network: LabelNetwork, rng: np.random.Generator, batch: int) -> Tensor:
        """One batch's loss of maps, and of what is said of each film."""
        chosen = rng.choice(len(self.lessons.films), batch, p=self.odds)
        scenes = self._scenes(chosen, rng)
        x, warp = augmented(scenes.images, rng)
        maps, logits = network.maps_and_logits(x.to(network.device))
        whether = label_loss(logits, scenes.truth, scenes.weight)
        inside = follow(scenes.masks, warp, maps.shape[-1]).to(maps.device)
        return whether + WHERE * where_loss(maps, torch.from_numpy(scenes.known).to(maps.device), inside)

    def _scenes(self, chosen: np.ndarray, rng: np.random.Generator) -> "Scenes":
        """The films of a batch, GRAFTED of which get a small lesion that another film had."""
        side = self.masks.shape[-1]
        masks = np.zeros((len(chosen), len(SPOKEN), side, side), np.float32)
        for row, film in enumerate(chosen):
            boxed = self.where[film] >= 0
            masks[row, boxed] = self.masks[self.where[film, boxed]]
        truth, weight = self.lessons.truth[chosen], self.lessons.weight[chosen]
        scenes = Scenes(self.lessons.films.images[chosen], truth, weight, self.known[chosen], masks)
        for lucky in np.flatnonzero(rng.random(len(chosen)) < GRAFTED):
            if self.grafts:
                scenes.add(int(lucky), self.grafts[int(rng.integers(len(self.grafts)))], rng)
        return scenes


@dataclass(frozen=True)
class Scenes:
    """A batch: ``images`` (B, S, S) uint8, ``truth`` and ``weight`` (B, len(TAUGHT)), ``known`` (B, 14), and
    ``masks`` (B, 14, h, h), the share of each cell that is boxed."""

    images: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    known: np.ndarray
    masks: np.ndarray

    def add(self, row: int, lesion: Graft, rng: np.random.Generator) -> None:
        """A lesion more, unless the film has one of its kinds already."""
        kinds = [SPOKEN.index(n) for n in ("nodule", "mass")]
        if (self.known[row, kinds] != Known.NOWHERE).any():
            return
        channel = SPOKEN.index(lesion.finding)
        self.images[row], box = graft(self.images[row], lesion, rng)
        self.masks[row, channel] = shares(box, self.masks.shape[-1])
        self.known[row, channel] = Known.BOXED
        self.truth[row, channel], self.weight[row, channel] = 1, 0.5
        if self.truth[row, SPOKEN.index(OPACITY)] < 1:  # whether readers would call it an opacity is open
            self.weight[row, SPOKEN.index(OPACITY)] = 0
            self.known[row, SPOKEN.index(OPACITY)] = Known.NOTHING
        self.weight[row, TAUGHT.index("normal")] = 0


def follow(masks: np.ndarray, warp: Warp, side: int) -> Tensor:
    """Masks (B, K, h, h) as (B, K, side, side), warped as their films were."""
    grid = F.interpolate(warp.grid.permute(0, 3, 1, 2), size=(side, side), mode="area")
    return F.grid_sample(torch.from_numpy(masks), grid.permute(0, 2, 3, 1), align_corners=False)


def where_loss(maps: Tensor, state: Tensor, inside: Tensor) -> Tensor:
    """Loss of map logits (N, K, h, w), of which (N, K) :class:`Known` is known.

    Boxed: inside positive, outside negative, cells cut by the rim neither; and of all that the map says of
    where, as one distribution over its cells, much inside. Somewhere: its peak positive. Nowhere: all of it
    negative, its peak too.
    """
    total = maps.new_zeros(())
    flat = maps.flatten(2)
    boxed = state == Known.BOXED
    if boxed.any():
        m, box = flat[boxed], inside.flatten(2)[boxed]
        core, rest = (box > 0.95 * box.amax(1, keepdim=True).clamp(min=0.1)).float(), (box < 0.05).float()
        positive = (F.softplus(-m) * core).sum(1) / core.sum(1).clamp(min=1)
        negative = (F.softplus(m) * rest).sum(1) / rest.sum(1).clamp(min=1)
        place = torch.logsumexp(m, 1) - torch.logsumexp(m + torch.log(box.clamp(min=1e-4)), 1)
        total = total + (0.5 * positive + 2 * negative + 0.6 * place).mean()
    top = peaks(maps)
    if (some := state == Known.SOMEWHERE).any():
        total = total + 0.3 * F.softplus(-top[some]).mean()
    if (none := state == Known.NOWHERE).any():
        total = total + 2 * F.softplus(flat[none]).mean() + 0.5 * F.softplus(top[none]).mean()
    return total
