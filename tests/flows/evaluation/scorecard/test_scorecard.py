"""Every figure stands in its place, and what was not measured says how to measure it."""

import json

import numpy as np
import pytest
from drawn_records import BUILD, draw_shard, snapshot
from pycocotools import mask as coco_mask
from rich.console import Console
from scored_builds import GROUPS, figures_of, names_of, write_figures

from flows.evaluation.scorecard.part import COMMANDS, Term
from flows.evaluation.scorecard.parts.registry import PARTS
from flows.evaluation.scorecard.shares import clustered_mean, share, unequal
from flows.evaluation.scorecard.writing import write_scorecard
from flows.figures.figure import Figure
from manifests.builds import finalise
from manifests.dataset import Dataset
from manifests.identity import open_build
from manifests.seldom import UNTRUSTED, warning
from manifests.shards import write_shard
from manifests.store import Store

QUIET = Console(quiet=True)


def rows(card, name=None):
    return [r for part in card.parts for r in part.rows if name in (None, r.figure.name)]


def one(card, name, group="all"):
    (row,) = [r for r in rows(card, name) if r.figure.group == group]
    return row.figure


def test_there_are_the_seven():
    assert [part.name for part in PARTS] == [
        "congruence",
        "coverage",
        "constraint",
        "completeness",
        "compliance",
        "comprehension",
        "consistency",
    ]
    assert all(part.reading and part.question.endswith("?") for part in PARTS)


def test_what_was_not_measured_says_so_in_its_place(bare):
    card, _ = bare
    for part in card.parts:
        shown = {row.term for row in part.rows}
        assert shown == set(part.part.terms)  # none is missing, and none is of nowhere
        for row in part.rows:
            if row.source != "build":
                assert row.figure.value is None
                assert row.figure.note == f"not measured: run `{COMMANDS[row.source]}`"
            elif row.figure.value is None:
                assert row.figure.note.startswith("not measured: ")


@pytest.mark.parametrize("source", GROUPS)
def test_no_figure_is_dropped_or_told_twice(full, source):
    card, _ = full
    told = [(r.figure.name, r.figure.group, r.figure.value) for r in rows(card) if r.source == source]
    assert sorted(told) == sorted((f.name, f.group, f.value) for f in figures_of(source))
    assert not [r for r in rows(card) if r.source == source and r.term.title == r.term.name]


def test_a_figure_that_no_part_knows_stands_with_those_of_its_command(finished, tmp_path):
    figures = [
        Figure("novelty", "somebody", 0.25),
        Figure("fd", "experts", None, note="not measured: 3 films"),
    ]
    file = write_figures(tmp_path, "evaluation", finished, figures)
    card = write_scorecard(finished.url, {"evaluation": [file]}, str(tmp_path / "out"), 1000, False, QUIET)
    (row,) = rows(card, "novelty")
    assert row in card.parts[0].rows
    assert one(card, "fd").note == "not measured: 3 films"
    assert "does not hold it" in one(card, "kid").note
    assert "run `synthorax verify" in one(card, "problems").note


def test_differences_between_groups_are_in_consistency(full):
    card, _ = full
    by_group = {f.group: f.value for f in figures_of("evaluation") if f.name == "recall"}
    found = one(card, "gap_recall_sex")
    assert found.value == pytest.approx(abs(by_group["sex=F"] - by_group["sex=M"]))
    assert "sex=F" in found.note
    assert any(r.figure is found or r.figure == found for r in card.parts[-1].rows)


def test_what_the_build_tells_is_what_its_rows_say(bare, finished):
    card, _ = bare
    table = Dataset(finished).manifest()
    accepted = table[table.status == "accepted"]
    assert one(card, "label_complete").value == pytest.approx(accepted.complete.mean())
    assert one(card, "age_known").value == pytest.approx(accepted.age.notna().mean())
    assert one(card, "women").value == pytest.approx((accepted.sex.dropna() == "F").mean())
    assert one(card, "failed").value == pytest.approx((table.status == "failed").mean())
    assert one(card, "accepted").counts["counted"] == len(accepted)
    assert one(card, "identical").value == 0
    assert one(card, "marked").value == 1
    assert one(card, "members").value == 1
    assert one(card, "problems").value == len(card.material.problems)
    assert one(card, "finding_drawn").counts["requests"] == sum(map(len, accepted.findings))


def test_lesions_are_measured_inside_their_structure(bare, finished):
    card, _ = bare
    found = one(card, "lesion_inside", "region=heart")
    shares = []
    for sample in Dataset(finished).samples():
        for row in sample.labels["annotations"]:
            if row["category"] == "cardiomegaly":
                lesion = coco_mask.decode(row["segmentation"]).astype(bool)
                shares.append(lesion[sample.anatomy[2]].sum() / lesion.sum())
    assert found.counts["lesions"] == len(shares) > 0
    assert found.value == pytest.approx(np.mean(shares))
    assert found.low <= found.value <= found.high


def test_a_finding_that_never_occurs_is_told(tmp_path):
    store = Store(tmp_path / "build")
    open_build(store, BUILD)
    records = [r for r in draw_shard(0, 40) if "mass" not in [f.name for f in r.case.findings]]
    write_shard(store, 0, records[:12], {})
    finalise(store)
    card = write_scorecard(store.url, {}, str(tmp_path / "out"), 1000, False, QUIET)
    told = {s.title: s.text for s in card.parts[1].statements}
    assert "mass" in told["Never asked for"]


def test_edited_radiographs_are_said_to_be_of_real_persons(tmp_path):
    store = Store(tmp_path / "build")
    open_build(store, {**BUILD, "config": {"edit": {"remove": ["mass"]}, "licence": "cc-by-4.0"}})
    write_shard(store, 0, draw_shard(0), {})
    finalise(store)
    card = write_scorecard(store.url, {}, str(tmp_path / "out"), 1000, False, QUIET)
    told = {s.title: s.text for part in card.parts for s in part.statements}
    assert told["Who is shown"].startswith("Real persons")
    assert told["Licence"] == "cc-by-4.0, as whoever made the dataset says."


def test_the_same_build_and_files_give_the_same_bytes_and_the_build_stays(full, finished, evidence, tmp_path):
    _, out = full
    before = snapshot(finished)
    write_scorecard(finished.url, evidence, str(tmp_path), 1000, True, QUIET)
    for name in ("scorecard.json", "scorecard.html", "croissant.json"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()
    assert snapshot(finished) == before


def test_the_json_holds_every_figure(full):
    card, out = full
    told = json.loads((out / "scorecard.json").read_text())
    assert told["build"]["hash"] == card.material.identity["hash"]
    assert "path" not in told["build"]
    assert [p["name"] for p in told["parts"]] == [p.name for p in PARTS]
    figures = [f for part in told["parts"] for f in part["figures"]]
    assert len(figures) == len(rows(card))
    assert all(f["measured"] == (f["value"] is not None) for f in figures)
    assert {f["source"] for f in told["files"]} == set(GROUPS)


def test_fewer_samples_may_be_opened(finished, tmp_path):
    card = write_scorecard(finished.url, {}, str(tmp_path), 5, False, QUIET)
    assert 0 < card.material.pictures.samples < len(card.material.accepted)
    assert one(card, "members").counts["samples opened"] == card.material.pictures.samples


def test_every_name_belongs_to_one_part():
    for source in COMMANDS:
        for name in names_of(source):
            assert sum(part.term(name, source) is not None for part in PARTS) == 1, name


def test_a_term_stands_for_names_with_any_text_in_the_place_of_its_star():
    term = Term("ap50*difference", "", "downstream", "")
    assert term.rest("AP50, Mass, difference") == "Mass"
    assert term.rest("AP50, Mass") is None
    assert Term("fd", "", "evaluation", "").rest("fd_inception") is None


def test_shares_have_wilsons_interval():
    figure = share("x", "j", 8, 10, "films")
    assert (round(figure.low, 4), round(figure.high, 4)) == (0.4902, 0.9433)  # Newcombe (1998), method 3
    assert share("x", "j", 0, 0, "films").value is None


def test_means_over_images_count_images_not_lesions():
    same = [[v] * 10 for v in np.linspace(0, 1, 12)]
    apart = [[v] for v in np.linspace(0, 1, 120)]
    wide, narrow = (clustered_mean("x", "j", values, "lesions") for values in (same, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert wide.counts == {"lesions": 120, "images": 12}


def test_unequal_shares_have_a_small_p():
    assert unequal([(90, 100), (50, 100)]) < 1e-6
    assert unequal([(50, 100), (51, 100)]) > 0.5
    assert unequal([(5, 5)]) is None
    assert unequal([(5, 5), (4, 4)]) is None


def test_findings_that_are_seldom_accepted_are_marked(bare):
    card, _ = bare
    seldom = card.material.index.counts.seldom
    assert seldom
    for row in rows(card, "accepted"):
        finding = row.figure.group.partition("finding=")[2]
        assert (UNTRUSTED in row.figure.note) == (finding in seldom)
    (told,) = [s.text for part in card.parts for s in part.statements if s.title.endswith("seldom accepted")]
    assert told == warning(seldom)
