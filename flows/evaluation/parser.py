"""Judges the report parser on Open-i: ``synthorax evaluate parser``.

Reports fall into a development and a held-out half by a hash of their id. docs/parser.md has the
measured figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.material.openi import Report, code_findings, code_place, read_reports, truth
from synth.findings import FINDING_NAMES
from synth.prompts.reports import parse

#: Below so many positives a finding's F1 says little, and it stays out of the macro average.
MIN_POSITIVES = 30


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


def place_agreement(reports: Sequence[Report]) -> dict[str, tuple[int, int]]:
    """How often side, zone and severity agree, of how often both sides state one: findings that one
    code and one request of the same report name, each once.
    """
    counts = {field: [0, 0] for field in ("side", "zone", "severity")}
    for report in reports:
        requests = parse(report.text).findings
        for name in {request.name for request in requests}:
            asked = [(r.side, r.zone, r.severity) for r in requests if r.name == name]
            coded = [code_place(code) for code in report.codes if name in code_findings(code)]
            if len(asked) == len(coded) == 1:
                for field, mine, theirs in zip(counts, asked[0], coded[0], strict=True):
                    if mine and theirs:
                        counts[field][0] += mine == theirs
                        counts[field][1] += 1
    return {field: (agree, both) for field, (agree, both) in counts.items()}


def evaluate_parser(uncertain: bool) -> None:
    """Prints a table per half; with ``uncertain`` suspected findings count too."""
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
        print(f"macro-F1 over findings with {MIN_POSITIVES}+ positives: {macro_f1(scores):.3f}")
        for field, (agree, both) in place_agreement(chosen).items():
            print(f"{field}: the same in {agree} of {both} where both state one ({agree / both:.3f})")
        print()
