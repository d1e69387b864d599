import pytest

from filters.own import load_all, load_own
from filters.registry import FILTERS
from synth.errors import UserError

FILE = """
from filters.filter import Filter
from filters.verdicts import Score

FILTER = Filter(NAME, "is there", "1 if there", lambda evidence: Score(1.0, ""), threshold=LIMIT)
"""


def written(folder, name='"mine"', limit="0.5", file="mine.py"):
    path = folder / file
    path.write_text(FILE.replace("NAME", name).replace("LIMIT", limit))
    return path


def test_a_file_is_a_filter_and_its_digest(tmp_path):
    own, digest = load_own(written(tmp_path))
    assert (own.name, own.limit, len(digest)) == ("mine", 0.5, 64)
    assert load_all([written(tmp_path)])[1] == {"filters/own/mine.py": digest}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": '"integrity"'}, "ships already"),
        ({"name": '"my filter"'}, "FILTER.name: 'my filter', expected lower-case letters"),
        ({"name": "unknown"}, "NameError"),
        ({"limit": "None"}, "FILTER.threshold: none"),
        ({"limit": "float('nan')"}, "FILTER.threshold: nan, expected a finite number"),
    ],
)
def test_one_that_cannot_be_is_told_in_a_line_with_its_file(tmp_path, changes, told):
    with pytest.raises(UserError, match=r"filters\.own: ") as error:
        load_own(written(tmp_path, **changes))
    assert told in str(error.value)
    assert "mine.py" in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_hold_none_and_names_that_stand_twice(tmp_path):
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(UserError, match="FILTER is None"):
        load_own(tmp_path / "empty.py")
    with pytest.raises(UserError, match="expected a Python file"):
        load_own(tmp_path / "nowhere.py")
    with pytest.raises(UserError, match="again"):
        load_all([written(tmp_path), written(tmp_path, file="other.py")])
    assert "mine" not in FILTERS
