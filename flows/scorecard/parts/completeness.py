"""Is all there that a task needs?"""

from collections.abc import Iterable

from flows.scorecard.material import Material
from flows.scorecard.part import Entry, Evidence, Part, Statement, Term
from flows.scorecard.shares import share


def own(material: Material, _: Evidence) -> Iterable[Entry]:
    """Labels and fields of accepted samples, members, candidates that could not be made."""
    accepted, seen, counts = material.accepted, material.pictures, material.index.counts
    known = [row["complete"] for row in accepted if "complete" in row]
    note = "" if known else "the build is of a version that did not record it"
    yield share("label_complete", "manifest", sum(known), len(known), "accepted", note=note)
    parsed = sum(not row["unparsed"] for row in accepted)
    yield share("prompt_parsed", "manifest", parsed, len(accepted), "accepted")
    for name in ("age", "sex", "view"):
        there = sum(row[name] is not None for row in accepted)
        yield share(f"{name}_known", "manifest", there, len(accepted), "accepted")
    requests = [finding for row in accepted for finding in row["findings"]]
    for name in ("side", "zone", "severity"):
        there = sum(finding[name] is not None for finding in requests)
        yield share(f"{name}_known", "manifest", there, len(requests), "requested findings")
    whole = seen.samples - seen.missing["member"]
    yield share("members", "tars", whole, seen.samples, "samples opened")
    yield share("anatomy", "masks", whole - seen.missing["anatomy"], whole, "samples opened")
    yield share("failed", "manifest", counts.failed, counts.candidates, "candidates")
    sizes = ", ".join(f"{w} x {h}" for w, h in counts.sizes)
    yield Statement("Size of images", f"{sizes} pixels", "index.json: counts.sizes")


PART = Part(
    name="completeness",
    question="Is everything there that a task needs, and does a model learn the task from it?",
    reading=(
        "Shares of fields that are filled; a field that was not asked for is left open on purpose and is "
        "not a fault. Whether what is there suffices is decided by training on it and testing on real "
        "patients: read the paired difference of real + synthetic against real alone, and whether its "
        "interval leaves zero. The paper names no place for this; here it stands where the task's needs are."
    ),
    terms=(
        Term(
            "ap50",
            "Detection on real films (AP50)",
            "downstream",
            "Each group is an arm of training.",
            "higher",
            True,
        ),
        Term(
            "map",
            "Detection on real films (mAP)",
            "downstream",
            "Each group is an arm of training.",
            "higher",
            True,
        ),
        Term(
            "dice",
            "Segmentation on real films (Dice)",
            "downstream",
            "Each group is an arm of training.",
            "higher",
            True,
        ),
        Term(
            "auroc",
            "Classification on real films (AUROC)",
            "downstream",
            "Each group is an arm.",
            "higher",
            True,
        ),
        Term(
            "label_complete",
            "Samples whose labels are all that the text says",
            "build",
            "Of the others what is left open is unknown, not absent.",
            "higher",
            True,
        ),
        Term("prompt_parsed", "Prompts understood to the last word", "build", "", "higher", True),
        Term("age_known", "Age said", "build", "", "", True),
        Term("sex_known", "Sex said", "build", "", "", True),
        Term("view_known", "View said", "build", "", "", True),
        Term("side_known", "Side of a finding said", "build", "", "", True),
        Term("zone_known", "Zone of a finding said", "build", "", "", True),
        Term("severity_known", "Severity of a finding said", "build", "", "", True),
        Term("members", "Samples with image, anatomy, lesions and labels", "build", "", "higher", True),
        Term("anatomy", "Samples with all five structures masked", "build", "", "higher", True),
        Term(
            "failed",
            "Candidates that could not be made",
            "build",
            "The same build tries them again.",
            "lower",
            True,
        ),
    ),
    own=own,
    takes=("downstream",),
)
