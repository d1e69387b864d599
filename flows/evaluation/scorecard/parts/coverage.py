"""Does it hold what real films hold, and often enough?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import log
from typing import Any

from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import Entry, Evidence, Part, Statement, Term
from flows.evaluation.scorecard.shares import number, share
from manifests.seldom import with_mark
from manifests.selection import Seldom
from synth.findings import FINDING_NAMES, FINDINGS


def own(material: Material, _: Evidence) -> Iterable[Entry]:
    """Findings, persons and views among accepted samples; copies among themselves."""
    counts, accepted = material.index.counts, material.accepted
    yield from _findings(counts.findings, counts.seldom or {})
    for name, column, value in (("women", "sex", "F"), ("ap_views", "view", "AP")):
        known = [row[column] for row in accepted if row[column]]
        yield share(name, "manifest", known.count(value), len(known), f"accepted with a known {column}")
    if ages := [row["age"] for row in accepted if row["age"] is not None]:
        yield number("youngest", "manifest", min(ages), {"accepted with a known age": len(ages)})
        yield number("oldest", "manifest", max(ages), {"accepted with a known age": len(ages)})
    pixels = Counter(row["image_sha256"] for row in accepted)
    same = sum(pixels.values()) - len(pixels)
    yield share("identical", "SHA-256 of pixels", same, len(accepted), "accepted")
    near = material.index.near_duplicates
    yield share("near_duplicates", "anatomy expert's features", near, len(accepted), "accepted")


def _findings(findings: Mapping[str, Mapping[str, Any]], seldom: Seldom) -> Iterable[Entry]:
    accepted = {name: n["accepted"] for name, n in findings.items()}
    shown = [name for name in FINDING_NAMES if accepted.get(name)]
    yield number("findings_shown", "manifest", len(shown), {"findings that there are": len(FINDING_NAMES)})
    never = [n for n in FINDING_NAMES if findings.get(n, {}).get("asked") and n not in shown]
    if never:
        titles = {n: with_mark(n, FINDINGS[n].title, seldom) for n in never}
        told = ", ".join(f"{titles[n]} (asked for {findings[n]['asked']:,} times)" for n in never)
        yield Statement("Asked for and never accepted", told, "index.json: counts.findings")
    if absent := [n for n in FINDING_NAMES if not findings.get(n, {}).get("asked")]:
        told = ", ".join(FINDINGS[n].title for n in absent)
        yield Statement("Never asked for", told, "index.json: counts.findings")
    if not shown:
        return
    rarest = min(shown, key=lambda n: accepted[n])
    note = with_mark(rarest, FINDINGS[rarest].title, seldom)
    yield number("rarest_finding", "manifest", accepted[rarest], {"findings shown": len(shown)}, note)
    total = sum(accepted[n] for n in shown)
    evenness = -sum(accepted[n] / total * log(accepted[n] / total) for n in shown) / log(len(FINDING_NAMES))
    yield number("finding_evenness", "manifest", evenness, {"labels": total})


PART = Part(
    name="coverage",
    question="Does the dataset hold the variety of real radiographs: findings, persons, and how they look?",
    reading=(
        "Recall and coverage say how much of the real films' variety is met, beside their floor. More "
        "variety is better only as long as precision (congruence) does not fall. What a build never shows "
        "nobody can learn from it: look at the findings before the means."
    ),
    terms=(
        Term(
            "recall",
            "Recall",
            "evaluation",
            "Of real films inside the synthetic ones' space.",
            "higher",
            "unit",
        ),
        Term(
            "coverage",
            "Coverage",
            "evaluation",
            "Of real films with a synthetic neighbour.",
            "higher",
            "unit",
        ),
        Term(
            "ms_ssim",
            "MS-SSIM between synthetic films",
            "evaluation",
            "Alike among themselves; compare with the floor.",
        ),
        Term(
            "findings_shown",
            "Findings with an accepted sample",
            "build",
            "Of the 13 of the vocabulary.",
            "higher",
        ),
        Term("rarest_finding", "Samples of the rarest finding shown", "build", "Few teach little.", "higher"),
        Term(
            "finding_evenness",
            "Evenness of findings",
            "build",
            "Entropy of the label counts as a share of that of 13 equal ones.",
            "",
            "unit",
        ),
        Term("women", "Women", "build", "Of those whose sex was said.", "", "share"),
        Term("ap_views", "AP views", "build", "Of those whose view was said.", "", "share"),
        Term("youngest", "Youngest, years", "build", "As the prompt says."),
        Term("oldest", "Oldest, years", "build", "As the prompt says."),
        Term(
            "identical",
            "Images equal to another, pixel by pixel",
            "build",
            "All but the first of each.",
            "lower",
            "share",
        ),
        Term(
            "near_duplicates",
            "Images that resemble one of an earlier shard",
            "build",
            "By the near-duplicate filter's threshold; near_duplicates.parquet lists them.",
            "lower",
            "share",
        ),
    ),
    own=own,
)
