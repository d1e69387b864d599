"""Cells take turns: each key's case lies in its cell, whatever else is drawn as without quotas."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.findings import FINDING_NAMES
from synth.masks.place_frequencies import PLACES
from synth.prompts.label_tables import load_table
from synth.prompts.quotas import AGES, CELL_FINDINGS, NORMAL, Quotas
from synth.prompts.sampler import PromptSampler, parse

COMMON = ("atelectasis", "cardiomegaly", "consolidation", "effusion", "nodule", NORMAL)
ALL = Quotas(1, ("finding", "side", "view"), CELL_FINDINGS)
#: Made once: each holds the rows of its cells.
SAMPLERS = {
    quotas: PromptSampler(quotas=quotas)
    for quotas in (
        Quotas(1, ("finding",), CELL_FINDINGS),
        ALL,
        Quotas(1, ("finding", "sex", "age"), COMMON, AGES),
        Quotas(1, ("finding", "side", "view", "sex", "age"), COMMON, (60,)),
        Quotas(1, ("view", "sex"), ()),
        Quotas(1, ("age",), (), (30, 50, 70)),
    )
}
quotas_drawn = st.sampled_from(list(SAMPLERS))
seeds = st.integers(0, 2**63 - 1)


@settings(max_examples=200, deadline=None)
@given(quotas_drawn, seeds, st.integers(0, 10**9 - 1))
def test_every_case_lies_in_the_cell_whose_turn_it_is(quotas, seed, index):
    case = SAMPLERS[quotas].case(seed, f"{index:09d}")
    assert index % len(quotas.cells) in quotas.of_case(case)
    parsed = parse(case.prompt)
    assert (parsed.findings, parsed.age, parsed.sex, parsed.view) == (
        case.findings,
        case.age,
        case.sex,
        case.view,
    )


@settings(max_examples=200, deadline=None)
@given(quotas_drawn, st.integers(0, 10**8), st.integers(0, 500))
def test_cells_are_asked_for_equally_often(quotas, first, count):
    turns = SAMPLERS[quotas]._turns
    asked = Counter(turns.at(f"{i:09d}").cell for i in range(first, first + count))
    numbers = [asked[cell] for cell in quotas.cells]
    assert max(numbers) - min(numbers) <= (count % len(quotas.cells) > 0)


@settings(max_examples=30, deadline=None)
@given(quotas_drawn, seeds, st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=5))
def test_a_case_depends_on_seed_and_key_alone(quotas, seed, indices):
    keys = [f"{i:09d}" for i in indices]
    sampler = SAMPLERS[quotas]
    once = {key: sampler.case(seed, key) for key in keys}
    more = Quotas(quotas.count + 50, quotas.of, quotas.findings, quotas.ages)
    for key in reversed(keys):
        assert sampler.case(seed, key) == once[key]
    assert PromptSampler(quotas=more).case(seed, keys[0]) == once[keys[0]]  # how many is not what


def test_within_a_cell_the_rest_is_the_table_s():
    sampler, at = SAMPLERS[Quotas(1, ("finding",), CELL_FINDINGS)], CELL_FINDINGS.index("effusion")
    cases = [sampler.case(3, str(at + i * len(CELL_FINDINGS))) for i in range(1500)]
    table = load_table("padchest")
    rows = table.findings[:, FINDING_NAMES.index("effusion")]
    for name in ("consolidation", "atelectasis", "cardiomegaly"):
        real = table.findings[rows, FINDING_NAMES.index(name)].mean()
        drawn = np.mean([any(r.name == name for r in c.findings) for c in cases])
        assert drawn == pytest.approx(real, abs=0.05)
    assert np.mean([c.age for c in cases]) == pytest.approx(table.age[rows].mean(), abs=3)
    sides = Counter(next(r.side for r in c.findings if r.name == "effusion") for c in cases)
    both = sum(n for place, n in PLACES["effusion"].items() if place[0] == "bilateral")
    assert sides["bilateral"] / 1500 == pytest.approx(both / sum(PLACES["effusion"].values()), abs=0.05)


def test_weights_hold_within_a_cell():
    quotas = Quotas(1, ("finding",), ("effusion",))
    plain, weighted = (PromptSampler(weights=w, quotas=quotas) for w in ({}, {"consolidation": 9}))
    shares = [np.mean([len(s.case(1, str(i)).findings) > 1 for i in range(500)]) for s in (plain, weighted)]
    assert shares[1] > shares[0] + 0.1


@pytest.mark.parametrize(
    ("options", "quotas", "told"),
    [
        ({"table": "vinbigdata"}, Quotas(1, ("view",)), "accepted_per.of: view, but vinbigdata does not say"),
        (
            {"table": "nih"},
            Quotas(1, ("finding", "view"), ("fracture",)),
            "accepted_per: no row of nih that may be drawn is in the cell fracture, PA, expected one in each",
        ),
        (
            {"age": (20, 30)},
            Quotas(1, ("age",), (), (40,)),
            "accepted_per: no row of padchest that may be drawn is in the cell 40 and over",
        ),
    ],
)
def test_a_cell_that_no_row_is_in_is_told(options, quotas, told):
    with pytest.raises(ValueError, match=told) as error:
        PromptSampler(**options, quotas=quotas)
    assert "\n" not in str(error.value)
