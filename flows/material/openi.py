"""Open-i's radiology reports and what their MeSH codes mean in our terms.

Open-i (Demner-Fushman et al., 2016) has 3,955 real reports with MeSH codes set by trained coders;
they ship inside torchxrayvision and are read from there at run time, never copied. docs/parser.md
says why a code maps to a finding.
"""

import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar, get_args
from xml.etree import ElementTree

from synth.findings import Severity, Side, Zone
from synth.prompts.label_tables import torchxrayvision_data

T = TypeVar("T")
_SECTIONS = ("FINDINGS", "IMPRESSION")  # the others hold questions and earlier studies
_CONSOLIDATION = {"Consolidation", "Airspace Disease", "Infiltrate", "Pneumonia"}
_THORACIC = {"lung", "hilum", "lymph nodes", "mediastinum", "pleura", "paratracheal"}
_SEVERITIES: dict[str, Severity] = {
    "borderline": "mild",
    "mild": "mild",
    "small": "mild",
    "moderate": "moderate",
    "large": "severe",
    "severe": "severe",
}
_ZONES: dict[str, Zone] = {
    "apex": "upper",
    "upper lobe": "upper",
    "hilum": "mid",
    "lingula": "mid",
    "middle lobe": "mid",
    "base": "lower",
    "lower lobe": "lower",
}


@dataclass(frozen=True)
class Report:
    """One report: its id, findings and impression as text, and its MeSH major codes."""

    uid: str
    text: str
    codes: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        """Whether it is in the half on which nothing was developed."""
        return blake2b(self.uid.encode(), digest_size=8).digest()[-1] % 2 == 1


def read_reports() -> Iterator[Report]:
    """Every indexed report with text; those that the coders left out ("No Indexing") are skipped."""
    with tarfile.open(torchxrayvision_data() / "NLMCXR_reports.tgz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name.endswith(".xml") else None
            if stream is None:
                continue
            root = ElementTree.fromstring(stream.read())
            sections = {e.get("Label"): e.text or "" for e in root.iter("AbstractText")}
            text = "\n".join(sections.get(name, "") for name in _SECTIONS).strip()
            codes = tuple(e.text or "" for e in root.findall(".//MeSH/major"))
            uid = root.find(".//uId")
            if text and codes and uid is not None and "No Indexing" not in codes:
                yield Report(uid.get("id", ""), text, codes)


def truth(codes: Sequence[str]) -> set[str]:
    """The findings that MeSH codes such as ``Opacity/lung/base/left`` stand for."""
    return {name for code in codes for name in code_findings(code)}


def code_findings(code: str) -> set[str]:
    head, *rest = (part.strip() for part in code.split("/"))
    where = set(rest)
    many = bool(where & {"scattered", "diffuse"}) or {"multiple", "bilateral"} <= where
    rules: dict[str, Callable[[], bool]] = {
        "atelectasis": lambda: head in ("Pulmonary Atelectasis", "Volume Loss"),
        "calcification": lambda: (
            head == "Calcified Granuloma" or (head == "Calcinosis" and bool(where & _THORACIC))
        ),
        "cardiomegaly": lambda: head == "Cardiomegaly" or (head == "Cardiac Shadow" and "enlarged" in where),
        "consolidation": lambda: head in _CONSOLIDATION,
        "diffuse_nodule": lambda: head == "Nodule" and many,
        "effusion": lambda: (
            head in ("Pleural Effusion", "Hydropneumothorax", "Hemothorax") or head == "Hemopneumothorax"
        ),
        "emphysema": lambda: head in ("Emphysema", "Pulmonary Emphysema", "Bullous Emphysema", "Blister"),
        "fibrosis": lambda: (
            head in ("Pulmonary Fibrosis", "Fibrosis") or (head == "Cicatrix" and "pleura" not in where)
        ),
        "fracture": lambda: head == "Fractures, Bone",
        "mass": lambda: head == "Mass",
        "nodule": lambda: (
            (head == "Nodule" and not many) or (head in ("Opacity", "Density") and "round" in where)
        ),
        "pleural_thickening": lambda: head in ("Thickening", "Cicatrix") and "pleura" in where,
        "pneumothorax": lambda: head in ("Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"),
    }
    return {name for name, rule in rules.items() if rule()}


def code_place(code: str) -> tuple[Side | None, Zone | None, Severity | None]:
    """Side, zone and severity among a code's qualifiers; None where none or several are given."""
    words = [part.strip() for part in code.split("/")[1:]]
    sides: set[Side] = {word for word in get_args(Side) if word in words}
    zones = {_ZONES[word] for word in words if word in _ZONES}
    severities = {_SEVERITIES[word] for word in words if word in _SEVERITIES}
    return _only(sides), _only(zones), _only(severities)


def _only(values: set[T]) -> T | None:
    return next(iter(values)) if len(values) == 1 else None
