"""The parts in the order in which they are told."""

from flows.scorecard.part import Part
from flows.scorecard.parts.completeness import PART as COMPLETENESS
from flows.scorecard.parts.compliance import PART as COMPLIANCE
from flows.scorecard.parts.comprehension import PART as COMPREHENSION
from flows.scorecard.parts.congruence import PART as CONGRUENCE
from flows.scorecard.parts.consistency import PART as CONSISTENCY
from flows.scorecard.parts.constraint import PART as CONSTRAINT
from flows.scorecard.parts.coverage import PART as COVERAGE

PARTS: tuple[Part, ...] = (
    CONGRUENCE,
    COVERAGE,
    CONSTRAINT,
    COMPLETENESS,
    COMPLIANCE,
    COMPREHENSION,
    CONSISTENCY,
)
