"""Sampled prompts: real joint frequencies, re-weighting, and text that parses back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.cases import FindingRequest
from synth.demographics import Demographics
from synth.findings import FINDING_NAMES, FINDINGS
from synth.prompts.label_tables import load_table
from synth.prompts.phrases import write_prompt
from synth.prompts.sampler import PromptSampler, parse

N = 5000


def draw(sampler: PromptSampler, n: int = N) -> list:
    return [sampler.case(3, f"{i:09d}") for i in range(n)]


def one_hot(cases: list) -> np.ndarray:
    names = [{r.name for r in case.findings} for case in cases]
    return np.array([[name in found for name in FINDING_NAMES] for found in names])


def co_occurrence(rows: np.ndarray) -> np.ndarray:
    """(78,) share of rows with each pair of findings."""
    joint = rows.astype(float).T @ rows / len(rows)
    return joint[np.triu_indices(len(FINDING_NAMES), 1)]


REQUESTS = st.lists(
    st.builds(
        FindingRequest,
        st.sampled_from(FINDING_NAMES),
        st.sampled_from(["right", "left", "bilateral", None]),
        st.sampled_from(["upper", "mid", "lower", None]),
        st.sampled_from(["mild", "moderate", "severe", None]),
    ),
    max_size=6,
    unique_by=lambda r: r.name,
)


@settings(max_examples=300, deadline=None)
@given(
    REQUESTS,
    st.integers(0, 110) | st.none(),
    st.sampled_from(["F", "M", None]),
    st.sampled_from(["PA", "AP", None]),
    st.integers(0, 2**32),
)
def test_what_is_written_is_read_back(requests, age, sex, view, seed) -> None:
    wanted = tuple(
        r if FINDINGS[r.name].lateral else FindingRequest(r.name, None, None, r.severity) for r in requests
    )
    prompt = write_prompt(wanted, Demographics(age, sex, view), np.random.default_rng(seed))
    parsed = parse(prompt)
    assert parsed.findings == wanted, prompt
    assert (parsed.age, parsed.sex, parsed.view) == (age, sex, view), prompt
    assert parsed.unparsed == parsed.negated == parsed.uncertain == (), prompt


@pytest.mark.parametrize("table", ["padchest", "nih"])
def test_joint_frequencies_are_the_tables(table: str) -> None:
    rows = one_hot(draw(PromptSampler(table)))
    real = load_table(table).findings
    assert np.corrcoef(co_occurrence(rows), co_occurrence(real))[0, 1] >= 0.97
    # single frequencies within four standard errors of a share
    error = np.sqrt(real.mean(0) * (1 - real.mean(0)) / N)
    assert (np.abs(rows.mean(0) - real.mean(0)) <= 4 * error + 1e-9).all()


def test_age_sex_and_view_come_with_the_findings() -> None:
    cases = draw(PromptSampler())
    table = load_table("padchest")
    effusion = table.findings[:, FINDING_NAMES.index("effusion")]
    with_effusion = [c for c in cases if any(r.name == "effusion" for r in c.findings)]
    assert np.mean([c.age for c in with_effusion]) == pytest.approx(table.age[effusion].mean(), abs=3)
    lying = np.mean([c.view == "AP" for c in with_effusion])
    assert lying == pytest.approx((table.view[effusion] == 1).mean(), abs=0.1)
    assert lying > 1.5 * np.mean([c.view == "AP" for c in cases])


def test_a_case_depends_on_seed_and_key_alone() -> None:
    one, two = PromptSampler("nih"), PromptSampler("nih")
    later = [two.case(1, str(k)) for k in reversed(range(50))]
    assert [one.case(1, str(k)) for k in range(50)] == later[::-1]
    assert [one.case(2, str(k)).prompt for k in range(50)] != [c.prompt for c in later[::-1]]
    assert one.length is None


def test_a_subset_keeps_its_own_joint_frequencies() -> None:
    names = ("effusion", "cardiomegaly", "consolidation")
    rows = one_hot(draw(PromptSampler(findings=names)))
    columns = [FINDING_NAMES.index(n) for n in names]
    assert not np.delete(rows, columns, axis=1).any()
    real = load_table("padchest").findings[:, columns].mean(0)
    assert rows[:, columns].mean(0) == pytest.approx(real, abs=0.02)


def test_weights_make_rare_findings_frequent() -> None:
    plain = one_hot(draw(PromptSampler("nih"), 2000)).mean(0)
    weighted = one_hot(draw(PromptSampler("nih", weights={"fibrosis": 20}), 2000)).mean(0)
    at = FINDING_NAMES.index("fibrosis")
    # a weight multiplies the odds of a finding
    odds = plain[at] / (1 - plain[at]) * 20
    assert weighted[at] == pytest.approx(odds / (1 + odds), abs=0.05)
    none = one_hot(draw(PromptSampler("nih", weights={"effusion": 0}), 2000)).mean(0)
    assert none[FINDING_NAMES.index("effusion")] == 0


def test_age_sex_and_view_can_be_chosen() -> None:
    sampler = PromptSampler(age=(30, 40), sex={"F": 1, "M": 0}, view={"AP": 1, "PA": 0})
    for case in draw(sampler, 200):
        assert (case.age is not None and 30 <= case.age <= 40, case.sex, case.view) == (
            True,
            "F",
            "AP",
        )


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_normals_can_be_chosen(share: float) -> None:
    cases = draw(PromptSampler("nih", normals=share), 2000)
    assert np.mean([not c.findings for c in cases]) == pytest.approx(share, abs=0.04)


def test_a_table_without_age_sex_and_view_leaves_them_open() -> None:
    for case in draw(PromptSampler("vinbigdata"), 100):
        assert (case.age, case.sex, case.view) == (None, None, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "mimic"}, "prompts.table: 'mimic', expected one of padchest, nih"),
        ({"findings": ["cough"]}, "prompts.findings: 'cough', expected one of atelectasis"),
        ({"table": "nih", "findings": ["fracture"]}, "'fracture' does not occur in nih"),
        ({"weights": {"mass": -1}}, "prompts.weights.mass: -1, expected a finite number"),
        ({"weights": {"mass": float("nan")}}, "prompts.weights.mass: nan, expected"),
        ({"sex": {"X": 1}}, "prompts.sex: 'X', expected one of F, M"),
        ({"view": {"PA": -2}}, "prompts.view.PA: -2, expected"),
        ({"age": (119, 120)}, "prompts: no row of padchest is left"),
        ({"table": "vinbigdata", "age": (20, 30)}, "prompts.age: vinbigdata has no ages"),
        ({"table": "vinbigdata", "sex": {"F": 1}}, "prompts.sex: vinbigdata has none"),
        ({"normals": 1.5}, "prompts.normals: 1.5, expected a share from 0 to 1"),
    ],
)
def test_mistakes_are_told_in_one_line(options: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  the message is compared below
        PromptSampler(**options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
