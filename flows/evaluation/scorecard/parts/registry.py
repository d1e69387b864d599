"""The parts in the order in which they are told."""

from flows.evaluation.scorecard.part import Part
from flows.evaluation.scorecard.parts.completeness import PART as COMPLETENESS
from flows.evaluation.scorecard.parts.compliance import PART as COMPLIANCE
from flows.evaluation.scorecard.parts.comprehension import PART as COMPREHENSION
from flows.evaluation.scorecard.parts.congruence import PART as CONGRUENCE
from flows.evaluation.scorecard.parts.consistency import PART as CONSISTENCY
from flows.evaluation.scorecard.parts.constraint import PART as CONSTRAINT
from flows.evaluation.scorecard.parts.coverage import PART as COVERAGE

PARTS: tuple[Part, ...] = (
    CONGRUENCE,
    COVERAGE,
    CONSTRAINT,
    COMPLETENESS,
    COMPLIANCE,
    COMPREHENSION,
    CONSISTENCY,
)
