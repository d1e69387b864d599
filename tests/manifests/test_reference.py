import json
from pathlib import Path

from drawn_records import draw_shard

from filters.registry import FILTERS
from manifests import layout
from manifests.marks import Origin
from manifests.members import encode_sample
from manifests.reference import refreshed
from manifests.shards import read_commits

DOCUMENT = Path(__file__).parents[2] / "docs" / "dataset-format.md"


def test_the_documented_tables_are_those_of_the_code():
    text = DOCUMENT.read_text("utf-8")
    assert refreshed(text) == text, "run: python -m manifests.reference docs/dataset-format.md"
    assert text.count("| `near_duplicate_score` |") == 1
    for name, each in FILTERS.items():  # the marks are there, and the table between them
        assert (
            text.count(f"\n| `{name}` | {each.question} | {each.unit} | {each.keep} | {each.limit:g} |") == 1
        )


def test_every_json_field_is_documented(store):
    text = DOCUMENT.read_text("utf-8")
    record = next(r for r in draw_shard(0) if r.candidate and r.candidate.masks.lesions)
    labels = json.loads(encode_sample(record, Origin("ab" * 32, "synthorax 0"))["json"])
    for field in (*labels, *labels["annotations"][0], *labels["scores"][0]):
        assert f"`{field}`" in text, field
    for field in json.loads(store.read(layout.commit_path(0))):
        assert f"`{field}`" in text, field
    for path in read_commits(store)[0].files:
        assert f"\n{path} " in text
