"""Films are dealt with together as long as they fit in memory together."""

import pytest

from flows.films import BATCH, PIXELS, together


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([1] * 10, [[1] * 8, [1, 1]]),
        ([60, 60, 60], [[60], [60], [60]]),
        ([40, 40, 40, 500, 10, 10], [[40, 40], [40], [500], [10, 10]]),
        ([], []),
    ],
)
def test_batches_are_of_few_films_and_of_few_pixels(sizes, batches):
    assert [list(batch) for batch in together(sizes, int, 100)] == batches


def test_usual_films_are_together_and_the_largest_are_alone():
    assert [len(batch) for batch in together([15 * 10**6] * BATCH, int)] == [BATCH]
    assert [len(batch) for batch in together([100 * 10**6] * 3, int)] == [1, 1, 1]
    assert PIXELS < 200 * 10**6


def test_the_next_is_asked_for_when_those_before_are_done():
    log = []

    def read():
        for number in range(4):
            log.append(f"read {number}")
            yield number

    for batch in together(read(), lambda film: 60, 100):
        log.append(f"work {batch}")
    assert log[:5] == ["read 0", "read 1", "work [0]", "read 2", "work [1]"]
