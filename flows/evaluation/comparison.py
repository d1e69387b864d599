"""All figures that need real radiographs, and the pictures that go with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from filters.experts.evaluators import AttributeEvaluator
from flows.evaluation import memorisation, pictures
from flows.evaluation.features import (
    Projection,
    RandomDenseNet,
    attribute_features,
    embeddings,
    expert_features,
)
from flows.evaluation.generated import Judged
from flows.evaluation.real import Real
from flows.figures import spectrum
from flows.figures.fidelity import Clouds, fidelity
from flows.figures.masks import mask_figures
from flows.material.films import part_of
from flows.training.loop import console
from flows.training.recipes.evaluator_attributes import evaluate as attribute_figures
from synth.masks.generator import MaskGenerator

#: The masks' distances depend on the seed of prompts, bodies and halves: these are told beside the first.
OTHER_SEEDS = (1, 2)

#: Generated sets smaller than this are not compared as sets.
FEWEST = 32


def against_real(
    data: Path, real: Real, sample: Judged, alike: Judged, masker: MaskGenerator, out: Path | None
) -> dict[str, Any]:
    """Figures by name; pictures go to ``out`` when it is given.

    ``alike`` is what :func:`flows.evaluation.generated.draw_alike` drew for the held-out images: it is
    compared with them as a set. ``sample`` is of the product's own prompts.
    """
    figures: dict[str, Any] = {
        "attributes_of_real": attributes(real),
    }
    figures["spectrum"] = spectrum.compare(alike.sample.images, real.held_images)
    figures["fidelity"] = fidelity_figures(real, alike)
    console.print("fidelity done", highlight=False)
    figures["memorisation"] = memorisation_figures(real, np.concatenate([sample.kept, alike.kept]), out)
    if out is not None:
        pictures.samples_beside_real(sample.sample.images, real.held_images, out / "samples.png")
    console.print("memorisation done", highlight=False)
    figures["masks"] = mask_figures(masker, data)
    figures["masks"]["findings_that_fit_with_other_seeds"] = [
        mask_figures(masker, data, seed=seed)["findings_that_fit"] for seed in OTHER_SEEDS
    ]
    return figures


def attributes(real: Real) -> dict[str, float | int]:
    """What the attributes' evaluator recovers from real images of patients whom neither it nor the networks
    below it learned from: the most to be hoped for."""
    mean = float(real.nih.ages[real.training].mean())
    unseen = np.array([i for i in real.held if part_of(real.nih.patients[i]) == "test"])
    return attribute_figures(AttributeEvaluator.load(), real.images[unseen], real.nih, unseen, mean)


def fidelity_figures(real: Real, alike: Judged) -> dict[str, Any]:
    """By space and set: all generated images, and the accepted ones."""
    sets = {"all": np.ones(len(alike.accepted), bool), "accepted": alike.accepted}
    spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "finding_expert": expert_features,
        "random_densenet": RandomDenseNet().features,
    }
    out: dict[str, Any] = {}
    for name, space in spaces.items():
        axes = Projection.fit(space(real.images[real.training]))
        held, made = axes(space(real.held_images)), axes(space(alike.sample.images))
        out[name] = {
            kind: fidelity(Clouds(made[which], held, real.nih.patients[real.held]))
            for kind, which in sets.items()
            if which.sum() >= FEWEST
        }
    return out


def memorisation_figures(real: Real, accepted: np.ndarray, out: Path | None) -> dict[str, Any]:
    """By space; the nearest five pairs of the index's own space are drawn. ``accepted`` (K, S, S)."""
    if not len(accepted):
        return {}
    spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "training_index": embeddings,
        "attribute_evaluator": attribute_features,
        "pixels": memorisation.pixels,
    }
    figures: dict[str, Any] = {}
    for name, space in spaces.items():
        training = space(real.images[real.training])
        centre = 0 if name == "training_index" else training.mean(0)
        ours = memorisation.nearest(space(accepted) - centre, training - centre)
        theirs = memorisation.nearest(space(real.held_images) - centre, training - centre)
        figures[name] = memorisation.figures(ours, theirs)
        if name == "training_index" and out is not None:
            first = np.argsort(ours.distance)[:5]
            copies = real.images[real.training[ours.nearest[first]]]
            pictures.nearest_pairs(accepted[first], copies, ours.distance[first], out / "nearest.png")
    return figures
