"""The fast image model: a film in one pass, with lesions as real films have them.

A small diffusion makes a rough film, in which films vary; a network makes the film of it at once
(:mod:`synth.images.one_pass.networks`). Findings that no real film here teaches, or so few that the networks
draw what networks take for them and no reader would, are drawn into it afterwards (SIMULATED), as in the
films that the best model learned from (:mod:`synth.rendering`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from synth.cases import Case, MaskSet
from synth.errors import Interrupted
from synth.findings import ANATOMY, FINDING_NAMES
from synth.images.finite import check_finite, to_pixels
from synth.images.one_pass.networks import (
    CODE,
    FINE,
    GRID,
    NOISE,
    ROUGH,
    SIDE,
    FilmNetwork,
    FineNetwork,
    RoughNetwork,
)
from synth.images.one_pass.storage import restored
from synth.images.protocol import ShouldStop, case_noise
from synth.images.radiographs import to_uint8
from synth.rendering import Scene, draw
from synth.seeding import numpy_generator
from synth.settings import SynthesisSettings
from synth.weights import fit, read_tensors

#: Findings that none of NIH's labels means.
UNLABELLED: Final = ("fracture", "calcification", "diffuse_nodule")
#: Findings that are drawn into the film, in this order: what changes the lung, its rim, what lies in it.
SIMULATED: Final = ("emphysema", "fibrosis", "pneumothorax", "pleural_thickening", "nodule", *UNLABELLED)
#: Those of them that the networks draw too: they darken and the simulation adds the pleural line.
TWICE: Final = ("pneumothorax",)
#: Which findings the networks know, and which they are asked for.
_KNOWN: Final = np.array([name not in UNLABELLED for name in FINDING_NAMES])
_ASKED: Final = np.array([name not in SIMULATED or name in TWICE for name in FINDING_NAMES])
#: How often what lesions change of a rough film is taken, for rough films are hazy about them: seen more
#: often by the evaluator of findings at 2.5 and 4 than at 1.
STRENGTH: Final = 3.0
#: The rough film's times are those of equal steps to this power: of 1.2 to 2.3 it brings six steps nearest to
#: what 80 make, 0.020 of a deviation of 0.52 (ten equal ones of first order: 0.034; five: 0.029).
BEND: Final = 1.5
#: What a prompt leaves open of the patient is drawn: years (mean, deviation), shares of women and PA films.
YEARS, WOMEN, PA = (50, 17), 0.5, 0.6

#: Noise of each stage of a case: the rough film's, and the film's code, its noise and its grain.
NOISES: Final = {
    "rough": (1, ROUGH, ROUGH),
    "code": (CODE,),
    "film": (NOISE, ROUGH // 2, ROUGH // 2),
    "film grain": (1, SIDE, SIDE),
}
#: That of films of more than SIDE pixels besides.
FINE_NOISES: Final = {"fine grain": (1, FINE, FINE)}


@dataclass
class OnePassModel:
    """A checkpoint folder: ``rough``, ``film`` and ``fine``, each ``.safetensors``."""

    rough: RoughNetwork
    film: FilmNetwork
    fine: FineNetwork
    device: str = "cpu"
    precision: str = "fp32"

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", precision: str = "fp32") -> "OnePassModel":
        """Read a checkpoint folder whose files match their pins; safetensors only."""
        rough, film, fine = RoughNetwork(), FilmNetwork(), FineNetwork()
        for name, network in (("rough", rough), ("film", film), ("fine", fine)):
            file = f"{name}.safetensors"
            fit(network, restored(read_tensors(folder, file)), folder / file)
            network.to(device).to(memory_format=torch.channels_last).eval()  # a tenth faster on CPUs
        return cls(rough, film, fine, device, precision)

    @property
    def findings(self) -> tuple[str, ...]:
        """All of them."""
        return FINDING_NAMES

    @property
    def length(self) -> int:
        """No text is read, but what is understood of it."""
        return 0

    def cuts(self, case: Case) -> bool:
        """Whether a part of the prompt was not understood, and so is not drawn."""
        return bool(case.unparsed)

    def draw(
        self,
        cases: Sequence[Case],
        masks: Sequence[MaskSet],
        settings: SynthesisSettings,
        should_stop: ShouldStop = None,
    ) -> np.ndarray:
        """Images (N, size, size) uint8 of N cases with their masks, size at most FINE. Raises Interrupted."""
        cover = torch.from_numpy(np.stack([_cover(m) for m in masks]))
        who = torch.from_numpy(np.stack([patient(case) for case in cases]))
        stages = NOISES if settings.size <= SIDE else NOISES | FINE_NOISES
        noises = [
            torch.stack([case_noise(c, stage, shape) for c in cases]) for stage, shape in stages.items()
        ]
        made = self.sample(cover, who, noises, settings, should_stop)
        return np.stack([_simulated(*parts) for parts in zip(made, cases, masks, strict=True)])

    @torch.inference_mode()
    def sample(
        self,
        cover: Tensor,
        who: Tensor,
        noises: Sequence[Tensor],
        settings: SynthesisSettings,
        should_stop: ShouldStop = None,
    ) -> np.ndarray:
        """Images (N, size, size) uint8 of coverage (N, MASKS, GRID, GRID), patient (N, PATIENT),
        and NOISES, with those of FINE_NOISES where ``settings.size`` is more than SIDE. Raises Interrupted.
        """
        cover, who, x, code, noise, grain, *fine_grain = (v.to(self.device) for v in (cover, who, *noises))
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bf16"):
            x = self._rough_film(cover, who, x, settings, should_stop)
            film, seen = self.film(x, cover, who, code, noise, grain)
            if fine_grain:
                film = self.fine(film, seen, *fine_grain)
        film = film.float()
        if settings.size != film.shape[-1]:
            film = F.interpolate(film, size=(settings.size, settings.size), mode="area")
        return to_pixels(film[:, 0])

    def _rough_film(
        self, cover: Tensor, who: Tensor, x: Tensor, settings: SynthesisSettings, should_stop: ShouldStop
    ) -> Tensor:
        """(N, 1, ROUGH, ROUGH) of noise ``x``; ``settings.lesion_guidance`` times STRENGTH scales what
        lesions change of it against none (Ho & Salimans, 2022).

        Steps are of second order (Adams & Bashforth's, as in DEIS, Zhang & Chen, 2023, arXiv 2204.13902) and
        shorter towards the end.
        """
        bare, nobody = cover.clone(), who.clone()
        bare[:, len(ANATOMY) :], nobody[:, : len(FINDING_NAMES)] = 0, 0
        masks = F.avg_pool2d(torch.cat([cover, bare]), GRID // ROUGH)
        whose = torch.cat([who, nobody])
        scale = STRENGTH * settings.lesion_guidance
        times = (torch.linspace(1, 0, settings.steps + 1) ** BEND).tolist()
        last: Tensor | None = None
        for i, (now, then) in enumerate(itertools.pairwise(times)):
            if should_stop is not None and should_stop():
                raise Interrupted(f"stopped at step {i} of {settings.steps} of the rough film")
            t = torch.full((len(whose),), now, device=self.device)
            ill, healthy = self.rough(torch.cat([x, x]), t, masks, whose).float().chunk(2)
            v = healthy + scale * (ill - healthy)
            bent = v if last is None else v + (then - now) / (now - times[i - 1]) * (v - last) / 2
            x, last = x + (then - now) * bent, v
        return check_finite(x, "rough film")


def patient(case: Case) -> np.ndarray:
    """(PATIENT,) float32: what the networks are told of a case, open age, sex and view drawn for it."""
    asked = {request.name for request in case.findings}
    rng = numpy_generator(case.seed, case.key, "patient")
    age, sex, view = rng.normal(*YEARS), rng.random() < WOMEN, rng.random() < PA
    age = np.clip(age if case.age is None else case.age, 0, 100) / 100
    sex = sex if case.sex is None else case.sex == "F"
    view = view if case.view is None else case.view == "PA"
    there = np.array([name in asked for name in FINDING_NAMES]) & _ASKED
    return np.concatenate([there, _KNOWN, [age, sex, view, 1]]).astype(np.float32)


def _cover(masks: MaskSet) -> np.ndarray:
    """(MASKS, GRID, GRID) float32: how much of each cell anatomy and lesions cover, of those that the
    networks are asked for."""
    lesions = masks.lesion_channels() & _ASKED[:, None, None]
    both = torch.from_numpy(np.concatenate([masks.anatomy, lesions])).float()
    return F.interpolate(both[None], size=(GRID, GRID), mode="area")[0].numpy()


def _simulated(image: np.ndarray, case: Case, masks: MaskSet) -> np.ndarray:
    """The image with the lesions that are drawn into it, each finding as strong as the case asks for."""
    wanted = {request.name: request.severity or "moderate" for request in case.findings}
    film = image.astype(np.float32) / 255
    for name in SIMULATED:
        lesions = [lesion for lesion in masks.lesions if lesion.finding == name]
        if lesions:
            rng = numpy_generator(case.seed, case.key, f"simulated {name}")
            film = draw(Scene(film, masks.anatomy), lesions, wanted.get(name, "moderate"), rng)
    return to_uint8(film)
