"""Who is accepted is told by what was asked for, and in words where it is far from the share of all."""

import pytest

from manifests.selection import add_row, asked_of, no_shares, rows_of, skews


def row(status, *findings, complete=True, age=None, sex=None, view=None):
    names = [{"name": name} for name in findings]
    return {
        "status": status,
        "findings": names,
        "complete": complete,
        "age": age,
        "sex": sex,
        "view": view,
    }


def shares_of(*rows):
    shares = no_shares()
    for each in rows:
        add_row(shares, each)
    return shares


def test_each_group_counts_who_was_judged_and_accepted():
    shares = shares_of(
        row("accepted", "mass", "effusion", age=81, sex="F"),
        row("rejected", "mass", age=79, view="PA"),
        row("accepted"),
        row("failed", "mass"),  # nobody judged it
    )
    told = [f"{group} {value}: {accepted} of {judged}" for group, value, judged, accepted in rows_of(shares)]
    assert "; ".join(told) == (
        "number of findings 0: 1 of 1; number of findings 1: 0 of 1; number of findings 2: 1 of 1; "
        "finding effusion: 1 of 1; finding mass: 1 of 2; finding no_finding: 1 of 1; "
        "age 60 to 79: 0 of 1; age 80 and over: 1 of 1; age not asked for: 1 of 1; "
        "sex F: 1 of 1; sex not asked for: 1 of 2; view PA: 0 of 1; view not asked for: 2 of 2"
    )


def test_what_was_not_understood_has_no_number_of_findings():
    shares = shares_of(row("accepted", "mass", complete=False), row("accepted", complete=False))
    assert shares["number of findings"] == {}
    assert set(shares["finding"]) == {"mass", "unknown"}


@pytest.mark.parametrize(
    ("findings", "complete", "names"),
    [
        (("mass", "mass", "effusion"), True, ["effusion", "mass"]),
        ((), True, ["no_finding"]),
        ((), False, ["unknown"]),
        (("mass",), False, ["mass"]),
    ],
)
def test_a_row_asks_for_findings_or_none_or_nobody_knows(findings, complete, names):
    assert asked_of(row("accepted", *findings, complete=complete)) == names


def test_only_what_is_far_and_not_by_chance_is_put_in_words():
    many = [row("accepted" if i < 12 else "rejected", "mass", "nodule", sex="F") for i in range(40)]
    none = [row("accepted", sex="M") for _ in range(40)]
    few = [row("rejected", "fracture", sex="F") for _ in range(5)]
    told = skews(shares_of(*many, *none, *few))
    assert "number of findings 2: 30% of 40 are accepted, 61% of all" in told
    assert "finding mass: 30% of 40 are accepted, 61% of all" in told
    assert "sex M: 100% of 40 are accepted, 61% of all" in told
    assert not any("fracture" in words for words in told)  # five say too little
    assert skews(shares_of(*none)) == []
    assert skews(no_shares()) == []
