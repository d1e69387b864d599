"""Train the one-pass image model: a guide, a diffusion of rough films, networks of films and of fine ones."""

from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filters.experts.lite_networks import folded
from flows.material.films import FOLDERS, RealFilms, load_real
from flows.training.adversary import Adversary
from flows.training.contest import Rates
from flows.training.film_drawing import Drawing, DrawingStage
from flows.training.film_lessons import together
from flows.training.film_recipe import Recipe, Stage, teach
from flows.training.fine_drawing import FineDrawing
from flows.training.loop import Schedule, fit
from flows.training.one_pass_films import OnePassFilms, joined, load_films, load_fine
from flows.training.sealing import seal, write_tensors
from synth.findings import ANATOMY
from synth.images.one_pass.model import OnePassModel
from synth.images.one_pass.networks import GRID, ROUGH, FilmNetwork, FineNetwork, RoughNetwork
from synth.images.one_pass.storage import stored

#: The expert that finds lesions in real films and holds drawn ones to them; it neither filters nor measures.
GUIDE = Recipe(
    "guide", "lite0", "experts", "evaluators", Stage(160, 450, 32, 8e-4), Stage(256, 400, 12, 5e-4), seed=71
)
ROUGH_STEPS, ROUGH_BATCH, ROUGH_RATE = 2600, 48, 1.5e-3
#: In the beginning the adversary learns slowly: at its later rate it tells all apart within 100 steps.
BEGINNING = DrawingStage(128, 400, 16, 6e-4, 1e-4, lesions_from=400)
SMALL = DrawingStage(128, 600, 16, 1.5e-4, 5e-4, lesions_from=300)
LARGE = DrawingStage(256, 2000, 8, 1.5e-4, 5e-4, lesions_from=100)
FINER, FINER_BATCH = Rates(300, 1e-3, 1e-4), 8
#: Of the films drawn at 128 pixels, those of the large films and of the small ones.
SHARES = (0.6, 0.4)


def train(data: Path, out: Path, seed: int, device: str, resume: bool, scale: float) -> Path:
    """Train and seal ``out/one_pass``; what is done of it stands in ``out/runs/one_pass``."""
    runs = out / "runs" / "one_pass"
    guide = _guide(data, runs / "guide", seed, device, resume, scale)
    if not resume:  # what another guide saw in films is not what this one sees
        rmtree(runs / "films", ignore_errors=True)
    folders = load_films(data, out, runs / "films", guide)
    rough = _rough(joined(folders, 64, SHARES), runs / "rough", seed, device, resume, scale)
    film = _film(folders, guide, runs, seed, device, resume, scale)
    fine = _fine(load_fine(data, runs / "films", folders[0]), film, runs, seed, device, resume, scale)
    about = {"seed": seed, "films": {name: len(f.images) for name, f in zip(FOLDERS, folders, strict=True)}}
    return write_model(out / "one_pass", rough, film, fine, about | {"device": device})


def write_model(
    folder: Path, rough: RoughNetwork, film: FilmNetwork, fine: FineNetwork, about: dict[str, object]
) -> Path:
    """The networks, a byte a weight, with their card."""
    for name, network in (("rough", rough), ("film", film), ("fine", fine)):
        write_tensors(folder / f"{name}.safetensors", stored(network.state_dict()))
    seal(
        folder,
        "One-pass image model: rough films by diffusion, films of them at once, fine ones of those",
        ("nih", "nih128", "nih_boxes", "rsna"),
        "synthorax train one_pass --data DIR",
        {
            "rough": {"steps": ROUGH_STEPS, "batch": ROUGH_BATCH, "lr": ROUGH_RATE},
            "film": [vars(BEGINNING), vars(SMALL), vars(LARGE)],
            "fine": vars(FINER) | {"batch": FINER_BATCH},
            **about,
        },
        {"see": "docs/benchmarks.md"},
        "Patients of the part `test` were left out. Lesions are where boxes and a guide's maps say.",
    )
    OnePassModel.load(folder)
    return folder


def _guide(data: Path, run: Path, seed: int, device: str, resume: bool, scale: float) -> nn.Module:
    """The guide, frozen; taught by the films of the experts' patients, at sizes between its stages' own."""
    recipe = replace(GUIDE, seed=GUIDE.seed + seed)

    def films(size: int) -> RealFilms:
        found = [load_real(data, name, min(side, size), recipe.part) for name, side in FOLDERS.items()]
        return together(found, size)

    guide = teach(recipe, films, run, device, resume, scale)
    return folded(guide).requires_grad_(False).to(memory_format=torch.channels_last)


def _rough(
    films: OnePassFilms, run: Path, seed: int, device: str, resume: bool, scale: float
) -> RoughNetwork:
    """Flow matching of rough films; errors where lesions lie count four times."""
    torch.manual_seed(seed)
    network = RoughNetwork().to(memory_format=torch.channels_last)

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        batch = films.batch(rng, ROUGH_BATCH, varied=1.4)
        x, masks = batch.rough.to(device), F.avg_pool2d(batch.masks, GRID // ROUGH).to(device)
        noise = torch.randn(x.shape).to(device)
        t = torch.from_numpy(rng.normal(0.2, 1.1, len(x)).astype(np.float32)).sigmoid().to(device)
        at = t[:, None, None, None]
        error = (network((1 - at) * x + at * noise, t, masks, batch.patient.to(device)) - (noise - x)) ** 2
        weight = 1 + 3 * masks[:, len(ANATOMY) :].amax(1, keepdim=True)
        return (error * weight).sum() / weight.sum()

    steps = max(1, int(ROUGH_STEPS * scale))
    schedule = Schedule(
        steps, ROUGH_RATE, warmup=100, weight_decay=1e-2, ema=0.998, bf16=False, save_every=100
    )
    fit(network, loss_of, schedule, run, seed, device, resume)
    return network.cpu()


def _film(
    folders: list[OnePassFilms],
    guide: nn.Module,
    runs: Path,
    seed: int,
    device: str,
    resume: bool,
    scale: float,
) -> FilmNetwork:
    """First at 128 pixels, where films are many and learning is cheap, then at 256."""
    torch.manual_seed(seed)
    network, adversary = FilmNetwork(), Adversary()
    small = joined(folders, SMALL.side, SHARES)
    stages = {"beginning": (BEGINNING, small), "small": (SMALL, small), "large": (LARGE, folders[0])}
    for name, (stage, films) in stages.items():
        adversary.settle(torch.from_numpy(films.images[:64])[:, None].float() / 127.5 - 1)
        drawing = Drawing(network, adversary, guide, runs / f"film_{name}")
        drawing.teach(films, replace(stage, steps=max(1, int(stage.steps * scale))), seed, device, resume)
        network = drawing.contest.average.train()
    return network.eval()


def _fine(
    films: OnePassFilms,
    film: FilmNetwork,
    runs: Path,
    seed: int,
    device: str,
    resume: bool,
    scale: float,
) -> FineNetwork:
    """Of what the film network has learned to draw, which stays as it is."""
    torch.manual_seed(seed)
    adversary = Adversary()
    adversary.settle(torch.from_numpy(films.images[:32, 192:320, 192:320])[:, None].float() / 127.5 - 1)
    drawing = FineDrawing(FineNetwork(), film, adversary, runs / "fine")
    rates = replace(FINER, steps=max(1, int(FINER.steps * scale)))
    drawing.teach(films, FINER_BATCH, rates, seed, device, resume)
    return drawing.contest.average
