"""An audit says who is accepted, by what was asked for, and in words where that is far from the rest."""

from drawn_records import finalised_by_sex

from flows.commands import audit
from manifests.selection import GROUPS


def test_shares_stand_in_a_table_and_in_words(tmp_path, capsys):
    audit.run(finalised_by_sex(tmp_path / "out").url, [])
    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert [group for group in GROUPS if not any(line[:1] == group.split()[:1] for line in lines)] == []
    assert any(line[:2] == ["sex", "F"] and line[-1] == "0%" for line in lines), said
    assert "far from the share of all: sex F: 0% of " in said
