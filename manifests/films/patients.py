"""What a DICOM header says of the patient: age, sex and view; and what it says that is not understood."""

import re
from typing import Final

from pydicom.dataset import Dataset

from manifests.films.originals import Original
from manifests.films.views import view_of
from synth.demographics import UNKNOWN, Demographics
from synth.findings import Sex

_AGE: Final = re.compile(r"(\d{1,3})\s*(Y|M|W|D|)(?:EARS?|RS?|O|ONTHS?|EEKS?|AYS?)?(?: OLD)?")
#: Units of Patient's Age (PS3.5, representation AS) in a year; headers without one mean years.
_IN_A_YEAR: Final = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}
_OLDEST: Final = 120
#: O is the standard's "other": known, and neither F nor M.
_SEXES: Final[dict[str, Sex | None]] = {
    "F": "F",
    "FEMALE": "F",
    "M": "M",
    "MALE": "M",
    "O": None,
    "OTHER": None,
    "U": None,
    "UNKNOWN": None,
    "": None,
}


def demographics(original: Original) -> Demographics:
    """Age in whole years, sex and view of a DICOM file, as far as its header tells; nothing of others."""
    header = original.header
    if header is None:
        return UNKNOWN
    return Demographics(_age(header), _SEXES.get(_text(header, "PatientSex")), view_of(header))


def not_understood(original: Original) -> tuple[str, ...]:
    """One phrase for each tag of the patient whose value is taken as unknown though it says something."""
    header, phrases = original.header, []
    if header is None:
        return ()
    if (age := _text(header, "PatientAge")) and _age(header) is None:
        phrases.append(f"PatientAge is {age!r}, expected 0 to {_OLDEST} years, as 058Y: taken as unknown")
    if (sex := _text(header, "PatientSex")) not in _SEXES:
        phrases.append(f"PatientSex is {sex!r}, expected F, M or O: taken as unknown")
    return tuple(phrases)


def _age(header: Dataset) -> int | None:
    found = _AGE.fullmatch(_text(header, "PatientAge"))
    if found is None:
        return None
    years = int(found[1]) // _IN_A_YEAR[found[2]]
    return years if years <= _OLDEST else None


def _text(header: Dataset, tag: str) -> str:
    return str(header.get(tag) or "").strip().upper()
