"""What an edit of one radiograph leaves in a folder: the edited copy, a mask, a sheet, and their record.

For a radiograph ``STEM.*``: ``STEM.edited.png`` (``.dcm`` for DICOM), ``STEM.mask.png``, ``STEM.sheet.png``
and, written last, ``STEM.json``: only with it the edit is done.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from manifests.annotations import annotations, encode_rle
from manifests.canonical import parse_object
from manifests.errors import DatasetError
from manifests.films.compositing import blend_weight
from manifests.films.files import read_original, write_edited
from manifests.films.folders import SUFFIXES
from manifests.films.originals import Original
from manifests.marks import MASKS, mark, marked, tool
from manifests.members import encode_png
from manifests.store import Store
from synth.cases import Lesion, MaskSet
from synth.findings import ANATOMY

#: Of the record's layout; another one means that edits are made again elsewhere.
VERSION = 1

#: The record's field of an edit in which nothing that was asked for came about: what the experts say.
UNCHANGED = "unchanged"

_MASK, _SHEET, _RECORD = ".mask.png", ".sheet.png", ".json"
_ENDINGS = (".edited.png", ".edited.dcm", _MASK, _SHEET, _RECORD)


def stem_of(path: Path) -> str:
    """A radiograph's name without its suffix; of ``1.2.840``, as DICOM files are called, all of it."""
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


@dataclass(frozen=True)
class EditedRadiograph:
    """``pixels`` (H, W) as the ``original``'s, and the masks (S, S) bool that led to them.

    Masks are those of ``working_image(original, S)``: ``mask`` is what was free to change, ``removed`` and
    ``added`` are the lesions in it. ``sheet`` is a PNG.
    """

    original: Original
    pixels: np.ndarray
    mask: np.ndarray
    removed: tuple[Lesion, ...]
    added: tuple[Lesion, ...]
    sheet: bytes

    @property
    def changeable(self) -> np.ndarray:
        """(H, W) bool: where a pixel may differ from the original's."""
        return blend_weight(self.mask, self.original.pixels.shape) > 0


class EditedFolder:
    """Writes edits into a folder, each whole or not at all; every method raises DatasetError."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, Store(folder)

    def check_apart(self, images: Iterable[Path], mask: Path | None) -> None:
        """Refuse two images of one name, and to write over what is read.

        :raises DatasetError: naming both files.
        """
        images, stems = list(images), dict[str, Path]()
        for path in images:
            if (first := stems.setdefault(stem_of(path), path)) is not path:
                raise DatasetError(
                    f"{path}: the same name as {first}, expected each image with a name of its own"
                )
        read = {path.resolve() for path in (*images, *([mask] if mask else []))}
        for stem, path in stems.items():
            for ending in _ENDINGS:
                if (target := self.folder / f"{stem}{ending}").resolve() in read:
                    raise DatasetError(
                        f"{target}: would be written over by the edit of {path}, expected another --out"
                    )

    def is_done(self, stem: str, asked: Mapping[str, Any]) -> bool:
        """Whether a radiograph was edited before just as it is ``asked`` now, and all of it is there.

        :raises DatasetError: for another edit under that name, naming the first value that differs.
        """
        name = stem + _RECORD
        if not self.store.exists(name):
            return False
        found = _parsed(self.store.read(name))
        if found is None:
            raise DatasetError(f"{self.folder / name}: is no record of an edit, expected another --out")
        for key, value in _asked(asked).items():
            if found.get(key) != value:
                differing = _differing(key, found.get(key), value)
                raise DatasetError(
                    f"{self.folder / name}: is of another edit, {differing}; expected the same, or another "
                    "--out"
                )
        return all(
            self.store.exists(path) and self.store.info(path).sha256 == sha256
            for path, sha256 in found["files"].items()
        )

    def is_unchanged(self, stem: str) -> bool:
        """Whether nothing that was asked for came about in an edit that :meth:`is_done`."""
        found = _parsed(self.store.read(stem + _RECORD))
        return found is not None and UNCHANGED in found

    def write(
        self,
        edited: EditedRadiograph,
        stem: str,
        description: str,
        asked: Mapping[str, Any],
        told: Mapping[str, Any],
    ) -> None:
        """Publish an edit; its record holds what was ``asked`` and what else is ``told`` of it.

        What is counted is read back from the file that was written.

        :raises DatasetError: for what the file system refuses.
        :raises RuntimeError: when a pixel that must not change did.
        """
        original, may = edited.original, edited.changeable
        image = self.folder / f"{stem}.edited{original.output_suffix}"
        self.store.remove(stem + _RECORD)  # until all is there again
        files = {image.name: write_edited(original, edited.pixels, image, description)}
        differ = read_original(image, -(-may.size // 10**6)).pixels != original.pixels
        if outside := int((differ & ~may).sum()):
            self.store.remove(image.name)
            raise RuntimeError(f"{image}: {outside} pixels differ outside the mask, expected none")
        mask = marked(
            encode_png(may.astype(np.uint8) * 255), mark(MASKS, tool(), {"Source": original.sha256})
        )
        for ending, data in ((_MASK, mask), (_SHEET, edited.sheet)):
            files[stem + ending] = self.store.publish(stem + ending, data)
        record = {
            **_asked(asked),
            **told,
            "changed_pixels": {
                "inside_mask": int(differ.sum()),
                "outside_mask": outside,
                "mask": int(may.sum()),
                "image": may.size,
            },
            "masks": _masks(edited),
            "files": {name: info.sha256 for name, info in files.items()},
        }
        self.store.publish(stem + _RECORD, json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n")


def _asked(asked: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: what is compared later is what was read."""
    return {"version": VERSION, **json.loads(json.dumps(asked))}


def _masks(edited: EditedRadiograph) -> dict[str, Any]:
    """COCO annotations on the working image, which is the whole original resampled to a square."""
    nothing = np.zeros((len(ANATOMY), *edited.mask.shape), bool)

    def told(lesions: tuple[Lesion, ...]) -> list[dict[str, Any]]:
        seen = tuple(m for m in lesions if m.mask.any())
        return annotations(1, MaskSet(nothing, seen))

    return {
        "size": edited.mask.shape[0],
        "free": encode_rle(edited.mask),
        "removed": told(edited.removed),
        "added": told(edited.added),
    }


def _differing(key: str, found: Any, wanted: Any) -> str:
    """The first value in which two JSON values differ, by its path."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name) != wanted.get(name):
                return _differing(f"{key}.{name}", found.get(name), wanted.get(name))
    return f"{key} is {found!r}, now {wanted!r}"


def _parsed(data: bytes) -> dict[str, Any] | None:
    """A record as read; None for anything else."""
    found = parse_object(data)
    return found if found and isinstance(found.get("files"), dict) else None
