"""nnU-Net, version 2: a raw data set with one label a pixel, test samples apart.

Of lesions that overlap the pixel goes to the one that is first in :data:`ON_TOP`, so that a small lesion in
front of a large one is not lost. What is to be ignored is nnU-Net's ignore label, beneath all lesions. The
validation samples are among the training samples, ``splits_final.json`` says which: it belongs into the
preprocessed folder.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from manifests.canonical import to_json
from manifests.exporting.film import LabelledFilm
from manifests.exporting.format import Batch, Format, NewFile, Note, Put
from manifests.exporting.pictures import png
from manifests.exporting.settings import SEEN, ExportSettings
from manifests.marks import copied_mark
from manifests.members import LESION_MASKS, encode_png
from synth.findings import FINDING_NAMES

#: From the smallest to the largest, by the median of their areas.
ON_TOP = (
    "calcification",
    "nodule",
    "fracture",
    "pleural_thickening",
    "fibrosis",
    "pneumothorax",
    "effusion",
    "atelectasis",
    "mass",
    "consolidation",
    "diffuse_nodule",
    "cardiomegaly",
    "emphysema",
)
#: nnU-Net wants the highest number for it.
IGNORE = len(FINDING_NAMES) + 1


def images(batch: Batch, put: Put) -> Iterator[Note]:
    """Writes image and label of each film; its note tells how much of its lesions others cover."""
    for film in batch.films:
        part = "Ts" if film.split == "test" else "Tr"
        label = _label(film)
        put(f"images{part}/{film.key}_0000.png", png(film))
        put(f"labels{part}/{film.key}.png", copied_mark(film.members[LESION_MASKS], encode_png(label)))
        yield {"key": film.key, "split": film.split, **_covered(film, label)}


def files(notes: Iterable[Note], settings: ExportSettings, content: str) -> Iterator[NewFile]:
    """``dataset.json`` and the one split between training and validation."""
    keys: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for note in notes:
        keys[note["split"]].append(note["key"])
    labels = {"background": 0, **{name: i for i, name in enumerate(FINDING_NAMES, start=1)}}
    if settings.labels == SEEN:
        labels["ignore"] = IGNORE
    about = {
        "channel_names": {"0": "radiograph"},
        "labels": labels,
        "numTraining": len(keys["train"]) + len(keys["val"]),
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
        "description": content,
    }
    yield "dataset.json", [to_json(about)]
    yield "splits_final.json", [to_json([{"train": keys["train"], "val": keys["val"]}])]


def losses(notes: Iterable[Note]) -> list[str]:
    """How many pixels of lesions lie under others."""
    pixels = covered = hidden = 0
    for note in notes:
        pixels, covered, hidden = pixels + note["pixels"], covered + note["covered"], hidden + note["hidden"]
    if not covered:
        return []
    return [
        f"{covered / pixels:.2%} of the lesions' pixels lie under another finding's and have its label; "
        f"{hidden} lesions are covered altogether"
    ]


def _label(film: LabelledFilm) -> np.ndarray:
    """(H, W) uint8: 0 background, then findings from 1 in the order of FINDING_NAMES."""
    label = np.zeros(film.shape, np.uint8)
    for lesion in film.doubted:
        label[lesion.mask] = IGNORE
    for lesion in sorted(film.lesions, key=lambda x: ON_TOP.index(x.finding), reverse=True):
        label[lesion.mask] = FINDING_NAMES.index(lesion.finding) + 1
    return label


def _covered(film: LabelledFilm, label: np.ndarray) -> dict[str, int]:
    """``pixels`` of all lesions, how many are ``covered``, and lesions of which all are: ``hidden``."""
    shown = [int((label[x.mask] == FINDING_NAMES.index(x.finding) + 1).sum()) for x in film.lesions]
    areas = [lesion.area for lesion in film.lesions]
    return {"pixels": sum(areas), "covered": sum(areas) - sum(shown), "hidden": shown.count(0)}


EXPORT = Format("nnunet", images, files, ignores=True, losses=losses)
