"""Synthetic films, one after another: of our builds, and of other people's COCO folders."""

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from pycocotools.coco import COCO

from flows.evaluation.downstream.settings import Coco, DownstreamConfig
from flows.evaluation.downstream.vocabulary import finding_named
from flows.material.films import film
from manifests.exporting.film import LabelledFilm
from manifests.exporting.pictures import anatomy, pixels
from manifests.loaders.choice import Choice
from manifests.loaders.films import Films
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.images.radiographs import normalise_exposure, to_uint8

Outline = tuple[str, np.ndarray]


@dataclass(frozen=True)
class SyntheticFilm:
    """One film: ``image`` (S, S) uint8 as networks see real ones; ``lesions`` to learn from and ``doubted``
    ones, each a finding and its mask (H, W) bool; ``unknown`` findings that may be anywhere in it; ``lungs``
    (H, W) bool, None where nobody outlined them."""

    name: str
    image: np.ndarray
    lesions: tuple[Outline, ...]
    doubted: tuple[Outline, ...] = ()
    unknown: frozenset[str] = frozenset()
    lungs: np.ndarray | None = field(default=None, repr=False)

    @property
    def shows(self) -> frozenset[str]:
        """Findings that it has for certain."""
        return frozenset(name for name, _ in self.lesions)

    @property
    def unsure(self) -> frozenset[str]:
        """Findings of which nobody knows whether it has them."""
        return (self.unknown | {name for name, _ in self.doubted}) - self.shows


def synthetic_films(config: DownstreamConfig, size: int) -> Iterator[SyntheticFilm]:
    """All accepted films of the builds, then those of the COCO folders, ``size`` pixels a side.

    Raises UserError, one line, for a build or folder that gives none.
    """
    if config.builds:
        films = Films(config.builds, Choice())
        for place in range(len(films)):
            name = films.name(place)
            yield _of_build(films[place], f"{name.build[:12]}/{name.key}", size)
    for folder in config.coco:
        yield from _of_coco(folder, size)


def _of_build(labelled: LabelledFilm, name: str, size: int) -> SyntheticFilm:
    seen = normalise_exposure(pixels(labelled) / np.float32(255))
    return SyntheticFilm(
        name,
        resized(to_uint8(seen), size),
        tuple((lesion.finding, lesion.mask) for lesion in labelled.lesions),
        tuple((lesion.finding, lesion.mask) for lesion in labelled.doubted),
        labelled.unoutlined if labelled.row.get("complete", True) else frozenset(FINDING_NAMES),
        np.asarray(anatomy(labelled)[:2].any(0)),
    )


def _of_coco(folder: Coco, size: int) -> Iterator[SyntheticFilm]:
    """Of a COCO file; a crowd is a region to be ignored. Raises UserError for what is none, in one line."""
    coco = _read(folder)
    names = {c["id"]: finding_named(c["name"]) for c in coco.dataset["categories"]}
    if not any(names.values()):
        told = ", ".join(c["name"] for c in coco.dataset["categories"])
        raise UserError(f"{folder.annotations}: categories {told:.200}, expected one of our findings")
    if not coco.imgs:
        raise UserError(f"{folder.annotations}: no image, expected at least one")
    for number, entry in sorted(coco.imgs.items()):
        image, frame = film(folder.images / entry["file_name"], size)
        outlines: dict[bool, list[Outline]] = {True: [], False: []}
        for told in coco.imgToAnns.get(number, ()):
            finding = names.get(told["category_id"])
            if finding is None:
                continue
            mask = _cropped(_mask(coco, told), frame)
            if mask.any():
                outlines[bool(told.get("iscrowd"))].append((finding, mask))
        name = f"{folder.annotations.name}/{number}"
        yield SyntheticFilm(name, image, tuple(outlines[False]), tuple(outlines[True]))


def _read(folder: Coco) -> COCO:
    try:
        json.loads(folder.annotations.read_bytes())["images"]
        with contextlib.redirect_stdout(io.StringIO()):  # it prints how long it took
            coco = COCO(str(folder.annotations))
        _ = [c["name"] for c in coco.dataset["categories"]]
        return coco
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder.annotations}: {error!s:.200}, expected a COCO file") from error


def _mask(coco: COCO, told: dict) -> np.ndarray:
    """(H, W) bool; an annotation without an outline is its box."""
    if told.get("segmentation"):
        return np.asarray(coco.annToMask(told), bool)
    entry = coco.imgs[told["image_id"]]
    out = np.zeros((entry["height"], entry["width"]), bool)
    x, y, w, h = told["bbox"]
    out[round(y) : round(y + h), round(x) : round(x + w)] = True
    return out


def _cropped(mask: np.ndarray, frame: tuple[float, float, float, float]) -> np.ndarray:
    height, width = mask.shape
    x0, y0, x1, y1 = frame
    return mask[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """(H, W) uint8 to (size, size), by the mean of areas, as real films are read."""
    if image.shape == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BOX))


def mask_at(mask: np.ndarray, size: int) -> np.ndarray:
    """(H, W) bool to (size, size): a pixel is inside where half of it is."""
    return np.asarray(resized(mask.astype(np.uint8) * 255, size) > 127)


def box_of(mask: np.ndarray) -> tuple[float, float, float, float]:
    """The tight box (x0, y0, x1, y1) of a mask that is not empty, in [0, 1]."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = mask.shape
    return (
        float(xs[0] / width),
        float(ys[0] / height),
        float((xs[-1] + 1) / width),
        float((ys[-1] + 1) / height),
    )
