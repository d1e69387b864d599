"""The config: strict, frozen, and a hash that moves exactly when the result can."""

from pathlib import Path
from typing import get_args

import pytest
from config_fields import BASE, leaves
from hypothesis import given
from hypothesis import strategies as st

from filters.registry import FILTER_NAMES
from flows.config.identity import NEUTRAL, config_hash, result_fields
from flows.config.prompts import ColumnName, Prompts
from flows.config.reading import parse_config, read_config
from flows.config.schema import Filters
from manifests.identity import GROWING
from synth.errors import UserError
from synth.prompts.label_tables import TABLES
from synth.prompts.tables import COLUMNS

PRESETS = sorted((Path(__file__).parents[3] / "flows" / "presets").glob("*.yaml"))

#: Another valid value for every field; a field that is missing here fails the test below.
CHANGES = {
    "seed": 5,
    "candidates": 65,
    "accepted": 9,
    "accepted_per": {"count": 2, "of": ["finding"]},
    "shard_size": 17,
    "output": "elsewhere",
    "licence": "cc-by-4.0",
    "prompts.unparsed": "reject",
    "prompts.longest": 500,
    "prompts.file": "prompts.csv",
    "prompts.columns": {"prompt": "Befund"},
    "prompts.table": "chexpert",
    "prompts.findings": ["nodule"],
    "prompts.weights": {"nodule": 2.0},
    "prompts.normals": 0.5,
    "prompts.age": [40, 60],
    "prompts.sex": {"F": 1.0},
    "prompts.view": {"PA": 1.0},
    "anatomy.weights": "a",
    "masks.weights": "m",
    "images.checkpoint": "i",
    "images.model": "fast",
    "images.controlnet": "c",
    "images.size": 512,
    "images.steps": 20,
    "images.guidance": 2.5,
    "images.lesion_guidance": 3.0,
    "images.batch_size": 4,
    "images.retry_draws": 2,
    "images.precision": "bf16",
    "images.device": "cuda",
    "filters.mode": "cheap_first",
    "filters.checkpoints": "f",
    "filters.own": ["mine.py"],
    **{f"filters.{name}.enabled": False for name in FILTER_NAMES},
    **{f"filters.{name}.threshold": 0.123 for name in FILTER_NAMES},
    "edit": {"source": "radiographs", "remove": ["effusion"]},
    "workers.count": 3,
    "workers.threads": 2,
    "workers.retries": 7,
}
#: What an edit needs: both samples of a pair resemble each other and their source.
PAIRED = ("filters.near_duplicate.enabled", "filters.training_copy.enabled")
#: Not drawn together with others: each excludes some of them.
APART = {"prompts.file", "prompts.columns", "edit", "accepted_per", "images.model"}
#: They change only together: the other family needs its weights and their digest.
TOGETHER = ("expert", "weights", "sha256")


def changed(*paths):
    data = dict(BASE)
    if "edit" in paths:
        paths = (*paths, *PAIRED)
    if "prompts.columns" in paths:
        paths = (*paths, "prompts.file")
    for path in paths:
        *groups, name = path.split(".")
        at = data
        for group in groups:
            at = at.setdefault(group, {})
        at[name] = CHANGES[path]
    return parse_config(data)


def test_every_field_has_a_change_to_test():
    alone = {p for p in leaves() if not (p.count(".") == 2 and p.rsplit(".", 1)[1] in TOGETHER)}
    assert alone == set(CHANGES)


def test_the_filters_are_those_that_exist():
    assert tuple(n for n in Filters.model_fields if n in FILTER_NAMES) == FILTER_NAMES


def test_the_columns_that_may_be_named_are_those_that_are_read():
    assert {*get_args(ColumnName), "image"} == set(COLUMNS)
    for columns, told in (
        ({"prompts": {"columns": {"prompt": "Befund"}}}, "prompts.columns: given, expected none without"),
        ({"prompts": {"file": "p.csv", "columns": {"age": "A", "sex": "A"}}}, "prompts.columns: 'A' for two"),
        ({"prompts": {"file": "p.csv", "columns": {"image": "A"}}}, "prompts.columns"),
    ):
        with pytest.raises(UserError, match=told):
            parse_config({**BASE, **columns})


@pytest.mark.parametrize("path", CHANGES)
def test_the_hash_moves_exactly_with_what_changes_the_result(path):
    moved = config_hash(changed(path), {}) != config_hash(parse_config(BASE), {})
    assert moved == (path not in (*NEUTRAL, *GROWING))


@given(st.sets(st.sampled_from(sorted(set(CHANGES) - APART))))
def test_equal_hashes_mean_equal_results(paths):
    apart = {*NEUTRAL, *GROWING}
    one, other = changed(*paths), changed(*(p for p in paths if p not in apart))
    assert config_hash(one, {}) == config_hash(other, {})
    assert (config_hash(one, {}) == config_hash(parse_config(BASE), {})) == (paths <= apart)


@given(st.sets(st.sampled_from(sorted(set(CHANGES) - APART))))
def test_a_config_survives_being_written_and_read(paths):
    config = changed(*paths)
    again = parse_config(config.model_dump(mode="json"))
    assert again == config
    assert result_fields(again) == result_fields(config)


EDIT = {"source": "radiographs", "remove": ["effusion"]}
PAIRS = {**BASE, "edit": EDIT, "filters": {name.split(".")[1]: {"enabled": False} for name in PAIRED}}


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({"source": "elsewhere"}, False),
        ({"labels": "labels.csv"}, False),
        ({"remove": ["mass"]}, True),
        ({"add": ["effusion, left"]}, True),
        ({"add": ["mass"], "replace": True}, True),
        ({"tries": 5}, True),
        ({"megapixels": 7}, False),
    ],
)
def test_the_hash_moves_exactly_with_what_changes_an_edit(change, moves):
    one, other = parse_config(PAIRS), parse_config({**PAIRS, "edit": {**EDIT, **change}})
    assert (config_hash(one, {}) != config_hash(other, {})) == moves
    assert parse_config(other.model_dump(mode="json")) == other


@pytest.mark.parametrize(
    ("edit", "others", "message"),
    [
        ({}, {"images": {"model": "fast"}}, "images.model: fast, expected best with edit"),
        ({"remove": []}, {}, "edit: nothing to remove or add, expected a finding"),
        ({"remove": ["cardiomegaly"]}, {}, "edit.remove.0: cardiomegaly, expected one of atelectasis,"),
        ({"remove": ["mass", "mass"]}, {}, "edit.remove: mass, mass, expected each finding once"),
        ({"add": ["fog"]}, {}, "edit.add: 'fog', expected a name"),
        ({"add": ["cardiomegaly"]}, {}, "edit.add: 'cardiomegaly', expected one of"),
        ({"replace": True}, {}, "edit.replace: true, expected something in both remove and add"),
        (
            {"everywhere": True, "add": ["mass"]},
            {},
            "edit.everywhere: with something to add, expected findings to remove alone",
        ),
        ({"tries": 0}, {}, "edit.tries: 0, expected an integer >= 1"),
        ({"remvoe": []}, {}, "edit.remvoe: unknown key, did you mean remove?"),
        ({}, {"candidates": 7}, "candidates: 7, expected an even number with edit"),
        ({}, {"shard_size": 7}, "shard_size: 7, expected an even number with edit"),
        ({}, {"prompts": {"table": "nih"}}, "prompts: given, expected none with edit"),
        ({}, {"images": {"steps": 9}}, "images.steps: 9, expected none with edit"),
        (
            {},
            {"images": {"retry_draws": 2}},
            "images.retry_draws: 2, expected none with edit: edits have edit",
        ),
        ({}, {"images": {"controlnet": "c"}}, "images.controlnet: c, expected none with edit"),
        ({}, {"filters": {}}, "filters.near_duplicate.enabled: true, expected false with edit"),
        (
            {},
            {"filters": {**PAIRS["filters"], "training_copy": {}}},
            "filters.training_copy.enabled: true, expected false with edit",
        ),
        (
            {},
            {"filters": {**PAIRS["filters"], "finding_agreement": {"enabled": False}}},
            "filters.finding_agreement.enabled: false, expected true with edit",
        ),
    ],
)
def test_what_makes_no_sense_for_an_edit_is_told(edit, others, message):
    with pytest.raises(UserError) as error:
        parse_config({**PAIRS, **others, "edit": {**EDIT, **edit}})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_an_edit_needs_a_source():
    with pytest.raises(UserError, match=r"^edit\.source: missing, expected text"):
        parse_config({**PAIRS, "edit": {"remove": ["mass"]}})


def test_the_hash_covers_the_files_that_the_config_names():
    config = parse_config(BASE)
    hashes = {config_hash(config, i) for i in ({}, {"codec": "a"}, {"codec": "b"}, {"x": "a"})}
    assert len(hashes) == 4
    assert config_hash(config, {"a": "1", "b": "2"}) == config_hash(config, {"b": "2", "a": "1"})


def test_a_config_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        parse_config(BASE).seed = 3


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.name)
def test_presets_are_valid(path):
    assert read_config(path)


def test_the_tables_are_those_that_exist():
    assert set(get_args(Prompts.model_fields["table"].annotation)) == set(TABLES)


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ({"guidance": 3.0}, "images.guidance: 3.0, expected none with images.model fast"),
        ({"controlnet": "folder"}, "images.controlnet: folder, expected none with images.model fast"),
    ],
)
def test_the_fast_model_has_no_guidance_of_prompts_and_no_controlnet(images, told):
    with pytest.raises(UserError, match=told):
        parse_config({"candidates": 4, "output": "x", "images": {"model": "fast", **images}})
