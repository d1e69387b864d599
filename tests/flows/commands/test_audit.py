"""An audit says who is accepted, by what was asked for, and in words where that is far from the rest."""

import re

from drawn_records import REDRAWN, build_store, draw_redrawn_shard, finalised_by_sex

from flows.commands import audit
from manifests.identity import open_build
from manifests.selection import GROUPS
from manifests.shards import write_shard
from manifests.store import Store


def test_shares_stand_in_a_table_and_in_words(tmp_path, capsys):
    audit.run(finalised_by_sex(tmp_path / "out").url, [])
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert [group for group in GROUPS if not any(line[:1] == group.split()[:1] for line in lines)] == []
    assert any(line[:2] == ["sex", "F"] and line[-1] == "0%" for line in lines), said
    assert "far from the share of all: sex F: 0% of " in said


def test_draws_stand_beside_candidates_only_where_a_build_drew_again(tmp_path, capsys):
    store = Store(tmp_path / "again")
    open_build(store, REDRAWN)
    for shard in range(3):
        write_shard(store, shard, draw_redrawn_shard(shard, p_fail=0.15), {})
    audit.run(store.url, [])
    said = capsys.readouterr().out
    assert re.search(r"up to 3 draws a candidate, [12]\.\d\d on average: \d+% of \d+ draws and \d+% of", said)
    lines = [line.split() for line in said.splitlines()]
    at = lines.index(["draw", "judged", "accepted", "share"])
    assert [line[0] for line in lines[at + 1 : at + 4]] == ["0", "1", "2"]
    accepted = sum(int(line[2]) for line in lines[at + 1 : at + 4])
    assert f" = {accepted} accepted + " in said
    audit.run(store.url, ["filters.finding_agreement.threshold=0.2"])
    said = capsys.readouterr().out
    counts = [int(count) for count, _ in re.findall(r"(\d+) at draw (\d)", said)]
    assert sum(counts) == int(re.search(r": (\d+) accepted, ", said)[1]) > accepted
    once = build_store(tmp_path / "once")
    for overrides in ([], ["filters.integrity.threshold=0.2"]):
        audit.run(once.url, overrides)
        assert "draw" not in capsys.readouterr().out.replace("drawn", "")
