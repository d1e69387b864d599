"""MONAI: ``datalist.json``, images as ``.npy`` and masks of a channel for each finding as ``.npz``.

Both are arrays of rows and columns: MONAI's reader of PNG files turns pictures over their diagonal, that of
arrays does not. ``ignore`` has the same channels as ``label``, and holds what is neither to be learned nor
to be counted.
"""

import io
import json
from collections.abc import Iterable, Iterator

import numpy as np

from manifests.canonical import to_json
from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.format import Batch, Format, NewFile, Note, Put
from manifests.exporting.pictures import pixels
from manifests.exporting.settings import ExportSettings
from synth.findings import FINDING_NAMES

#: Names of the splits in a datalist.
_LISTS = {"train": "training", "val": "validation", "test": "test"}
_FILES = {"image": "image.npy", "label": "label.npz", "ignore": "ignore.npz"}


def arrays(batch: Batch, put: Put) -> Iterator[Note]:
    """Writes image, label and ignore of each film; its note is its entry in the datalist."""
    for film in batch.films:
        entry = {name: f"{film.split}/{film.key}/{file}" for name, file in _FILES.items()}
        put(entry["image"], _npy(pixels(film)))
        put(entry["label"], _npz(_channels(film, film.lesions)))
        put(entry["ignore"], _npz(_channels(film, film.doubted)))
        yield {"split": film.split, **entry}


def files(notes: Iterable[Note], settings: ExportSettings, content: str) -> Iterator[NewFile]:
    """``datalist.json``, a film a line."""
    yield "datalist.json", _datalist(notes, content)


def _datalist(notes: Iterable[Note], content: str) -> Iterator[bytes]:
    about = {
        "description": content,
        "tensorImageSize": "2D",
        "modality": {"0": "radiograph"},
        "labels": {str(channel): name for channel, name in enumerate(FINDING_NAMES)},
    }
    yield to_json(about).rstrip(b"}\n") + b"\n"
    for split, name in _LISTS.items():
        yield f'  ,"{name}": ['.encode()
        separator = "\n"
        for note in notes:
            if note["split"] == split:
                entry = {kind: path for kind, path in note.items() if kind != "split"}
                yield f"{separator}    {json.dumps(entry)}".encode()
                separator = ",\n"
        yield b"\n  ]\n"
    yield b"}\n"


def _channels(film: LabelledFilm, lesions: Iterable[LabelledLesion]) -> np.ndarray:
    """(13, H, W) uint8: the union of a finding's lesions, channels as FINDING_NAMES."""
    out = np.zeros((len(FINDING_NAMES), *film.shape), np.uint8)
    for lesion in lesions:
        out[FINDING_NAMES.index(lesion.finding)] |= lesion.mask
    return out


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _npz(array: np.ndarray) -> bytes:
    """Packed; NumPy gives its members no time of their own."""
    out = io.BytesIO()
    np.savez_compressed(out, masks=array)
    return out.getvalue()


EXPORT = Format("monai", arrays, files, ignores=True)
