"""Real label tables, read where the installed torchxrayvision keeps them and never copied.

One row is one frontal radiograph of an adult: which of the 13 findings its reader reported, and the
patient's age and sex and the view, so that sampling rows samples all of these jointly. Sources:
PadChest (Bustos et al., 2020), NIH ChestX-ray14 (Wang et al., 2017), CheXpert (Irvin et al., 2019),
VinBigData (Nguyen et al., 2022). docs/prompts.md compares them and says which to choose.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from synth.errors import UserError
from synth.findings import FINDING_NAMES, Sex, View
from synth.prompts.label_names import CHEXPERT, NIH, PADCHEST, PADCHEST_UNUSABLE, VINBIGDATA

SEX: tuple[Sex, ...] = ("F", "M")  # codes in a table's ``sex`` column
VIEW: tuple[View, ...] = ("PA", "AP")  # codes in a table's ``view`` column
ADULT = 18  # years; the anatomy and the radiographs learned from are adults' too
Coded = tuple[np.ndarray, list[str]]  # an index per row into distinct strings
_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True)
class LabelTable:
    """``findings``: (rows, 13) bool, columns as FINDING_NAMES. The others have one int16 per row,
    -1 where unknown: ``age`` in years, ``sex`` and ``view`` as an index into SEX and VIEW.
    """

    name: str
    findings: np.ndarray = field(repr=False)
    age: np.ndarray = field(repr=False)
    sex: np.ndarray = field(repr=False)
    view: np.ndarray = field(repr=False)

    @property
    def labelled(self) -> tuple[str, ...]:
        """The findings that occur in this table at all."""
        return tuple(FINDING_NAMES[i] for i in np.flatnonzero(self.findings.any(0)))

    def __len__(self) -> int:
        return len(self.findings)


def torchxrayvision_data() -> Path:
    """The ``data`` folder of the installed torchxrayvision, found without importing it."""
    spec = find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        raise UserError("torchxrayvision: not installed, expected its label tables")
    return Path(spec.origin).parent / "data"


@cache
def load_table(name: str) -> LabelTable:
    """One of TABLES, read once per process (about a second); unknown ones raise."""
    if name not in TABLES:
        raise UserError(f"prompts.table: {name!r}, expected one of {', '.join(TABLES)}")
    return TABLES[name]()


def _read(file: str, *columns: str) -> dict[str, Coded]:
    """Columns of a packed CSV, each as (codes, distinct strings); missing values are "".

    Strings stay coded because turning 160,000 of them into Python objects takes longer than
    everything else, and so does the import of pandas that pyarrow's own conversions entail.
    """
    from pyarrow import csv, string

    path = torchxrayvision_data() / file
    if not path.is_file():
        raise UserError(f"{path}: missing, expected a label table of torchxrayvision 1.4 or newer")
    options = csv.ConvertOptions(include_columns=list(columns), column_types=dict.fromkeys(columns, string()))
    parse = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(path, parse_options=parse, convert_options=options)
    arrays = {column: table[column].combine_chunks().dictionary_encode() for column in columns}
    return {c: (np.from_dlpack(a.indices), a.dictionary.to_pylist()) for c, a in arrays.items()}


def _rows(
    texts: list[str], split: Callable[[str], list[str]], names: Mapping[str, tuple[str, ...]]
) -> np.ndarray:
    """(texts, 13) bool: which findings the labels of each text stand for."""
    columns: dict[str, list[int]] = {}
    for finding, labels in names.items():
        for label in labels:
            columns.setdefault(label, []).append(FINDING_NAMES.index(finding))
    rows = np.zeros((len(texts), len(FINDING_NAMES)), dtype=bool)
    for row, text in zip(rows, texts, strict=True):
        for label in split(text):
            row[columns.get(label, [])] = True
    return rows


def _code(column: Coded, codes: Mapping[str, int]) -> np.ndarray:
    indices, texts = column
    return np.array([codes.get(text, -1) for text in texts], dtype=np.int16)[indices]


def _number(column: Coded) -> np.ndarray:
    indices, texts = column
    return np.array([float(text) if text[:1].isdigit() else -1 for text in texts])[indices]


def _years(age: np.ndarray) -> np.ndarray:
    return np.where((age >= 0) & (age <= 110), age, -1).astype(np.int16)


def _padchest() -> LabelTable:
    raw = _read(
        "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz",
        *("Labels", "PatientSex_DICOM", "Projection", "Pediatric"),
        *("StudyDate_DICOM", "PatientBirth"),
    )
    codes, strings = raw["Labels"]
    labels = [[label.strip() for label in _QUOTED.findall(s)] for s in strings]
    known = np.array([bool(set(x) - PADCHEST_UNUSABLE) and "exclude" not in x for x in labels])
    findings = _rows(strings, dict(zip(strings, labels, strict=True)).__getitem__, PADCHEST)
    view = _code(raw["Projection"], {"PA": 0, "AP": 1, "AP_horizontal": 1})
    sex = _code(raw["PatientSex_DICOM"], {"F": 0, "M": 1})
    adult = _code(raw["Pediatric"], {"No": 1}) == 1
    age = _years(_number(raw["StudyDate_DICOM"]) // 10_000 - _number(raw["PatientBirth"]))
    usable = known[codes] & adult & (age >= ADULT) & (view >= 0)
    return LabelTable("padchest", *(x[usable] for x in (findings[codes], age, sex, view)))


def _nih() -> LabelTable:
    raw = _read(
        "Data_Entry_2017_v2020.csv.gz",
        *("Finding Labels", "Patient Gender", "View Position", "Patient Age"),
    )
    codes, strings = raw["Finding Labels"]
    findings = _rows(strings, lambda labels: labels.split("|"), NIH)[codes]
    view = _code(raw["View Position"], {"PA": 0, "AP": 1})
    sex = _code(raw["Patient Gender"], {"F": 0, "M": 1})
    age = _years(_number(raw["Patient Age"]))
    usable = (age >= ADULT) & (view >= 0)
    return LabelTable("nih", *(x[usable] for x in (findings, age, sex, view)))


def _chexpert() -> LabelTable:
    labels = sorted({label for labels in CHEXPERT.values() for label in labels})
    raw = _read("chexpert_train.csv.gz", "Sex", "AP/PA", "Age", *labels)
    age = _years(_number(raw["Age"]))
    findings = np.zeros((len(age), len(FINDING_NAMES)), dtype=bool)
    for finding, names in CHEXPERT.items():  # 1 is positive, 0 negative, -1 uncertain
        positive = np.any([_number(raw[name]) == 1 for name in names], axis=0)
        findings[:, FINDING_NAMES.index(finding)] = positive
    view = _code(raw["AP/PA"], {"PA": 0, "AP": 1})
    sex = _code(raw["Sex"], {"Female": 0, "Male": 1})
    usable = (age >= ADULT) & (view >= 0)
    return LabelTable("chexpert", *(x[usable] for x in (findings, age, sex, view)))


def _vinbigdata() -> LabelTable:
    raw = _read("vinbigdata-train.csv.gz", "image_id", "rad_id", "class_name")
    (image, images), (reader, readers) = raw["image_id"], raw["rad_id"]
    codes, strings = raw["class_name"]
    votes = np.zeros((len(images), len(readers), len(FINDING_NAMES)), dtype=bool)
    np.logical_or.at(votes, (image, reader), _rows(strings, lambda s: [s], VINBIGDATA)[codes])
    findings = votes.sum(1) >= 2  # three readers per image: what most of them marked
    unknown = np.full(len(findings), -1, dtype=np.int16)
    return LabelTable("vinbigdata", findings, unknown, unknown, unknown)


#: Name to reader; the order is that of docs/prompts.md.
TABLES: dict[str, Callable[[], LabelTable]] = {
    "padchest": _padchest,
    "nih": _nih,
    "chexpert": _chexpert,
    "vinbigdata": _vinbigdata,
}
