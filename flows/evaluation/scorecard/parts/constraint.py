"""Does it keep to what anatomy, prompts and the filters' rules allow?"""

from collections.abc import Iterable

from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import Entry, Evidence, Part, Statement, Term
from flows.evaluation.scorecard.pictures import HOMES
from flows.evaluation.scorecard.shares import clustered_mean, share


def own(material: Material, _: Evidence) -> Iterable[Entry]:
    """Masks inside their anatomy, requests drawn as asked, labels that nobody decided, ends of the range."""
    seen = material.pictures
    for region, values in seen.inside.items():
        yield clustered_mean(
            "lesion_inside", f"masks: {HOMES[region]}", values, "lesions", f"region={region}"
        )
    for region, values in seen.inside.items():
        flat = [v for image in values for v in image]
        outside = sum(v < 0.5 for v in flat)
        yield share(
            "lesion_outside", f"masks: {HOMES[region]}", outside, len(flat), "lesions", f"region={region}"
        )
    for name, counts in seen.requests.items():
        what = f"requests with a {name}" if name != "finding" else "requests"
        yield share(f"{name}_drawn", "masks", counts["drawn"], counts["asked"], what)
    undecided = sum(material.index.counts.undecided.values())
    asked = sum(n["asked"] for n in material.index.counts.findings.values())
    named = ", ".join(n.replace("_", " ") for n in material.index.counts.undecided)
    yield share("undecided", "manifest", undecided, asked, "labels asked for", note=named)
    yield clustered_mean("clipped", "pixels", [[v] for v in seen.clipped], "samples")
    filters = (material.config.get("filters") or {}).items()
    if off := [n for n, f in filters if isinstance(f, dict) and f.get("enabled") is False]:
        yield Statement("Filters that were off", ", ".join(off), "build.json: config.filters")


_READERS = "Hold it against the readers' figure of real films."
_FLOOR = "The readers' own floor."

PART = Part(
    name="constraint",
    question="Do images and labels keep to the rules of anatomy and of what was asked for?",
    reading=(
        "Masks are checked by their geometry alone: a mask in its place does not say that its lesion can be "
        "seen there. That is what the evaluators' figures and the readers' are for, whose networks and eyes "
        "decided nothing in the build."
    ),
    terms=(
        Term(
            "lungs_dice",
            "Lungs where their mask says (Dice)",
            "evaluation",
            "By an evaluator's outline.",
            "higher",
            "unit",
        ),
        Term(
            "requested_auroc",
            "Requested findings seen (AUROC)",
            "evaluation",
            "0.5 is chance.",
            "higher",
            "unit",
        ),
        Term(
            "pointing",
            "Findings seen inside their mask",
            "evaluation",
            "The evaluator's maximum lies in the mask.",
            "higher",
            "share",
        ),
        Term("attribute_*", "Age, sex and view as asked for", "evaluation", "By the attributes' evaluator."),
        Term("sensitivity", "Requested findings that readers see", "study", _READERS, "higher", "share"),
        Term("sensitivity_real", "The same of real films' labels", "study", _FLOOR, "", "share"),
        Term(
            "specificity", "Findings not asked for that no reader sees", "study", _READERS, "higher", "share"
        ),
        Term("specificity_real", "The same of real films' labels", "study", _FLOOR, "", "share"),
        Term("useful", "Outlines that readers call useful", "study", _READERS, "higher", "share"),
        Term("useful_real", "Radiologists' boxes that readers call useful", "study", _FLOOR, "", "share"),
        Term("partly_useful", "Outlines at least partly useful", "study", _READERS, "higher", "share"),
        Term(
            "partly_useful_real", "Radiologists' boxes at least partly useful", "study", _FLOOR, "", "share"
        ),
        Term(
            "lesion_inside",
            "Area of a lesion inside its structure",
            "build",
            "Fluid and thickening may reach beyond the aerated lung.",
            "higher",
            "share",
        ),
        Term(
            "lesion_outside",
            "Lesions mostly outside their structure",
            "build",
            "More than half of it.",
            "lower",
            "share",
        ),
        Term("finding_drawn", "Requested findings with a mask", "build", "", "higher", "share"),
        Term(
            "side_drawn",
            "Drawn on the requested side",
            "build",
            "By the centre of all its lesions.",
            "higher",
            "share",
        ),
        Term(
            "zone_drawn",
            "Drawn in the requested zone",
            "build",
            "By the centre of all its lesions.",
            "higher",
            "share",
        ),
        Term(
            "undecided",
            "Labels that no filter decided by",
            "build",
            "The experts do not speak of it, or could not tell it on real films.",
            "lower",
            "share",
        ),
        Term(
            "clipped",
            "Pixels at either end of the range",
            "build",
            "Black or white without detail.",
            "lower",
            "share",
        ),
    ),
    own=own,
)
