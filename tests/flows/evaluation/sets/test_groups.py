"""Which films are held against which: pairs of one kind."""

import numpy as np
import pytest
from drawn_sets import drawn_build, real_films
from rich.console import Console

from flows.evaluation.sets.films import read_build
from flows.evaluation.sets.groups import YEARS, matched
from flows.evaluation.sets.real import read_real

QUIET = Console(quiet=True)


def test_pairs_are_of_one_kind_and_no_film_is_in_two(tmp_path):
    made = read_build(drawn_build(tmp_path / "build", 24).url, 99, QUIET)
    real = read_real(real_films(tmp_path / "real"), tmp_path / "out", 128, 99, QUIET)
    group = matched(made, real)
    films = real.films.take(np.flatnonzero(group.real))
    assert group.generated.sum() == len(films) == 24
    for ours, theirs in (made.views, films.views), (made.sexes, films.sexes):
        assert sorted(ours) == sorted(theirs)
    for view, sex in {*zip(films.views, films.sexes, strict=True)}:
        ours = made.ages[(made.views == view) & (made.sexes == sex)]
        theirs = films.ages[(films.views == view) & (films.sexes == sex)]
        assert np.abs(np.sort(ours) - np.sort(theirs)).max() <= YEARS


@pytest.mark.parametrize("finding", ["nodule", "fracture"])  # no label of real films means a fracture
def test_who_fits_nobody_is_left_out(tmp_path, finding):
    made = read_build(drawn_build(tmp_path / "build", 8, finding=finding).url, 99, QUIET)
    real = read_real(real_films(tmp_path / "real"), tmp_path / "out", 128, 99, QUIET)
    group = matched(made, real)
    assert not group.generated[[(finding in f) for f in made.findings]].any()
    assert group.generated.sum() == group.real.sum() == 4
