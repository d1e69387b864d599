"""Whether a DICOM file is a plain radiograph of the chest that may be looked at, by what its header says.

What is not known to be one is refused by the name of its tag: a CT's slice, a tomogram or a hand looks enough
like a film to be edited. Tags and terms are those of DICOM PS3.3; what real headers hold besides (7,469 of
Open-i, 160,861 of PadChest) is understood too.
"""

import re
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    MediaStorageDirectoryStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from manifests.errors import DatasetError

_CLASSES: Final = frozenset(
    (
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        SecondaryCaptureImageStorage,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    )
)
#: Defined terms of Modality (C.7.3.1.1.1) that a plain film may have: radiographs, digitised or captured.
_MODALITIES: Final = frozenset(("CR", "DX", "DR", "RG", "XR", "OT", "SC", "HC"))
#: What says nothing of a body part or view.
SILENT: Final = frozenset(("", "UNKNOWN", "OTHER", "NONE", "UNDEFINED", "UNSPECIFIED", "NA", "GENERICA"))
#: Words, in capitals, that name the chest in Body Part Examined and in codes' meanings.
_CHEST: Final = re.compile(
    r"CHEST|THORAX|TORAX|TÓRAX|TORACE|PECHO|BRUSTKORB|LUNG|PULMO|POUMON|\bRIBS?\b|HEART|MEDIASTINUM|胸"
)
#: What may hold such a word and is another part.
_OTHER_PART: Final = re.compile(r"SPINE|VERTEBRA|BREAST|ARM\b|SHOULDER")
#: Codes of the chest, and of a postero-anterior view, that are older than the standard's present ones.
_OLDER: Final = {"T-D3000": "CHEST", "51185008": "CHEST", "R-10214": "POSTERO ANTERIOR"}


def check_kind(path: Path, header: Dataset) -> None:
    """:raises DatasetError: for a header that is of no plain radiograph of the chest, or of raw data."""
    _check_class(path, header)
    if str(header.get("PresentationIntentType") or "").strip().upper() == "FOR PROCESSING":
        raise DatasetError(
            f"{path}: PresentationIntentType is FOR PROCESSING, expected FOR PRESENTATION: raw detector "
            "values are no film yet"
        )
    modality = words_of(header.get("Modality"))
    if modality and modality not in _MODALITIES:
        raise DatasetError(f"{path}: Modality is {modality}, expected CR, DX or another of plain films")
    _check_part(path, "BodyPartExamined", words_of(header.get("BodyPartExamined")))
    for item in header.get("AnatomicRegionSequence") or ():
        _check_part(path, "AnatomicRegionSequence", coded(item, 4031))


def words_of(value: object) -> str:
    """A tag's text in capitals with single spaces in the place of signs; several values one after another."""
    text = " ".join(map(str, value)) if isinstance(value, MultiValue) else str(value or "")
    return " ".join(re.sub(r"[\s_\\/,;:.+-]+", " ", text.upper()).split())


def coded(item: Dataset, group: int) -> str:
    """What an item of a code sequence means, in the words of :func:`words_of`: by its value where context
    group ``group`` (PS3.16) has that, else as it says itself."""
    value, scheme = str(item.get("CodeValue") or ""), str(item.get("CodingSchemeDesignator") or "")
    if value in _OLDER:
        return _OLDER[value]
    code = Code(value, "SRT" if scheme in ("SNM3", "99SDM") else scheme, "")
    known = getattr(codes, f"cid{group}")
    found = next((c for name in known.dir() if (c := getattr(known, name)) == code), None)
    return words_of(found.meaning if found is not None else item.get("CodeMeaning") or value)


def _check_class(path: Path, header: Dataset) -> None:
    found = header.get("SOPClassUID")
    if not found:
        raise DatasetError(f"{path}: no SOPClassUID, expected one in a DICOM radiograph")
    if found == MediaStorageDirectoryStorage:
        raise DatasetError(f"{path}: is a DICOMDIR, an index without pixels, expected the images it lists")
    if found == DigitalXRayImageStorageForProcessing:
        raise DatasetError(
            f"{path}: SOPClassUID is {found.name}, expected for presentation: raw detector values are no "
            "film yet"
        )
    if found not in _CLASSES:
        name = UID(str(found)).name
        raise DatasetError(
            f"{path}: SOPClassUID is {name}, expected computed or digital radiography, or secondary capture"
        )


def _check_part(path: Path, tag: str, part: str) -> None:
    if part in SILENT or (_CHEST.search(part) and not _OTHER_PART.search(part)):
        return
    raise DatasetError(f"{path}: {tag} is {part}, expected CHEST")
