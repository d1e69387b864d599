"""A config is read, with what the command line changes of it; a mistake is told in one line."""

import pytest
from config_fields import BASE

from flows.config.reading import apply_overrides, parse_config, read_config
from synth.errors import UserError


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("images.steps=-3", "images.steps: -3, expected an integer >= 1"),
        ("images.retry_draws=-1", "images.retry_draws: -1, expected an integer >= 0"),
        ("images.retry_draws=21", "images.retry_draws: 21, expected an integer >= 0 and <= 20"),
        ("candidates=-1", "candidates: -1, expected an integer >= 1"),
        ("candidates=many", "candidates: many, expected an integer >= 1"),
        ("shard_size=0", "shard_size: 0, expected an integer >= 1"),
        ("seed=1.5", "seed: 1.5, expected an integer >= 0"),
        ("seed=yes", "seed: True, expected an integer >= 0"),
        ("imagse.steps=4", "imagse: unknown key, did you mean images?"),
        ("images.step=4", "images.step: unknown key, did you mean steps?"),
        ("images.device=gpu", "images.device: gpu, expected one of cpu, mps, cuda"),
        ("images.precision=fp16", "images.precision: fp16, expected one of fp32, bf16"),
        ("images.guidance=.nan", "images.guidance: nan, expected a number"),
        ("images=3", "images: 3, expected a group of keys"),
        ("output=", "output: null, expected text that is not empty"),
        ("accepted=999", "accepted: 999, expected at most candidates (64)"),
        ("prompts.findings=[nodul]", "prompts.findings.0: nodul, expected one of atelectasis"),
        ("prompts.weights.nodule=-1", "prompts.weights.nodule: -1, expected a number >= 0"),
        ("prompts.age=[60,40]", "prompts.age: [60, 40], expected the lower age first"),
        ("prompts.age=[60]", "prompts.age.1: missing, expected an integer"),
        ("prompts.sex={F: 0}", "expected a weight above 0"),
        ("filters.integrity.threshold=.inf", "filters.integrity.threshold: inf, expected a number"),
        ("filters.integrty.threshold=1", "did you mean integrity?"),
        ("filters.finding_agreement.expert=torchxrayvision", "needs weights"),
    ],
)
def test_a_mistake_is_one_line_that_names_field_value_and_cure(override, message):
    with pytest.raises(UserError) as caught:
        parse_config(apply_overrides(BASE, [override]), "file demo.yaml", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"(--set {override})")


def test_a_mistake_in_the_file_names_the_file():
    with pytest.raises(UserError) as caught:
        parse_config({**BASE, "images": {"steps": -3}}, "file demo.yaml")
    expected = "images.steps: -3, expected an integer >= 1 or null (file demo.yaml)"
    assert str(caught.value).replace(" and <= 1000", "") == expected


@pytest.mark.parametrize("item", ["seed", "=3", "a..b=3", "seed.x=3", "seed=[1"])
def test_a_malformed_override_is_told(item):
    with pytest.raises(UserError, match="--set"):
        apply_overrides({"seed": 1}, [item])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed: [1", "line 1: not valid YAML"),
        (b"seed: \xff", "not UTF-8"),
        (b"- 1", "expected keys"),
        (b"", "expected keys"),
        (b"seed: 1", "candidates: missing, expected an integer"),
    ],
)
def test_an_unreadable_file_is_told(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_config(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="no such config file"):
        read_config(tmp_path / "none.yaml")
