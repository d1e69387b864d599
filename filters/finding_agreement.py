"""Does the radiograph show the prompted findings and no others?"""

from filters.experts.opinion import Opinion
from filters.filter import Calibration, Evidence, Filter
from filters.verdicts import Score, rounded
from synth.cases import Candidate

#: Findings that always are a lung opacity: prompted, they claim "opacity" too.
OPAQUE = frozenset(("atelectasis", "consolidation", "effusion"))
_OPACITY = "opacity"


def claims(candidate: Candidate, opinion: Opinion) -> dict[str, bool]:
    """What the case claims of each finding that the expert speaks of and does not doubt: present or absent.

    One that is not complete claims no absence: what of its text was not understood may be there.

    ``opacity`` is claimed present by :data:`OPAQUE` findings, absent by a normal case,
    and left open by the rest (a small nodule need not make a lung opaque).
    """
    prompted, complete = {request.name for request in candidate.case.findings}, candidate.case.complete
    spoken = [name for name in opinion.probabilities if name != _OPACITY and name not in opinion.doubted]
    claimed = {name: name in prompted for name in spoken if complete or name in prompted}
    if _OPACITY in opinion.probabilities:
        if prompted & OPAQUE:
            claimed[_OPACITY] = True
        elif candidate.case.normal:
            claimed[_OPACITY] = False
    return claimed


def score(evidence: Evidence) -> Score:
    """The least believed claim: p of a prompted finding, 1 - p of an unprompted one, in [0, 1].

    Only findings that the expert could tell on real films count; with none the score is 1. Detail:
    ``probability`` of each finding that it speaks of, ``doubted`` those that did not count, ``prompted``
    those claimed, and ``worst``, the claim that the score is of.
    """
    opinion = evidence.heard
    claimed = claims(evidence.candidate, opinion)
    belief = {
        name: opinion.probabilities[name] if present else 1 - opinion.probabilities[name]
        for name, present in claimed.items()
    }
    if not belief:
        return Score(
            1.0, "", {"probability": {}, "doubted": sorted(opinion.doubted), "prompted": [], "worst": ""}
        )
    # NaN compares false with everything: look for it first, or min() would step over it.
    worst = next((n for n, b in belief.items() if b != b), None)
    worst = worst or min(belief, key=belief.__getitem__)
    detail = {
        "probability": {n: rounded(p) for n, p in opinion.probabilities.items()},
        "doubted": sorted(opinion.doubted),
        "prompted": [n for n, present in claimed.items() if present],
        "worst": worst,
    }
    doubt = "is not seen" if claimed[worst] else "is seen but was not prompted"
    return Score(belief[worst], f"{worst.replace('_', ' ')} {doubt}", detail)


FILTER = Filter(
    name="finding_agreement",
    question="shows the prompted findings and no others",
    unit="probability of the least believed claim, 0 to 1",
    asks="findings",
    score=score,
    cost=3,
    calibration=Calibration(
        10.0, "graded", "held-out NIH radiographs that radiologists boxed findings in or graded normal"
    ),
)
