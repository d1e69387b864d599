"""Whether a film is known again when it has been altered: what an embedding is worth against copies.

Memorised images are copies of training images in another pose, exposure or texture, or show the same patient
with another illness: a space that is to find them has to know both copies and patients again (Packhäuser et
al., 2022; Dar et al., 2024; Dombrowski et al., 2025).
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch

from filters.experts.embedding import TrainingIndex, normalise
from filters.training_copy import FILTER
from flows.evaluation.features import attribute_features, embeddings, first_finding_expert
from flows.evaluation.real import Real
from flows.figures.ranking import auroc
from flows.material.scenes import simulate
from flows.material.trained import expert_anatomy
from flows.training.augment import disguise
from synth.images.denoisers import FrozenDenoiser, Text
from synth.images.frozen.blending import NoiseStreams, Solver, denoise
from synth.images.model import ImageModel
from synth.images.radiographs import to_uint8
from synth.masks.generator import MaskGenerator
from synth.rendering import Scene
from synth.weights import SHIPPED

#: In percent: what the filter against copies refuses of real films.
REFUSED = FILTER.calibration.percentile if FILTER.calibration else 0.0
#: Seed of all alterations, images drawn at a time, steps of a whole denoising.
SEED, BATCH, STEPS = 83, 8, 16
#: Share of the noise levels that a film is drawn anew from.
REDRAWN = 0.6

Space = Callable[[np.ndarray], np.ndarray]


def alter(real: Real, model: ImageModel, masker: MaskGenerator) -> dict[str, np.ndarray]:
    """Held-out films moved, exposed otherwise, drawn anew and with simulated lesions, (N, S, S) uint8."""
    rng = np.random.default_rng(SEED)
    bodies = expert_anatomy(SHIPPED, real.held_images)
    scenes = [Scene(i / np.float32(255), a) for i, a in zip(real.held_images, bodies, strict=True)]
    return disguise(real.held_images, SEED) | {
        "drawn_anew": redraw(model, real.held_images),
        "with_lesions": np.stack([to_uint8(simulate(s, masker, rng)[0].image) for s in scenes]),
    }


@torch.inference_mode()
def redraw(model: ImageModel, images: np.ndarray, share: float = REDRAWN) -> np.ndarray:
    """(N, S, S) uint8: ``images`` noised by a ``share`` of the levels, in (0, 1], and denoised by the model,
    which is told nothing of them (Meng et al., 2022)."""
    base = FrozenDenoiser.of_model(model)
    levels = base.schedule.levels(STEPS)[STEPS - round(STEPS * share) :]
    out = []
    for start in range(0, len(images), BATCH):
        latent = model.encode(images[start : start + BATCH])
        streams = NoiseStreams([SEED + start + i for i in range(len(latent))], "copies", base.device)
        text = Text(base.embed([""] * len(latent))[None])
        noise = streams.normal(latent.shape[1:])
        clean = denoise(base, levels, (latent, noise), text, streams, Solver())
        out.append(model.decode(clean, streams.normal((1, *images.shape[1:]))))
    return np.concatenate(out)


def spaces(training: np.ndarray) -> dict[str, Space]:
    """Radiographs (N, S, S) uint8 to unit vectors (N, D), by whose features these are made of.

    ``anatomy`` is what the filters embed by; ``findings`` the same of the finding expert's features, which
    know illness; ``attributes`` those of the evaluator of age, sex and view. The latter two are fitted to
    the films ``training``.
    """
    findings = first_finding_expert()
    index = TrainingIndex.fit(findings.features(training), [str(i) for i in range(len(training))])
    centre = attribute_features(training).mean(0)
    return {
        "anatomy": embeddings,
        "findings": lambda x: index.project(findings.features(x)),
        "attributes": lambda x: normalise(attribute_features(x) - centre),
    }


def copy_figures(real: Real, copies: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """By space: how well held-out patients are told apart, and what share of each kind of ``copies`` of the
    held-out films is found.

    A copy is found where its own film is nearer than all but REFUSED % of the
    held-out films are to the nearest of another patient, among all films.
    """
    patients = real.nih.patients
    held = patients[real.held]
    out = {}
    for name, space in spaces(real.images[real.training]).items():
        films = space(real.images)
        others = films[real.held] @ films.T
        others[held[:, None] == patients] = -1
        least = np.percentile(others.max(1), 100 - REFUSED)
        out[name] = patient_figures(films[real.held], held)
        for kind, images in copies.items():
            alike = (space(images) * films[real.held]).sum(1)
            out[name][kind] = round(float((alike > least).mean()), 3)
    return out


def patient_figures(vectors: np.ndarray, patients: np.ndarray) -> dict[str, float]:
    """How well a space tells patients apart, by films (N, D), unit, and their patients (N,).

    ``auroc``: of cosines between two films of one patient against those of two patients. ``nearest``: of
    films of patients with several, the share whose nearest other film is the same patient's.
    """
    cosines = vectors @ vectors.T
    same = patients[:, None] == patients
    first, second = np.triu_indices(len(patients), 1)
    np.fill_diagonal(cosines, -np.inf)
    several = same.sum(1) > 1
    nearest = patients[cosines.argmax(1)] == patients
    return {
        "auroc": round(auroc(cosines[first, second], same[first, second]), 3),
        "nearest": round(float(nearest[several].mean()), 3),
    }
