"""Copies made on purpose of films that a model learned from: what whoever looks for copies has to find."""

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage
from torch import Tensor

from flows.material.films import RealFilms
from flows.material.scenes import simulate
from flows.training.augment import disguise
from synth.findings import FINDING_NAMES
from synth.images.finite import to_pixels
from synth.images.one_pass.model import NOISES, OnePassModel
from synth.images.one_pass.networks import GRID, MASKS, ROUGH
from synth.images.radiographs import to_uint8
from synth.masks.generator import MaskGenerator
from synth.rendering import Scene
from synth.seeding import derive_seed
from synth.weights import SHIPPED

#: Seed of all alterations.
SEED = 83
#: Of a smoothed copy: width of the Gaussian as a share of the side, and JPEG's quality.
WIDTH, QUALITY = 1 / 170, 30


def forge(films: RealFilms, anatomy: np.ndarray) -> dict[str, np.ndarray]:
    """By kind, a copy (N, S, S) uint8 of each film: moved, exposed otherwise, smoothed and as JPEG, with
    simulated lesions, drawn anew by the fast model, and that moved; ``anatomy`` (N, 5, S, S) bool."""
    rng, images = np.random.default_rng(SEED), films.images
    masker = MaskGenerator.load(SHIPPED / "masks")
    scenes = [Scene(i / np.float32(255), a) for i, a in zip(images, anatomy, strict=True)]
    anew = drawn_anew(OnePassModel.load(SHIPPED / "one_pass"), films, anatomy)
    return {
        **disguise(images, SEED),
        "smoothed": np.stack([_smoothed(i) for i in images]),
        "with lesions": np.stack([to_uint8(simulate(s, masker, rng)[0].image) for s in scenes]),
        "drawn anew": anew,
        "drawn anew and moved": disguise(anew, SEED + 1)["moved"],
    }


@torch.inference_mode()
def drawn_anew(model: OnePassModel, films: RealFilms, anatomy: np.ndarray, batch: int = 8) -> np.ndarray:
    """(N, S, S) uint8: what the model makes of each film's rough version, organs, age, sex and view, and of
    other noise; it is told nothing of findings."""
    images = torch.from_numpy(films.images)[:, None].float() / 127.5 - 1
    side = images.shape[-1]
    rough = F.adaptive_avg_pool2d(images, ROUGH)
    organs = F.interpolate(torch.from_numpy(anatomy).float(), size=(GRID, GRID), mode="area")
    cover = F.pad(organs, (0, 0, 0, 0, 0, MASKS - organs.shape[1]))
    who = torch.from_numpy(_patients(films))
    noises = [_noise(films.names, stage) for stage in NOISES if stage != "rough"]
    drawn = []
    for some in torch.arange(len(images)).split(batch):
        made, _ = model.film(rough[some], cover[some], who[some], *(n[some] for n in noises))
        drawn.append(to_pixels(F.interpolate(made.float(), size=(side, side), mode="area")[:, 0]))
    return np.concatenate(drawn)


def _patients(films: RealFilms) -> np.ndarray:
    """(N, PATIENT) float32, no finding known."""
    open_ = np.zeros((len(films), 2 * len(FINDING_NAMES)))
    told = np.stack([np.clip(films.ages / 100, 0, 1), films.sexes == "F", films.views == "PA"], 1)
    return np.concatenate([open_, told, np.ones((len(films), 1))], 1).astype(np.float32)


def _noise(names: np.ndarray, stage: str) -> Tensor:
    """(N, ...) as NOISES has it, of each film its own."""
    seeds = [derive_seed(SEED, str(name), stage) for name in names]
    return torch.stack(
        [torch.randn(NOISES[stage], generator=torch.Generator().manual_seed(s)) for s in seeds]
    )


def _smoothed(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(ndimage.gaussian_filter(image, WIDTH * len(image))).save(file, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(file))
