"""The parser on sentences of our own, one behaviour a test."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.cases import FindingRequest
from synth.findings import FINDING_NAMES
from synth.prompts.reports import Parsed, parse

R = FindingRequest


def asserted(text: str) -> list[str]:
    return [request.name for request in parse(text).findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Moderate right pleural effusion.", R("effusion", "right", None, "moderate")),
        ("Tiny apical pneumothorax on the left.", R("pneumothorax", "left", "upper", "mild")),
        ("RLL consolidation", R("consolidation", "right", "lower")),
        ("Lingular atelectasis.", R("atelectasis", "left", "mid")),
        ("Infiltrate in the middle lobe.", R("consolidation", "right", "mid")),
        ("Bibasilar scarring.", R("fibrosis", "bilateral", "lower")),
        ("Marked cardiomegaly.", R("cardiomegaly", None, None, "severe")),
        ("The heart is mildly enlarged.", R("cardiomegaly", None, None, "mild")),
        ("Mild to moderate left effusion.", R("effusion", "left", None, "moderate")),
        ("1.5 cm nodule in the left upper lobe.", R("nodule", "left", "upper")),
        ("Innumerable tiny pulmonary nodules.", R("diffuse_nodule", None, None, "mild")),
        ("Calcified granuloma, right lung apex.", R("calcification", "right", "upper")),
        ("Old fractures of both clavicles.", R("fracture", "bilateral")),
        ("Right and left pleural thickening.", R("pleural_thickening", "bilateral")),
    ],
)
def test_side_zone_and_severity(text: str, expected: FindingRequest) -> None:
    assert parse(text).findings == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        "No pleural effusion.",
        "There is no evidence of pleural effusion or pneumothorax.",
        "Without focal consolidation, effusion, or pneumothorax.",
        "Lungs are free of consolidation.",
        "Negative for pneumothorax.",
        "Pleural effusion is not seen.",
        "The previously large effusion has resolved.",
        "The heart is not enlarged.",
        "Neither nodule nor mass.",
        "No longer any pneumothorax.",
    ],
)
def test_denied_findings_are_not_requested(text: str) -> None:
    parsed = parse(text)
    assert parsed.findings == ()
    assert parsed.negated
    assert parsed.unparsed == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Possible left lower lobe pneumonia.", "consolidation"),
        ("Cannot exclude a small effusion.", "effusion"),
        ("A small pneumothorax can not be excluded.", "pneumothorax"),
        ("Could not rule out a nodule.", "nodule"),
        ("This may represent atelectasis.", "atelectasis"),
        ("Findings suspicious for a lung mass.", "mass"),
        ("? rib fracture", "fracture"),
        ("Hyperinflated lungs.", "emphysema"),
        ("Blunting of the left costophrenic angle.", "effusion"),
    ],
)
def test_suspected_findings_are_kept_apart(text: str, name: str) -> None:
    parsed = parse(text)
    assert parsed.findings == ()
    assert parsed.uncertain == (name,)
    assert parsed.negated == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("No effusion but a right nodule is seen.", ["nodule"]),
        ("No pneumothorax, small left effusion.", ["effusion"]),
        ("No effusion, large mass or pneumothorax.", []),
        ("Clear without effusion. Mild cardiomegaly.", ["cardiomegaly"]),
        ("Emphysema without pneumothorax.", ["emphysema"]),
        ("Atelectasis, possibly with a nodule.", ["atelectasis"]),
        ("There is no effusion, however there is consolidation.", ["consolidation"]),
        ("Stable nodule, no new consolidation.", ["nodule"]),
    ],
)
def test_a_trigger_reaches_no_further_than_its_scope(text: str, names: list[str]) -> None:
    assert asserted(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "Tortuous and calcified aorta.",
        "Atherosclerotic calcifications of the thoracic aorta.",
        "Calcified coronary arteries.",
        "Trace pericardial effusion.",
        "Subcutaneous emphysema along the chest wall.",
        "Known cystic fibrosis.",
        "Fractured sternotomy wires.",
    ],
)
def test_the_same_words_elsewhere_mean_something_else(text: str) -> None:
    assert asserted(text) == []


def test_each_finding_of_a_list_keeps_its_own_place() -> None:
    parsed = parse("Moderate right pleural effusion and mild left basilar atelectasis.")
    assert parsed.findings == (
        R("effusion", "right", None, "moderate"),
        R("atelectasis", "left", "lower", "mild"),
    )


def test_a_bare_list_shares_its_place() -> None:
    assert parse("Right effusion and atelectasis.").findings == (
        R("effusion", "right"),
        R("atelectasis", "right"),
    )
    assert parse("Effusion and atelectasis on the left.").findings == (
        R("effusion", "left"),
        R("atelectasis", "left"),
    )


def test_places_that_differ_stay_two_requests_and_repeats_are_merged() -> None:
    text = "Right upper lobe consolidation. Left lower lobe consolidation. Consolidation. Severe "
    assert parse(text + "right upper lobe consolidation.").findings == (
        R("consolidation", "right", "upper", "severe"),
        R("consolidation", "left", "lower"),
    )
    both = parse("Small right effusion. Bilateral effusions.").findings
    assert both == (R("effusion", "bilateral", None, "mild"),)


def test_one_word_may_name_two_findings() -> None:
    requests = parse("Large left hydropneumothorax.").findings
    assert requests == (
        R("effusion", "left", None, "severe"),
        R("pneumothorax", "left", None, "severe"),
    )


def test_an_asserted_finding_is_in_no_other_list() -> None:
    parsed = parse("Right effusion. No left effusion. Possible effusion.")
    assert [r.name for r in parsed.findings] == ["effusion"]
    assert parsed.negated == parsed.uncertain == ()


def test_what_is_not_understood_is_kept_as_written() -> None:
    parsed = parse("Dobhoff tube tip in the stomach. Small left effusion. Looks like a Tuesday film")
    assert parsed.unparsed == ("Dobhoff tube tip in the stomach", "Looks like a Tuesday film")


@pytest.mark.parametrize("text", ["Normal chest.", "The lungs are clear.", "No acute disease.", "Findings:"])
def test_a_normal_report_is_understood(text: str) -> None:
    assert parse(text) == Parsed()


@pytest.mark.parametrize(
    ("text", "age", "sex", "view"),
    [
        ("Frontal PA chest radiograph of a 63-year-old woman.", 63, "F", "PA"),
        ("AP portable film, 8 year old boy", 8, "M", "AP"),
        ("45 y/o male, posteroanterior view", 45, "M", "PA"),
        ("70yo F", 70, "F", None),
        ("Patient aged 30, supine.", 30, None, "AP"),
        ("Smoker for 20 years, 999-year-old", None, None, None),
        ("Human figure, PAP smear, manual of women's health", None, None, None),
    ],
)
def test_age_sex_and_view(text: str, age: int | None, sex: str | None, view: str | None) -> None:
    parsed = parse(text)
    assert (parsed.age, parsed.sex, parsed.view) == (age, sex, view)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_parsed_and_parsed_alike(text: str) -> None:
    parsed = parse(text)
    assert parsed == parse(text)
    named = {r.name for r in parsed.findings}
    assert named <= set(FINDING_NAMES)
    assert not named & {*parsed.negated, *parsed.uncertain}
    assert all(part in text for part in parsed.unparsed)


TEXT = """no possible right left upper large effusion nodule multiple calcified aorta heart is not
enlarged and or , . but excluded seen pleural air blunting of the costophrenic angle ? ; 1.5"""
WORDS = st.sampled_from(TEXT.split())


@settings(deadline=None)
@given(st.lists(WORDS, max_size=60))
def test_any_run_of_its_own_words_is_parsed(words: list[str]) -> None:
    parsed = parse(" ".join(words))
    assert not {r.name for r in parsed.findings} & {*parsed.negated, *parsed.uncertain}


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    start = time.process_time()
    parse("multiple scattered small right left calcified heart is mildly pleural " * 500)
    assert time.process_time() - start < 10
