"""Radiograph files in a folder, and which other images lie there."""

from collections.abc import Iterator
from pathlib import Path

from manifests.errors import DatasetError
from manifests.films.dicom import is_dicom

#: Names that end so are taken for radiographs, and told when they are none.
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".dcm", ".dicom"))
#: Names of images that are not read, and so are counted.
_OTHERS = frozenset(
    (
        *(".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".j2k", ".jpx", ".pgm", ".ppm", ".heic", ".avif"),
        *(".npy", ".npz", ".raw", ".nii", ".mha", ".mhd", ".nrrd", ".svs"),
    )
)
#: An index of a medium (DICOMDIR, PS3.10 section 8) holds no image.
_INDEX = "DICOMDIR"


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
        others = f" ({told})" if (told := other_images(folder, leave_out)) else ""
        raise DatasetError(f"{folder}: no PNG, JPEG or DICOM file in it{others}, expected radiographs")
    return sorted(found)


def other_images(folder: Path, leave_out: Path) -> str:
    """A phrase that counts, by suffix, the images that :func:`find_radiographs` leaves out for their format
    (a DICOMDIR by its name); empty where there are none."""
    here, apart = folder.resolve(), leave_out.resolve()
    inside = here in apart.parents
    names = []
    for path in _visible(folder):
        name = path.name if path.name == _INDEX else path.suffix.lower()
        if (name in _OTHERS or name == _INDEX) and not (inside and apart in path.resolve().parents):
            names.append(name)
    counts = ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names)))
    return f"{len(names)} images of other formats are not read: {counts}" if names else ""


def _visible(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _files(folder: Path) -> Iterator[Path]:
    for path in _visible(folder):
        if path.suffix.lower() in SUFFIXES or _holds_dicom(path):
            yield path


def _holds_dicom(path: Path) -> bool:
    """By its first bytes."""
    if path.name == _INDEX:
        return False
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False
