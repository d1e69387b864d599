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
from typing import Any

import numpy as np

from synth.findings import FINDING_NAMES
from synth.label_names import CHEXPERT, NIH, PADCHEST, PADCHEST_UNUSABLE, VINBIGDATA

SEX = ("F", "M")  # codes in a table's ``sex`` column
VIEW = ("PA", "AP")  # codes in a table's ``view`` column
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
        present = self.findings.any(0)
        return tuple(n for n, p in zip(FINDING_NAMES, present, strict=True) if p)

    def __len__(self) -> int:
        return len(self.findings)


def torchxrayvision_data() -> Path:
    """The ``data`` folder of the installed torchxrayvision, found without importing it (or torch)."""
    spec = find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        raise ValueError("torchxrayvision: not installed, expected its label tables")
    return Path(spec.origin).parent / "data"


@cache
def load_table(name: str) -> LabelTable:
    """One of TABLES, read once per process (about a second); ValueError when there is no such one."""
    if name not in TABLES:
        raise ValueError(f"prompts.table: {name!r}, expected one of {', '.join(TABLES)}")
    return TABLES[name]()


def _read(file: str, columns: list[str], encoded: str) -> dict[str, Any]:
    """Columns of a packed CSV as NumPy arrays; ``encoded`` as (codes, distinct strings)."""
    from pyarrow import compute, csv, string

    path = torchxrayvision_data() / file
    if not path.is_file():
        raise ValueError(f"{path}: missing, expected the label table of torchxrayvision 1.4 or newer")
    table = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            include_columns=columns,
            column_types={encoded: string()},
            strings_can_be_null=True,
        ),
    )
    out: dict[str, Any] = {c: table[c].to_numpy() for c in columns if c != encoded}
    texts = compute.fill_null(table[encoded].combine_chunks(), "").dictionary_encode()
    out[encoded] = texts.indices.to_numpy(zero_copy_only=False), texts.dictionary.to_pylist()
    return out


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


def _code(column: np.ndarray, codes: Mapping[str, int]) -> np.ndarray:
    out = np.full(len(column), -1, dtype=np.int16)
    for text, code in codes.items():
        out[column == text] = code
    return out


def _years(column: np.ndarray) -> np.ndarray:
    years = np.nan_to_num(np.asarray(column, dtype=float), nan=-1.0)
    return np.where((years >= 0) & (years <= 110), years, -1).astype(np.int16)


def _padchest() -> LabelTable:
    columns = ["StudyDate_DICOM", "PatientBirth", "PatientSex_DICOM", "Projection", "Pediatric"]
    file = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    raw = _read(file, [*columns, "Labels"], "Labels")
    codes, texts = raw["Labels"]
    labels = [[label.strip() for label in _QUOTED.findall(text)] for text in texts]
    known = np.array([bool(set(x) - PADCHEST_UNUSABLE) and "exclude" not in x for x in labels])
    rows = _rows(texts, dict(zip(texts, labels, strict=True)).__getitem__, PADCHEST)
    view = _code(raw["Projection"], {"PA": 0, "AP": 1, "AP_horizontal": 1})
    usable = (view >= 0) & (raw["Pediatric"] == "No") & known[codes]
    age = _years(raw["StudyDate_DICOM"] // 10_000 - raw["PatientBirth"])
    sex = _code(raw["PatientSex_DICOM"], {"F": 0, "M": 1})
    usable &= age >= 18
    return LabelTable("padchest", rows[codes][usable], age[usable], sex[usable], view[usable])


def _nih() -> LabelTable:
    columns = ["Patient Age", "Patient Gender", "View Position"]
    raw = _read("Data_Entry_2017_v2020.csv.gz", [*columns, "Finding Labels"], "Finding Labels")
    codes, texts = raw["Finding Labels"]
    rows = _rows(texts, lambda text: text.split("|"), NIH)
    age, view = _years(raw["Patient Age"]), _code(raw["View Position"], {"PA": 0, "AP": 1})
    usable = (age >= 18) & (view >= 0)
    sex = _code(raw["Patient Gender"], {"F": 0, "M": 1})
    return LabelTable("nih", rows[codes][usable], age[usable], sex[usable], view[usable])


def _chexpert() -> LabelTable:
    findings = sorted({label for labels in CHEXPERT.values() for label in labels})
    raw = _read("chexpert_train.csv.gz", ["Sex", "Age", "AP/PA", *findings], "AP/PA")
    codes, texts = raw["AP/PA"]
    view = np.array([VIEW.index(t) if t in VIEW else -1 for t in texts], np.int16)[codes]
    rows = np.zeros((len(view), len(FINDING_NAMES)), dtype=bool)
    for finding, labels in CHEXPERT.items():
        positive = np.any([np.asarray(raw[label], float) == 1 for label in labels], axis=0)
        rows[:, FINDING_NAMES.index(finding)] = positive
    age, sex = _years(raw["Age"]), _code(raw["Sex"], {"Female": 0, "Male": 1})
    usable = (age >= 18) & (view >= 0)
    return LabelTable("chexpert", rows[usable], age[usable], sex[usable], view[usable])


def _vinbigdata() -> LabelTable:
    raw = _read("vinbigdata-train.csv.gz", ["image_id", "rad_id", "class_name"], "class_name")
    codes, texts = raw["class_name"]
    labels = _rows(texts, lambda text: [text], VINBIGDATA)[codes]
    _, image = np.unique(raw["image_id"].astype(str), return_inverse=True)
    reader = np.unique(raw["rad_id"].astype(str), return_inverse=True)[1]
    votes: np.ndarray = np.zeros((image.max() + 1, reader.max() + 1, len(FINDING_NAMES)), bool)
    np.logical_or.at(votes, (image, reader), labels)
    rows = votes.sum(1) >= 2  # three readers per image: what most of them marked
    unknown = np.full(len(rows), -1, dtype=np.int16)
    return LabelTable("vinbigdata", rows, unknown, unknown, unknown)


#: Name to reader; the order is that of docs/prompts.md.
TABLES: dict[str, Callable[[], LabelTable]] = {
    "padchest": _padchest,
    "nih": _nih,
    "chexpert": _chexpert,
    "vinbigdata": _vinbigdata,
}
