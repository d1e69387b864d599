"""Judges the report parser on Open-i: ``python -m flows.evaluate_parser``.

Open-i (Demner-Fushman et al., 2016) has 3,955 real reports with MeSH codes set by trained coders;
they ship inside torchxrayvision and are read from there at run time, never copied. Reports fall
into a development and a held-out half by a hash of their id. docs/parser.md has the measured
figures and says why a code maps to a finding.
"""

import argparse
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from xml.etree import ElementTree

from synth.findings import FINDING_NAMES
from synth.label_tables import torchxrayvision_data
from synth.reports import parse

#: Below so many positives a finding's F1 says little, and it stays out of the macro average.
MIN_POSITIVES = 30
_SECTIONS = ("FINDINGS", "IMPRESSION")  # the others hold questions and earlier studies
_CONSOLIDATION = {"Consolidation", "Airspace Disease", "Infiltrate", "Pneumonia"}
_THORACIC = {"lung", "hilum", "lymph nodes", "mediastinum", "pleura", "paratracheal"}


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


@dataclass(frozen=True)
class Score:
    """Counts of one finding over a set of reports."""

    finding: str
    true_positives: int
    predicted: int
    positives: int

    @property
    def precision(self) -> float:
        """In [0, 1]; 0 where nothing was predicted."""
        return self.true_positives / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """In [0, 1]; 0 where nothing is positive."""
        return self.true_positives / self.positives if self.positives else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, in [0, 1]."""
        total = self.predicted + self.positives
        return 2 * self.true_positives / total if total else 0.0


def score(truths: Sequence[set[str]], answers: Sequence[set[str]]) -> list[Score]:
    """One score per finding, in the order of FINDING_NAMES."""
    pairs = list(zip(truths, answers, strict=True))
    return [
        Score(
            name,
            sum(name in t and name in a for t, a in pairs),
            sum(name in a for _, a in pairs),
            sum(name in t for t, _ in pairs),
        )
        for name in FINDING_NAMES
    ]


def macro_f1(scores: Sequence[Score], min_positives: int = MIN_POSITIVES) -> float:
    """Mean F1 of the findings with at least ``min_positives`` positives."""
    kept = [s.f1 for s in scores if s.positives >= min_positives]
    return sum(kept) / len(kept)


def evaluate(reports: Sequence[Report], uncertain: bool = False) -> list[Score]:
    """Scores of the parser's findings; with ``uncertain``, suspected ones count as found too."""
    answers = []
    for report in reports:
        parsed = parse(report.text)
        names = {request.name for request in parsed.findings}
        answers.append(names | set(parsed.uncertain) if uncertain else names)
    return score([truth(report.codes) for report in reports], answers)


def main() -> None:
    """Prints a table per half."""
    options = argparse.ArgumentParser(description="The report parser on Open-i's MeSH codes.")
    options.add_argument("--uncertain", action="store_true", help="count suspected findings too")
    uncertain = options.parse_args().uncertain
    reports = list(read_reports())
    halves = {
        "development": [r for r in reports if not r.held_out],
        "held out": [r for r in reports if r.held_out],
        "all": reports,
    }
    for half, chosen in halves.items():
        scores = evaluate(chosen, uncertain)
        print(f"{half}: {len(chosen)} reports")
        print(f"{'finding':20} precision  recall     F1  positives")
        for s in scores:
            line = f"{s.finding:20} {s.precision:9.3f} {s.recall:7.3f} {s.f1:6.3f} {s.positives:10d}"
            print(line if s.positives >= MIN_POSITIVES else f"{line}  (not in the mean)")
        print(f"macro-F1 over findings with {MIN_POSITIVES}+ positives: {macro_f1(scores):.3f}\n")


if __name__ == "__main__":
    main()
