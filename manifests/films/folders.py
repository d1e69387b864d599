"""Radiograph files in a folder, and what their DICOM headers say of the patient and the view."""

import re
from collections.abc import Iterator
from pathlib import Path

from manifests.errors import DatasetError
from manifests.films.dicom import is_dicom
from manifests.films.originals import Original
from synth.demographics import UNKNOWN, Demographics
from synth.findings import Sex, View

#: Names that end so are taken for radiographs, and told when they are none.
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".dcm", ".dicom"))

#: Defined terms of View Position (DICOM PS3.3, C.8.7.1.1.1 and C.8.11.7.1.1) that are not frontal.
_LATERAL = frozenset(("LL", "RL", "LLD", "RLD", "LATERAL", "LLO", "RLO", "RAO", "LAO", "RPO", "LPO"))
_SEXES: dict[str, Sex] = {"F": "F", "M": "M"}
_VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}


def find_radiographs(folder: Path, leave_out: Path) -> list[str]:
    """Paths of radiographs in and below ``folder``, relative to it with ``/``, sorted.

    Those of SUFFIXES, and DICOM files by their content whatever they are called. Hidden files, folders that
    are links, and what lies in ``leave_out`` are not looked at.

    :raises DatasetError: when ``folder`` is no folder, is ``leave_out``, or holds none.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: not a folder, expected one with radiographs")
    here, apart = folder.resolve(), leave_out.resolve()
    if here == apart:
        raise DatasetError(
            f"{leave_out}: is the folder of the radiographs itself, expected another to write to"
        )
    below = [p.relative_to(folder) for p in _files(folder)]
    inside = here in apart.parents
    found = [p.as_posix() for p in below if not (inside and apart in (here / p).parents)]
    if not found:
        raise DatasetError(f"{folder}: no PNG, JPEG or DICOM file in it, expected radiographs")
    return sorted(found)


def demographics(original: Original) -> Demographics:
    """Age in whole years, sex and view of a DICOM file, as far as its header tells; nothing of others."""
    header = original.header
    if header is None:
        return UNKNOWN
    age = re.fullmatch(r"(\d{3})Y", str(header.get("PatientAge") or ""))
    years = int(age[1]) if age and int(age[1]) <= 120 else None
    return Demographics(years, _SEXES.get(str(header.get("PatientSex"))), _VIEWS.get(_view(original)))


def check_frontal(original: Original) -> None:
    """:raises DatasetError: for a DICOM file whose header says that the view is not frontal."""
    if (view := _view(original)) in _LATERAL:
        raise DatasetError(f"{original.path}: ViewPosition is {view}, expected PA or AP")


def _view(original: Original) -> str:
    return "" if original.header is None else str(original.header.get("ViewPosition") or "").upper()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and (path.suffix.lower() in SUFFIXES or _holds_dicom(path)):
            yield path


def _holds_dicom(path: Path) -> bool:
    """By its first bytes; an index of a medium (DICOMDIR, PS3.10 section 8) holds no image."""
    if path.name == "DICOMDIR":
        return False
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False
