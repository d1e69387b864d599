"""Cells are the cross product of what is named, and a case lies in each cell that it fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.cases import Case, FindingRequest
from synth.findings import FINDING_NAMES
from synth.prompts.quotas import CELL_FINDINGS, KINDS, NORMAL, Cell, Quotas


def case(*findings, age=None, sex=None, view=None, complete=True):
    requests = tuple(FindingRequest(*finding) for finding in findings)
    return Case("0", 0, "", requests, age, sex, view, complete=complete)


def cells_of(quotas, made):
    return [str(quotas.cells[i]) for i in sorted(quotas.of_case(made))]


def test_cells_are_the_cross_product():
    quotas = Quotas(20, ("finding", "side", "view"), ("calcification", "cardiomegaly", NORMAL))
    assert [str(cell) for cell in quotas.cells] == [
        *("calcification, right, PA", "calcification, right, AP"),
        *("calcification, left, PA", "calcification, left, AP"),
        *("cardiomegaly, PA", "cardiomegaly, AP", "normal, PA", "normal, AP"),
    ]
    assert [str(cell) for cell in Quotas(1, ("sex", "age"), (), (40, 65)).cells] == [
        *("F, under 40", "F, 40 to 64", "F, 65 and over", "M, under 40", "M, 40 to 64", "M, 65 and over")
    ]


def test_a_case_counts_for_each_cell_that_it_lies_in():
    quotas = Quotas(1, ("finding", "side", "view"), ("effusion", "mass", "cardiomegaly", NORMAL))
    assert cells_of(quotas, case(("effusion", "left"), ("mass", "bilateral"), view="AP")) == [
        "effusion, left, AP",
        "mass, right, AP",
        "mass, left, AP",
    ]
    assert cells_of(quotas, case(("cardiomegaly",), ("nodule", "left"), view="PA")) == ["cardiomegaly, PA"]
    assert cells_of(quotas, case(view="PA")) == ["normal, PA"]


@pytest.mark.parametrize(
    "outside",
    [
        case(("effusion", "left")),  # no view
        case(("effusion",), view="AP"),  # on a side that nobody knows
        case(view="AP", complete=False),  # there may be more than was understood
        case(("nodule", "left"), view="AP"),  # has no cell
    ],
)
def test_what_is_not_known_or_not_wanted_lies_in_none(outside):
    assert Quotas(1, ("finding", "side", "view"), ("effusion", NORMAL)).of_case(outside) == frozenset()


@pytest.mark.parametrize(("age", "band"), [(0, 0), (39, 0), (40, 1), (64, 1), (65, 2), (120, 2)])
def test_a_bound_belongs_to_the_older(age, band):
    assert Quotas(1, ("age",), (), (40, 65)).of_case(case(age=age)) == {band}


def test_the_least_that_can_fill_all_cells():
    assert Quotas(5, ("finding",), FINDING_NAMES).fewest == 5
    assert Quotas(5, ("finding", "view", "sex"), ("mass", NORMAL)).fewest == 40
    assert Quotas(5, ("age",), (), (40, 65)).fewest == 15


def fits(cell: Cell, made: Case) -> bool:
    """As the docstring of Cell has it, said otherwise than in the code."""
    sides = {None: True, "right": ("right", "bilateral"), "left": ("left", "bilateral")}
    asked = [r for r in made.findings if r.name == cell.finding]
    if cell.side is not None:
        asked = [r for r in asked if r.side in sides[cell.side]]
    return all(
        (
            made.normal if cell.finding == NORMAL else cell.finding is None or bool(asked),
            cell.view in (None, made.view),
            cell.sex in (None, made.sex),
            cell.ages is None or (made.age is not None and cell.ages[0] <= made.age <= cell.ages[1]),
        )
    )


@given(
    st.sets(st.sampled_from(KINDS), min_size=1),
    st.lists(st.sampled_from(CELL_FINDINGS), min_size=1, unique=True),
    st.lists(
        st.builds(
            FindingRequest,
            st.sampled_from(FINDING_NAMES),
            st.sampled_from(["right", "left", "bilateral", None]),
        ),
        max_size=4,
    ),
    st.none() | st.integers(0, 120),
    st.sampled_from(["F", "M", None]),
    st.sampled_from(["PA", "AP", None]),
    st.booleans(),
)
def test_the_cells_of_a_case_are_those_that_it_fits(of, findings, requests, age, sex, view, complete):
    if "finding" not in of:
        of, findings = of - {"side"} or {"sex"}, []
    quotas = Quotas(1, tuple(of), tuple(findings), (30, 70) if "age" in of else ())
    made = Case("0", 0, "", tuple(requests), age, sex, view, complete=complete)
    assert quotas.of_case(made) == {i for i, cell in enumerate(quotas.cells) if fits(cell, made)}
