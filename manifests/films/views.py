"""From which side a DICOM header says that a film was taken: only frontal ones, right way round, are used."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset

from manifests.errors import DatasetError
from manifests.films.kinds import SILENT, coded, words_of
from manifests.films.originals import Original
from synth.findings import View

#: Words of a view, in capitals, that name a frontal one, and which.
_FRONTAL: Final[dict[str, View | None]] = {
    "PA": "PA",
    "AP": "AP",
    "POSTEROANTERIOR": "PA",
    "POSTERO ANTERIOR": "PA",
    "ANTEROPOSTERIOR": "AP",
    "ANTERO POSTERIOR": "AP",
    "FRONTAL": None,
}
#: Words that may stand beside those: how the patient stood or lay, and what was done to the film.
_BESIDE: Final = frozenset(
    (
        "ERECT",
        "UPRIGHT",
        "STANDING",
        "SUPINE",
        "SITTING",
        "SEMI",
        "SEMIERECT",
        "SEMIUPRIGHT",
        "PORTABLE",
        "PORT",
        "MOBILE",
        "BED",
        "BEDSIDE",
        "CHEST",
        "THORAX",
        "LUNG",
        "HORIZONTAL",
        "VERTICAL",
        "INSPIRATION",
        "EXPIRATION",
        "INSP",
        "EXP",
        "GRID",
        "NON",
        "VIEW",
        "PROJECTION",
    )
)
#: Words in descriptions that are of a view that is not frontal.
_SIDEWAYS: Final = frozenset(
    (
        "LAT",
        "LATERAL",
        "LL",
        "RL",
        "LLAT",
        "RLAT",
        "LATERALE",
        "LATERALIS",
        "SEITLICH",
        "PROFIL",
        "PROFILE",
        "DECUB",
        "DECUBITUS",
        "LLD",
        "RLD",
        "OBLIQUE",
        "OBLIQUA",
        "OBLICUA",
        "OBL",
        "RAO",
        "LAO",
        "RPO",
        "LPO",
        "LLO",
        "RLO",
        "XTABLE",
        "CROSSTABLE",
        "LORDOTIC",
        "TANGENTIAL",
    )
)
#: Free texts of one image or series, asked where no tag of its own tells the view; a study's are of all
#: its films.
_DESCRIPTIONS: Final = (
    "ImageType",
    "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription",
    "ImageComments",
)


def check_frontal(original: Original) -> None:
    """:raises DatasetError: for a DICOM file whose header says that the film is not frontal, or mirrored."""
    header, path = original.header, original.path
    if header is None:
        return
    said = False
    for tag, text in _views(header):
        if text not in SILENT:
            said = True
            if not _is_frontal(text):
                raise DatasetError(f"{path}: {tag} is {text}, expected PA or AP")
    _check_orientation(path, header)
    if not said:
        _check_descriptions(path, header)


def view_of(header: Dataset) -> View | None:
    """PA or AP, as far as the header tells."""
    for _, text in _views(header):
        if _is_frontal(text) and (view := _named(text)):
            return view
    return None


def _views(header: Dataset) -> Iterator[tuple[str, str]]:
    """What the tags of a view say, by their names."""
    yield "ViewPosition", words_of(header.get("ViewPosition"))
    for item in header.get("ViewCodeSequence") or ():
        yield "ViewCodeSequence", coded(item, 4010)
        if _SIDEWAYS & set((meaning := words_of(item.get("CodeMeaning"))).split()):
            yield "ViewCodeSequence", meaning  # whatever its value says
        for modifier in item.get("ViewModifierCodeSequence") or ():
            yield "ViewModifierCodeSequence", coded(modifier, 4011)


def _is_frontal(text: str) -> bool:
    """Whether a text names a frontal view, or only what may stand beside one."""
    for phrase in _FRONTAL:
        text = " ".join(f" {text} ".replace(f" {phrase} ", " ").split())
    return all(word in _BESIDE for word in text.split())


def _named(text: str) -> View | None:
    return next((view for phrase, view in _FRONTAL.items() if view and f" {phrase} " in f" {text} "), None)


def _check_orientation(path: Path, header: Dataset) -> None:
    """Patient Orientation (C.7.6.1.1.1): rows run to the patient's left, columns to the feet."""
    value = header.get("PatientOrientation")
    if not value or isinstance(value, str) or len(value) != 2:
        return
    rows, columns = (str(v).strip().upper() for v in value)
    if rows and columns and (rows[0], columns[0]) != ("L", "F"):
        raise DatasetError(
            f"{path}: PatientOrientation is {rows}\\{columns}, expected L\\F: a frontal film, the patient's "
            "right on the left"
        )


def _check_descriptions(path: Path, header: Dataset) -> None:
    for tag in _DESCRIPTIONS:
        text = words_of(header.get(tag))
        if _SIDEWAYS & set(text.split()) and not _named(text) and "FRONTAL" not in text:
            raise DatasetError(f"{path}: {tag} is {text}, expected a frontal view")
