"""Is all there that a task needs?"""

from collections.abc import Iterable

from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import Entry, Evidence, Part, Statement, Term
from flows.evaluation.scorecard.shares import share


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


_ARM = "Each group is an arm of training: on which films, and from which weights."
_DIFFERENCE = "Of two arms on the same test films: above 0 with all of its interval, the first is better."

PART = Part(
    name="completeness",
    question="Is everything there that a task needs, and does a model learn the task from it?",
    reading=(
        "Shares of fields that are filled; one that was not asked for is left open on purpose and is no "
        "fault. Whether what is there suffices is decided by training on it and testing on real patients: "
        "read the difference of real + synthetic against real alone, and whether all of its interval is "
        "above zero. None of the seven criteria is named for this; it stands here, where the task's needs "
        "are."
    ),
    terms=(
        Term("ap50*difference", "Difference in detection (AP50)", "downstream", _DIFFERENCE, "higher"),
        Term("ap50*", "Detection on real films (AP50)", "downstream", _ARM, "higher", "unit"),
        Term("map*difference", "Difference in detection (mAP)", "downstream", _DIFFERENCE, "higher"),
        Term("map*", "Detection on real films (mAP)", "downstream", _ARM, "higher", "unit"),
        Term("dice*difference", "Difference in segmentation (Dice)", "downstream", _DIFFERENCE, "higher"),
        Term("dice*", "Segmentation on real films (Dice)", "downstream", _ARM, "higher", "unit"),
        Term("auroc*difference", "Difference in classification (AUROC)", "downstream", _DIFFERENCE, "higher"),
        Term("auroc*", "Classification on real films (AUROC)", "downstream", _ARM, "higher", "unit"),
        Term(
            "label_complete",
            "Samples whose labels are all that the text says",
            "build",
            "Of the others what is left open is unknown, not absent.",
            "higher",
            "share",
        ),
        Term("prompt_parsed", "Prompts understood to the last word", "build", "", "higher", "share"),
        Term("age_known", "Age said", "build", "", "", "share"),
        Term("sex_known", "Sex said", "build", "", "", "share"),
        Term("view_known", "View said", "build", "", "", "share"),
        Term("side_known", "Side of a finding said", "build", "", "", "share"),
        Term("zone_known", "Zone of a finding said", "build", "", "", "share"),
        Term("severity_known", "Severity of a finding said", "build", "", "", "share"),
        Term("members", "Samples with image, anatomy, lesions and labels", "build", "", "higher", "share"),
        Term("anatomy", "Samples with all five structures masked", "build", "", "higher", "share"),
        Term(
            "failed",
            "Candidates that could not be made",
            "build",
            "The same build tries them again.",
            "lower",
            "share",
        ),
    ),
    own=own,
    takes=("downstream",),
)
