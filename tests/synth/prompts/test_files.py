"""The user's own prompts, and what is told when they are not as they should be."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth.cases import FindingRequest
from synth.errors import UserError
from synth.prompts import tables
from synth.prompts.files import rows_by_image
from synth.prompts.grammar import read_finding
from synth.prompts.sampler import PromptFile

R = FindingRequest


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_text_lines_are_cases_and_repeat(tmp_path: Path) -> None:
    path = write(tmp_path / "p.txt", "Small left effusion, 50-year-old man.\n\nPortable. Odd thing")
    prompts = PromptFile(path)
    assert prompts.length == 2
    first, second, again = (prompts.case(9, f"{i:09d}") for i in range(3))
    assert first.findings == (R("effusion", "left", None, "mild"),)
    assert (first.age, first.sex, first.key, first.seed) == (50, "M", "000000000", 9)
    assert (second.view, second.unparsed) == ("AP", ("Odd thing",))
    assert again.prompt == first.prompt


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_cells_are_told_apart_by_what_a_spreadsheet_writes(tmp_path: Path, sign: str) -> None:
    rows = [
        ("Study", "Report", "Age"),
        ("1", f'"Nodule{sign} left effusion, small"', "61"),
        ("2", "Normal", ""),
    ]
    text = "\ufeff" + "".join(sign.join(row) + "\r\n" for row in rows)
    first, second = (PromptFile(write(tmp_path / "p.csv", text)).case(0, str(i)) for i in range(2))
    assert first.prompt == f"Nodule{sign} left effusion, small"
    assert ({f.name for f in first.findings}, first.age) == ({"nodule", "effusion"}, 61)
    assert (second.prompt, second.age) == ("Normal", None)


def test_columns_override_the_parser_and_empty_cells_do_not(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.csv",
        "id,prompt,age,sex,view,findings\n"
        '1,"Nodule, 40-year-old woman, PA",,,,\n'
        "2,Nodule of a 40-year-old woman,61,male,ap,Pleural Effusion right moderate; cardiomegaly\n"
        "3,Nodule,0,F,PA,none\n",
    )
    plain, overridden, empty = (PromptFile(path).case(0, str(i)) for i in range(3))
    assert (plain.age, plain.sex, plain.view) == (40, "F", "PA")
    assert plain.findings == (R("nodule"),)
    assert (overridden.age, overridden.sex, overridden.view) == (61, "M", "AP")
    assert overridden.findings == (R("effusion", "right", None, "moderate"), R("cardiomegaly"))
    assert (empty.findings, empty.age) == ((), 0)


@pytest.mark.parametrize(
    "text", ["effusion, left, lower", "mild upper pleural_thickening", "Pleural effusion"]
)
def test_a_cell_of_findings_is_written_as_one_finding_of_an_edit_is(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "p.csv", f'prompt,findings\nFilm.,"{text}; mass"\n')
    assert PromptFile(path).rows[0].findings == (read_finding(text), R("mass"))


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    columns = {"prompt": ["Left mass", "Clear"], "age": [33.0, None], "note": [[1], None]}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    first, second = (PromptFile(tmp_path / "p.parquet").case(0, str(i)) for i in range(2))
    assert (first.findings, first.age) == ((R("mass", "left"),), 33)
    assert (second.findings, second.age) == ((), None)


def test_a_byte_order_mark_and_quoted_line_breaks_are_no_trouble(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", '\ufeffprompt\r\n"Right effusion.\nNo mass."\r\nNodule\r\n')
    prompts = PromptFile(path)
    assert prompts.length == 2
    assert prompts.case(0, "0").findings == (R("effusion", "right"),)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.txt", b"fine\nbr\xffken\n", "p.txt: line 2: byte 0xff, expected UTF-8 text"),
        ("p.csv", b"prompt\nfine\n\xe9\n", "p.csv: line 3: byte 0xe9, expected UTF-8 text"),
        ("p.txt", "", "p.txt: no prompts, expected at least one"),
        ("p.csv", "", "p.csv: no prompts, expected at least one"),
        ("p.csv", "prompt\n", "p.csv: no prompts, expected at least one"),
        ("p.csv", "told,age\na,1\n", "p.csv: columns told, age, expected one named 'prompt'"),
        ("p.csv", "prompt,age\na,old\n", "p.csv: line 2: age: 'old', expected whole years"),
        ("p.csv", "prompt,age\na,1\nb,121\n", "p.csv: line 3: age: '121', expected whole years"),
        ("p.csv", "prompt,sex\na,x\n", "p.csv: line 2: sex: 'x', expected F or M"),
        ("p.csv", "prompt,view\na,LL\n", "p.csv: line 2: view: 'LL', expected PA or AP"),
        ("p.csv", "prompt,age\na\n", "p.csv: line 2: 1 cells, expected 2"),
        ("p.csv", "prompt\na,b,c\n", "p.csv: line 2: 3 cells, expected 1"),
        ("p.csv", 'prompt\n"open\n', "p.csv: line 2: unexpected end of data, expected a CSV file"),
        ("p.csv", "prompt,age\n,3\n", "p.csv: line 2: prompt is empty, expected text"),
        ("p.csv", "prompt,findings\na,cough\n", "p.csv: line 2: finding: 'cough', expected a name"),
        ("p.parquet", "not parquet", "p.parquet: not a Parquet file, expected one"),
        ("p.xlsx", "x", "p.xlsx: .xlsx, expected .csv, .parquet, .jsonl or .txt"),
        ("p", "x", "p: no suffix, expected .csv, .parquet, .jsonl or .txt"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError) as error:  # noqa: PT011  the message is compared below
        PromptFile(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["p.csv", "p.txt", "p.parquet"])
def test_a_table_is_read_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    if name == "p.parquet":
        pq.write_table(pa.table({"prompt": ["Normal."] * 20, "more": ["x" * 500] * 20}), path)
    else:
        path.write_text("prompt\n" + "Normal.\n" * 20)
    monkeypatch.setattr(tables, "MOST_ROWS", 19)
    with pytest.raises(UserError, match=rf"{name}: more than 19 rows, expected a smaller table of prompts"):
        PromptFile(path)
    monkeypatch.setattr(tables, "MOST_ROWS", 21)
    monkeypatch.setattr(tables, "MOST_BYTES", path.stat().st_size)
    assert len(PromptFile(path).rows) in (20, 21)  # a line of text may be the head
    monkeypatch.setattr(tables, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(UserError, match=rf"{name}: more than 0 MiB, expected a smaller table"):
        PromptFile(path)


def test_a_few_bytes_that_stand_for_many_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"prompt": ["Normal. " * 200] * 10_000}), path)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(tables, "MOST_BYTES", 100_000)
    with pytest.raises(UserError, match=r"p\.parquet: more than 0 MiB"):
        PromptFile(path)


def test_text_that_is_none_and_a_pipe_are_told(tmp_path: Path) -> None:
    text = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"prompt": text}), tmp_path / "p.parquet")
    os.mkfifo(tmp_path / "p.csv")
    for name, told in (("p.parquet", "not a Parquet file"), ("p.csv", "is no regular file, expected a")):
        with pytest.raises(UserError, match=rf"{name}: {told}") as error:
            PromptFile(tmp_path / name)
        assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    for path in (tmp_path / "missing.csv", tmp_path / "missing.parquet", tmp_path / "d.csv"):
        with pytest.raises(ValueError, match="expected a readable prompt file") as error:
            PromptFile(path)
        assert "\n" not in str(error.value)


def test_a_parquet_row_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["a", ""]}), tmp_path / "p.parquet")
    with pytest.raises(ValueError, match=r"p\.parquet: row 2: prompt is empty, expected text"):
        PromptFile(tmp_path / "p.parquet")


def test_rows_are_found_by_the_image_that_they_name(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,prompt,findings\n./a/b.png,Effusion.,nodule left\nc.dcm,Normal chest.,\n")
    rows = rows_by_image(path)
    assert list(rows) == ["a/b.png", "c.dcm"]
    case = rows["a/b.png"].case(3, "7")
    assert (case.seed, case.key, [f.name for f in case.findings]) == (3, "7", ["nodule"])
    assert PromptFile(path).rows[0].image == "./a/b.png"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "prompt\nNormal.\n", "a.csv: prompt 1: no image, expected a column 'image'"),
        ("a.csv", "image,prompt\na,Normal.\n,Normal.\n", "a.csv: prompt 2: no image"),
        ("a.txt", "Normal.\n", "a.txt: prompt 1: no image"),
        ("a.csv", "image,prompt\na,Normal.\n./a,Mass.\n", "prompt 2: image 'a' again, expected one row"),
    ],
)
def test_rows_without_an_image_of_their_own_are_told(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        rows_by_image(tmp_path / name)


def test_a_parquet_column_of_pictures_is_ignored_as_other_columns_are(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["a"], "image": ["b.png"]}), tmp_path / "names.parquet")
    assert PromptFile(tmp_path / "names.parquet").rows[0].image == "b.png"
    pq.write_table(pa.table({"prompt": ["a"], "image": [b"PNG"]}), tmp_path / "bytes.parquet")
    assert PromptFile(tmp_path / "bytes.parquet").rows[0].image is None
