"""Tables whose columns have names of their own, and JSON lines."""

import json

import pytest

from synth.cases import FindingRequest
from synth.errors import UserError
from synth.prompts.sampler import PromptFile

R = FindingRequest


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def test_a_column_is_read_under_the_name_that_it_is_given(tmp_path):
    path = write(tmp_path / "p.csv", "Befund,Alter,text,age\nLeft mass,61,not this,7\n")
    prompts = PromptFile(path, columns={"prompt": "Befund", "age": "Alter"})
    assert (prompts.rows[0].prompt, prompts.rows[0].age) == ("Left mass", 61)
    assert prompts.notes[0].endswith("columns not read: text, age")
    plain = PromptFile(path)
    assert (plain.rows[0].prompt, plain.rows[0].age) == ("not this", 7)


def test_a_column_that_is_not_there_is_told(tmp_path):
    path = write(tmp_path / "p.csv", "prompt,age\nmass,3\n")
    with pytest.raises(
        UserError, match=r"p\.csv: no column 'Befund', expected .*columns\.prompt.*prompt, age"
    ):
        PromptFile(path, columns={"prompt": "Befund"})
    with pytest.raises(UserError, match=r"columns are named, expected none of \.txt"):
        PromptFile(write(tmp_path / "p.txt", "mass\n"), columns={"prompt": "Befund"})


def test_json_lines_are_rows_and_what_an_object_lacks_is_empty(tmp_path):
    rows = [
        {"prompt": "Nodule of a 40-year-old woman", "note": None},
        {"prompt": "No words for it", "findings": ["effusion right", "nodule"], "age": 33, "sex": "m"},
        {"prompt": "Clear\u2028lungs", "age": 50.0},
    ]
    text = "\ufeff" + "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
    prompts = PromptFile(write(tmp_path / "p.jsonl", text))
    first, second, third = (prompts.case(0, str(i)) for i in range(3))
    assert (first.findings, first.age, first.sex) == ((R("nodule"),), 40, "F")
    assert (second.findings, second.age, second.sex) == ((R("effusion", "right"), R("nodule")), 33, "M")
    assert third.age == 50
    assert any("columns not read: note" in note for note in prompts.notes)


def test_json_lines_under_names_of_their_own(tmp_path):
    path = write(tmp_path / "p.jsonl", '{"Befund": "Left mass"}\n')
    assert PromptFile(path, columns={"prompt": "Befund"}).rows[0].prompt == "Left mass"
    with pytest.raises(UserError, match="expected one named 'prompt'"):
        PromptFile(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "a"', "line 2: not JSON"),
        ('{"prompt": "a", "prompt": "b"}', "line 2: "),
        ('["a"]', "line 2: .*expected a JSON object"),
        ('{"prompt": {"text": "a"}}', "line 2: prompt: .*expected text or a number"),
        ('{"prompt": true}', "line 2: prompt: 'True', expected text or a number"),
        ('{"prompt": ""}', "line 2: prompt is empty"),
        ('{"prompt": "a", "age": 200}', "line 2: age: '200', expected whole years"),
    ],
)
def test_lines_that_are_no_prompt_are_told(tmp_path, line, message):
    path = write(tmp_path / "p.jsonl", '{"prompt": "fine"}\n' + line + "\n")
    with pytest.raises(UserError, match=message) as told:
        PromptFile(path)
    assert "\n" not in str(told.value)


def test_an_empty_file_has_no_prompts(tmp_path):
    with pytest.raises(UserError, match="no prompts, expected at least one"):
        PromptFile(write(tmp_path / "p.jsonl", "\n"))
