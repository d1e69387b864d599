"""How fast work goes, and when it will be done, by a clock that is set."""

import pytest

from flows.config.pace import WINDOW, Pace, duration


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_rate_and_time_left(clock):
    pace = Pace(100, clock)
    assert (pace.rate, pace.left, str(pace)) == (None, None, "0 of 100")
    clock.now = 10
    pace.add(20)
    assert (pace.rate, pace.left) == (2.0, 40.0)
    assert str(pace) == "20 of 100, 2.00/s, about 40 s left"
    clock.now = 15  # nothing new: the end comes nearer all the same
    assert pace.left == 35.0


def test_a_slow_rate_is_told_by_the_minute(clock):
    pace = Pace(10, clock)
    clock.now = 60
    pace.add(2)
    assert str(pace) == "2 of 10, 2.00/min, about 4 min 00 s left"


def test_what_was_done_before_says_nothing_of_the_rate(clock):
    pace = Pace(0, clock)
    clock.now = 100
    pace.start(50, 100)
    clock.now = 110
    pace.add(5)
    assert (pace.done, pace.rate) == (55, 0.5)


def test_the_rate_is_that_of_the_last_minutes(clock):
    pace = Pace(10_000, clock)
    for _ in range(50):
        clock.now += 10
        pace.add(10)
    for _ in range(60):
        clock.now += 10
        pace.add(1)
    assert pace.rate == pytest.approx(0.1)
    clock.now += 3 * WINDOW  # a step longer than that is still measured
    pace.add(9)
    assert pace.rate == pytest.approx(9 / (3 * WINDOW))


def test_an_end_that_was_too_low_gives_way(clock):
    pace = Pace(3, clock)
    pace.add(5)
    assert pace.end == 5


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (250, "4 min 10 s"), (3900, "1 h 05 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
