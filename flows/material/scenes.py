"""Scenes to learn from: real radiographs with the expert's anatomy, and lesions simulated in them."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from safetensors.numpy import load_file, save_file

from flows.config.terminal import tracked
from flows.material.real import Radiographs, load_nih
from flows.material.trained import expert_anatomy, locate, unmarked
from synth.cases import FindingRequest, Lesion
from synth.demographics import Demographics
from synth.findings import FINDING_NAMES, Severity, Sex, Side, View
from synth.images.radiographs import to_uint8
from synth.masks.anatomy import ENLARGED, cardiothoracic_ratio, enlarged_outline
from synth.masks.generator import MaskGenerator
from synth.prompts.phrases import write_prompt
from synth.rendering import Scene, draw, enlarge_heart
from synth.seeding import numpy_generator

#: Simulated scenes that the trainings share.
SIMULATED = 5000

SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")

#: NIH's labels that name one of the findings.
NIH_FINDING = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Effusion": "effusion",
    "Emphysema": "emphysema",
    "Fibrosis": "fibrosis",
    "Mass": "mass",
    "Nodule": "nodule",
    "Pleural_Thickening": "pleural_thickening",
    "Pneumonia": "consolidation",
    "Pneumothorax": "pneumothorax",
}


@dataclass(frozen=True)
class Scenes:
    """N radiographs with what is known of each.

    ``images`` (N, S, S) uint8; ``anatomy`` (N, S, S) uint8, bit i for ANATOMY[i]; ``lesions``
    (N, S, S) uint16, bit i for FINDING_NAMES[i]; ``known`` (N,) bool, whether lesions are known;
    ``base`` (N,) index of the NIH image; ``prompts`` as trained on.
    """

    images: np.ndarray
    anatomy: np.ndarray
    lesions: np.ndarray
    known: np.ndarray
    base: np.ndarray
    prompts: list[str]

    def masks(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(B, 5, S, S) and (B, 13, S, S) float32 of some scenes."""
        anatomy = self.anatomy[which, None] >> np.arange(5)[:, None, None] & 1
        lesions = self.lesions[which, None] >> np.arange(len(FINDING_NAMES))[:, None, None] & 1
        return anatomy.astype(np.float32), lesions.astype(np.float32)


def load_scenes(
    data: Path, out: Path, seed: int = 0, count: int = SIMULATED
) -> tuple[Radiographs, Scenes, Scenes]:
    """The NIH images, a scene of each, and ``count`` simulated ones on normal training and
    calibration images; made once and kept in ``out/runs/scenes.safetensors``.
    """
    nih = load_nih(data)
    path = out / "runs" / f"scenes-{seed}-{count}.safetensors"
    if not path.exists():
        _make(nih, out, seed, count, path)
    arrays = load_file(path)
    prompts = [
        write_prompt(labelled_requests(nih, i), demographics_of(nih, i), np.random.default_rng(i))
        for i in range(len(nih.names))
    ]
    real = Scenes(
        arrays["real"],
        arrays["anatomy"],
        _box_lesions(nih, arrays["anatomy"]),
        nih.normal | np.array([len(b) > 0 for b in nih.boxes]),
        np.arange(len(nih.names)),
        prompts,
    )
    texts = bytes(arrays["sim_prompts"]).decode().split("\n")
    base = arrays["sim_base"]
    simulated = Scenes(
        arrays["sim_images"],
        arrays["sim_anatomy"],
        arrays["sim_lesions"],
        np.ones(len(base), bool),
        base,
        texts,
    )
    return nih, real, simulated


def simulate(
    scene: Scene, masker: MaskGenerator, rng: np.random.Generator
) -> tuple[Scene, list[Lesion], list[FindingRequest]]:
    """One to three findings drawn into a normal radiograph, what was drawn, and its requests."""
    count = int(rng.choice((1, 2, 3), p=(0.6, 0.3, 0.1)))
    names = sorted(rng.choice(FINDING_NAMES, count, replace=False).tolist(), key=FINDING_NAMES.index)
    severity = SEVERITIES[rng.integers(3)]
    lesions: list[Lesion] = []
    if "cardiomegaly" in names:
        ratio = rng.uniform(*ENLARGED[severity])
        if ratio > cardiothoracic_ratio(scene.anatomy) + 0.02:
            scene = enlarge_heart(scene, ratio)
            lesions.append(Lesion("cardiomegaly", enlarged_outline(scene.anatomy[2])))
    wanted = [FindingRequest(n, severity=severity) for n in names if n != "cardiomegaly"]
    drawn = list(masker.sample(wanted, scene.anatomy, rng).lesions)
    scene = Scene(draw(scene, drawn, severity, rng), scene.anatomy)
    lesions += drawn
    lungs = np.flatnonzero(scene.lungs.any(0))
    middle = (lungs[0] + lungs[-1]) / 2
    return scene, lesions, [_described(n, lesions, middle, severity) for n in names if _has(lesions, n)]


def _make(nih: Radiographs, out: Path, seed: int, count: int, path: Path) -> None:
    anatomy = expert_anatomy(out, nih.images)
    real = unmarked(nih.images, anatomy)
    usable = nih.normal & (nih.parts != "test") & (anatomy.mean((2, 3))[:, :3] > 0.02).all(1)
    pool = np.flatnonzero(usable)
    jobs = []
    for i in range(count):  # views in turn
        which = int(
            numpy_generator(seed, f"{i:06d}", "base").choice(pool[nih.views[pool] == ("PA", "AP")[i % 2]])
        )
        jobs.append(
            (i, seed, which, real[which], anatomy[which], demographics_of(nih, which), locate(out, "masks"))
        )
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(initializer=torch.set_num_threads, initargs=(1,), mp_context=context) as workers:
        done = workers.map(_simulated, jobs, chunksize=25)
        made = list(tracked(done, "simulating", count, Console(stderr=True)))
    images, bodies, masks, prompts = zip(*made, strict=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "real": real,
            "anatomy": np.stack([_bits(a, np.uint8) for a in anatomy]),
            "sim_images": np.stack(images),
            "sim_anatomy": np.stack(bodies),
            "sim_lesions": np.stack(masks),
            "sim_base": np.array([job[2] for job in jobs]),
            "sim_prompts": np.frombuffer("\n".join(prompts).encode(), np.uint8).copy(),
        },
        path,
    )


def _simulated(job: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """One simulated scene, in a worker process: image, anatomy bits, lesion bits, prompt."""
    index, seed, _, image, anatomy, who, folder = job
    rng = numpy_generator(seed, f"{index:06d}", "simulate")
    scene, lesions, requests = simulate(Scene(image / np.float32(255), anatomy), _masker(folder), rng)
    return (
        to_uint8(scene.image),
        _bits(scene.anatomy, np.uint8),
        _lesion_bits(lesions, image.shape),
        write_prompt(requests, who, rng),
    )


@cache
def _masker(folder: Path) -> MaskGenerator:
    return MaskGenerator.load(folder)


def _described(name: str, lesions: list[Lesion], middle: float, severity: Severity) -> FindingRequest:
    xs = [np.nonzero(m.mask)[1].mean() for m in lesions if m.finding == name]
    if name == "cardiomegaly":
        return FindingRequest(name, severity=severity)
    right, left = any(x < middle for x in xs), any(x >= middle for x in xs)
    side: Side = "bilateral" if right and left else "right" if right else "left"
    return FindingRequest(name, side=side, severity=severity)


def _has(lesions: list[Lesion], name: str) -> bool:
    return any(m.finding == name for m in lesions)


def labelled_requests(nih: Radiographs, index: int) -> list[FindingRequest]:
    """What an image's labels ask for, without place or severity."""
    names = {NIH_FINDING[label] for label in nih.labels[index] if label in NIH_FINDING}
    return [FindingRequest(n) for n in sorted(names)]


def demographics_of(nih: Radiographs, index: int) -> Demographics:
    """Age, sex and view of an image."""
    sex: Sex = "F" if nih.sexes[index] == "F" else "M"
    view: View = "PA" if nih.views[index] == "PA" else "AP"
    return Demographics(int(nih.ages[index]), sex, view)


def _box_lesions(nih: Radiographs, anatomy: np.ndarray) -> np.ndarray:
    """Radiologists' boxes as ellipses of consolidation inside the lungs: (N, S, S) uint16."""
    size = nih.images.shape[-1]
    ys, xs = np.mgrid[:size, :size] / size
    out = np.zeros(nih.images.shape, np.uint16)
    for i, boxes in enumerate(nih.boxes):
        for x0, y0, x1, y1 in boxes:
            rx, ry = max((x1 - x0) / 2, 1e-3), max((y1 - y0) / 2, 1e-3)
            inside = ((xs - (x0 + x1) / 2) / rx) ** 2 + ((ys - (y0 + y1) / 2) / ry) ** 2 < 1
            out[i][inside] = 1 << FINDING_NAMES.index("consolidation")
    return out


def _lesion_bits(lesions: list[Lesion], shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape, np.uint16)
    for lesion in lesions:
        out[lesion.mask] |= 1 << FINDING_NAMES.index(lesion.finding)
    return out


def _bits(stack: np.ndarray, kind: type) -> np.ndarray:
    weights = (1 << np.arange(len(stack)))[:, None, None]
    return (stack * weights).sum(0).astype(kind)


def balanced(nih: Radiographs, where: np.ndarray) -> Iterator[np.ndarray]:
    """Groups of indices by label and view, so that neither tells of the other."""
    for normal in (True, False):
        for view in ("PA", "AP"):
            yield where[(nih.normal[where] == normal) & (nih.views[where] == view)]
