"""Whatever is done to a film's file: it is read, or refused in one line, soon and within bounds."""

import warnings

import pytest
from editing import ADD
from editing import call as edit
from mutated_films import mutated, whole
from preparing import call as prepare
from preparing import rows_of, told
from swollen_films import readings

#: Of one film, the last with what interpreter and libraries take (MiB).
SECONDS, MEMORY = 5, 2048
MOST = 300
FORMATS = tuple(whole())


def write(folder, seeds, beside=FORMATS):
    """Mutated films as files, and the whole ones of some formats ``beside`` them."""
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        films = dict(map(mutated, seeds)) | {f"whole {name}": whole()[name] for name in beside}
    for name, data in films.items():
        (folder / name).write_bytes(data)
    return films


def walk(folder, seeds):
    """How many films were read, how many refused, the slowest in seconds, and the most memory in MiB."""
    films = write(folder, seeds)
    found = readings(folder)
    assert found.keys() == films.keys()
    assert not [(name, line) for name, (line, _, _) in found.items() if line.startswith("BUG")]
    assert not [name for name, (line, _, _) in found.items() if name.startswith("whole") and line != "read"]
    assert all(len(line) < 1000 for line, _, _ in found.values())
    read = sum(line == "read" for line, _, _ in found.values())
    slowest, most = (max(row[i] for row in found.values()) for i in (1, 2))
    assert slowest < SECONDS
    assert most < MEMORY
    return read, len(found) - read, slowest, most


def test_mutated_films_are_read_or_told(tmp_path):
    read, refused, *_ = walk(tmp_path / "films", range(60))
    assert min(read, refused) > 10


def by_commands(tmp_path, seeds):
    """`prepare` over a folder, and `edit` over those of its films that are refused: all are told, in turn."""
    folder = tmp_path / "films"
    films = write(folder, seeds, beside=())
    refused = [folder / name for name, (line, _, _) in readings(folder).items() if line != "read"]
    code, _, err = prepare(folder, "--out", tmp_path / "prepared")
    rows = rows_of(tmp_path / "prepared")
    assert code in (0, 2), err
    assert rows.keys() == films.keys()
    assert {path.name for path in refused} <= {name for name, row in rows.items() if row["error"]}
    assert len(told(err)) >= len(refused)
    code, out, lines = edit(*refused, "--out", tmp_path / "edited", *ADD)
    assert (code, out, len(lines)) == (2, "", len(refused) + 1), lines
    assert lines[-1].endswith(f"0 edited, {len(refused)} refused")


@pytest.mark.usefixtures("models_read")
@pytest.mark.slow
def test_the_commands_go_on_over_mutated_films(tmp_path):
    by_commands(tmp_path, range(8))


@pytest.mark.slow
@pytest.mark.timeout(6000)
@pytest.mark.usefixtures("models_read")
def test_three_hundred_mutated_films_are_read_or_told(tmp_path):
    read, refused, slowest, most = walk(tmp_path / "many", range(1000, 1000 + MOST))
    print(f"{read} read, {refused} refused, at most {slowest:.2f} s and {most} MiB")
    by_commands(tmp_path, range(1000, 1000 + MOST))
