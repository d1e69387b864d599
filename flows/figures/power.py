"""How small a difference from guessing a study can tell, before anybody reads it."""

from typing import Final

from scipy.optimize import brentq
from scipy.stats import binom
from statsmodels.stats.proportion import binom_test_reject_interval

#: Chance of a false alarm (two-sided), and of telling a difference that is there.
ALPHA: Final = 0.05
POWER: Final = 0.80


def effective(films: int, readers: int, correlation: float) -> int:
    """Independent answers that ``readers`` of the same ``films`` are worth, where two readers' answers to one
    film have this intraclass ``correlation`` in [0, 1] (the design effect of Kish, 1965)."""
    return max(1, int(films * readers / (1 + (readers - 1) * correlation)))


def power(answers: int, truth: float, alpha: float = ALPHA) -> float:
    """Chance that the exact binomial test against one half is significant when ``truth`` is the share."""
    low, high = binom_test_reject_interval(0.5, answers, alpha)
    return float(binom.cdf(low, answers, truth) + binom.sf(high - 1, answers, truth))


def smallest_difference(answers: int, wanted: float = POWER, alpha: float = ALPHA) -> float | None:
    """The least distance from 0.5, in (0, 0.5], that is told with the ``wanted`` power; None where even a
    share of 1 is not."""
    if power(answers, 1.0, alpha) < wanted:
        return None
    return float(brentq(lambda d: power(answers, 0.5 + d, alpha) - wanted, 0.0, 0.5, xtol=1e-6))
