"""Calibrate "any opacity": networks that learned from other patients' films judge each film.

The few hundred films that no expert saw are too few to fit a sigmoid to and to measure it on. So both
finding experts' recipes are carried out anew without each of FOLDS groups of patients, and what those
networks say of the group left out is what the shipped experts would say of a new film (cross-validation;
Platt, 1999). The sigmoids are fitted to the training part alone: the held-out films stay unseen.
"""

import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit

from filters.experts.embedded import OPACITY, read_config
from filters.experts.ensemble import SECOND, TOGETHER
from flows.config.workers import core_count
from flows.figures.reliability import fold_of, opacity_figures, platt
from flows.material.real import Radiographs, load_nih
from flows.material.scenes import load_scenes
from flows.material.trained import locate
from flows.training.lesion_learning import predict
from flows.training.loop import console
from flows.training.recipes import findings, findings_second
from flows.training.sealing import amend, pin, write_config

#: As many as leave each network about as many films to learn from as the shipped ones had.
FOLDS = 3

#: Under which names the cards have the figures, of one expert and of both.
OF_ONE, OF_BOTH = "opacity, cross-validated", "opacity by both experts, cross-validated"

RECIPES = {r.name: r for r in (findings.RECIPE, findings_second.RECIPE)}

#: data, out, seed, device, resume and scale of a training.
Options = tuple[Path, Path, int, str, bool, float]


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Cross-validate both finding experts, write the calibration of opacity into their configs under
    ``out`` (the shipped experts' copies where ``out`` has none), and the figures into the second's card.
    """
    options = (data, out, seed, device, resume, scale)
    nih = load_nih(data)
    load_scenes(data, out, seed)  # made once, before several processes ask for it
    heard = _out_of_fold(nih, options)
    fitted, figures = calibrate(nih, *(heard[name] for name in RECIPES))
    for name in RECIPES:
        folder = out / name
        if not folder.exists():
            shutil.copytree(locate(out, name), folder)
        config = read_config(folder)
        config["calibration"][OPACITY] = fitted[name]
        if name == SECOND["findings"]:
            config[TOGETHER][OPACITY] = fitted[TOGETHER]
        write_config(folder / "config.json", config)
        amend(folder, {OF_ONE: figures[name]})
        pin(folder)
    amend(folder, {OF_BOTH: figures[TOGETHER]})
    return folder


def calibrate(
    nih: Radiographs, first: np.ndarray, second: np.ndarray
) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Platt's numbers and the figures by expert and of both, from logits (N,) of films not learned from.

    The numbers are fitted to the training part; the figures are of all films, cross-fitted by patient.
    """
    train, opaque = nih.parts == "train", ~nih.normal
    names = list(RECIPES)
    fitted, said = {}, {}
    for name, logits in zip(names, (first, second), strict=True):
        fitted[name], said[name] = _fit(logits, opaque, train)
    fitted[TOGETHER], said[TOGETHER] = _fit((said[names[0]] + said[names[1]]) / 2, opaque, train)
    figures = {}
    for name, logits in said.items():
        figures[name] = opacity_figures(expit(logits), opaque, nih.patients, nih.views)[0]
        del figures[name]["as_shipped"]  # most of these films the numbers were fitted to
    return fitted, figures


def _fit(logits: np.ndarray, truth: np.ndarray, where: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    numbers = platt(logits[where], truth[where])
    return numbers, numbers["scale"] * logits + numbers["bias"]


def _out_of_fold(nih: Radiographs, options: Options) -> dict[str, np.ndarray]:
    """By recipe, the logit of opacity (N,) of each film, by the network of its fold."""
    _, out, seed, device, resume, _ = options
    fold = fold_of(nih.patients, FOLDS, seed)
    jobs = [(name, k, _kept(out, name, k)) for name in RECIPES for k in range(FOLDS)]
    open_jobs = [(name, k) for name, k, kept in jobs if not (resume and kept.exists())]
    context = multiprocessing.get_context("spawn")
    count = core_count() if device == "cpu" else 1
    with ProcessPoolExecutor(count, context, torch.set_num_threads, (1,)) as workers:
        running = [workers.submit(_fold, name, k, options) for name, k in open_jobs]
        for done in as_completed(running):
            console.print(f"cross-validated: {done.result()}", highlight=False)
    heard = {name: np.full(len(nih.names), np.nan, np.float32) for name in RECIPES}
    for name, k, kept in jobs:
        heard[name][fold == k] = np.load(kept)
    return heard


def _fold(name: str, k: int, options: Options) -> str:
    """Teach one recipe without a fold and keep what it says of it; in a process of its own."""
    data, out, seed, device, resume, scale = options
    nih, real, simulated = load_scenes(data, out, seed)
    fold = fold_of(nih.patients, FOLDS, seed)
    nih = replace(nih, parts=np.where(fold == k, "test", "train"))
    kept = _kept(out, name, k)
    recipe = RECIPES[name]
    lessons = recipe.lessons(nih, real, simulated, device)
    network = recipe.teach(lessons, out, kept.with_suffix(""), seed, resume, scale)
    logits, _ = predict(network, real.images[fold == k], recipe.size)
    np.save(kept, logits[:, -1])
    return kept.stem


def _kept(out: Path, name: str, k: int) -> Path:
    return out / "runs" / "cross_validation" / f"{name}-{k}.npy"
