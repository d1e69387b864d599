"""Quotas: what contradicts them is told in one line; how many are wanted is not part of what a sample is."""

import json

import pytest
from config_fields import BASE

from flows.config.identity import config_hash, result_fields, stored_hash
from flows.config.reading import apply_overrides, parse_config
from synth.errors import UserError

PER = {"count": 2, "of": ["finding", "view"], "findings": ["mass", "normal"]}

AGED, SEXED = ({"count": 2, "of": [kind]} for kind in ("age", "sex"))


def config(per=PER, **others):
    return parse_config({**BASE, "accepted_per": per, **others})


@pytest.mark.parametrize(
    ("per", "others", "message"),
    [
        ({"count": 2}, {}, "accepted_per.of: missing, expected a list"),
        ({"of": ["view"]}, {}, "accepted_per.count: missing, expected an integer"),
        ({"count": 0, "of": ["view"]}, {}, "accepted_per.count: 0, expected an integer >= 1"),
        ({"count": 2, "of": []}, {}, "accepted_per.of: [], expected a list that is not empty"),
        ({"count": 2, "of": ["zone"]}, {}, "accepted_per.of.0: zone, expected one of finding, side, view,"),
        ({"count": 2, "of": ["view", "view"]}, {}, "accepted_per.of: view, view, expected each once"),
        ({"count": 2, "of": ["side"]}, {}, "accepted_per.of: side without finding, expected both"),
        ({**PER, "cuont": 2}, {}, "accepted_per.cuont: unknown key, did you mean count?"),
        ({**PER, "findings": ["fog"]}, {}, "accepted_per.findings.0: fog, expected one of atelectasis,"),
        ({**PER, "findings": ["mass", "mass"]}, {}, "accepted_per.findings: mass, mass, expected each once"),
        ({**PER, "of": ["view"]}, {}, "accepted_per.findings: given, expected none without finding"),
        ({**PER, "ages": [40]}, {}, "accepted_per.ages: given, expected none without age"),
        ({**AGED, "ages": [65, 40]}, {}, "accepted_per.ages: [65, 40], expected each above the one"),
        ({**AGED, "ages": [121]}, {}, "accepted_per.ages.0: 121, expected an integer"),
        (PER, {"accepted": 9}, "accepted: 9, expected none with accepted_per: a build has one goal"),
        (PER, {"edit": {"source": "f", "remove": ["mass"]}}, "accepted_per: given, expected none with edit"),
        ({**PER, "count": 17}, {}, "accepted_per.count: 17, expected fewer, or more candidates: all cells"),
        (
            PER,
            {"prompts": {"view": {"AP": 0, "PA": 1}}},
            "prompts.view: {'AP': 0.0, 'PA': 1.0}, expected none",
        ),
        (SEXED, {"prompts": {"sex": {"F": 2}}}, "prompts.sex: {'F': 2.0}, expected none with sex in "),
        (AGED, {"prompts": {"age": [30, 60]}}, "prompts.age: [30, 60], expected years of each band of "),
        (PER, {"prompts": {"normals": 0.2}}, "prompts.normals: 0.2, expected null or 0 with finding"),
        (PER, {"prompts": {"normals": 0.0}}, "prompts.normals: 0.0, expected null: accepted_per.findings"),
        (PER, {"prompts": {"findings": ["nodule"]}}, "accepted_per.findings: mass, expected findings of "),
        (PER, {"prompts": {"weights": {"mass": 0}}}, "prompts.weights.mass: 0, expected above 0"),
    ],
)
def test_what_contradicts_quotas_is_told(per, others, message):
    with pytest.raises(UserError) as caught:
        config(per, **others)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_an_override_is_named():
    with pytest.raises(UserError, match=r"^accepted: 3, .* \(--set accepted=3\)$"):
        parse_config(apply_overrides({**BASE, "accepted_per": PER}, ["accepted=3"]), "a.yaml", ["accepted=3"])


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({"count": 9}, False),
        ({"of": ["finding"]}, True),
        ({"findings": ["mass"]}, True),
        ({"of": ["finding", "age"]}, True),
    ],
)
def test_what_is_in_the_cells_is_part_of_a_sample_and_how_many_is_not(change, moves):
    one, other = config(), config({**PER, **change})
    assert (config_hash(one, {}) != config_hash(other, {})) == moves
    assert parse_config(json.loads(json.dumps(other.model_dump(mode="json")))) == other
    record = {"config": result_fields(other), "weights": {}, "schema_version": 4}
    assert stored_hash(record) == config_hash(other, {})


def test_builds_without_quotas_are_those_of_before():
    assert "accepted_per" not in result_fields(parse_config(BASE))


def test_cells_stand_in_one_order_however_they_are_written():
    one, other = config({**PER, "of": ["view", "finding"], "findings": ["normal", "mass"]}), config()
    assert one.quotas == other.quotas
    assert config({**PER, "of": ["age"], "findings": None}).quotas.ages == (40, 65)
