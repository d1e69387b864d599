"""What is not understood is never called normal: prompts of many kinds, none of a healthy chest."""

import random

import pytest

from synth.findings import FINDINGS
from synth.prompts.files import PromptFile
from synth.prompts.reports import parse

OUTSIDE = (
    *("pulmonary oedema", "pulmonary edema with Kerley B lines", "vascular congestion", "a hiatal hernia"),
    *("scoliosis", "subcutaneous emphysema", "pneumoperitoneum", "rib notching", "an endotracheal tube"),
    *("sternal wires", "a pacemaker", "pneumomediastinum", "elevated hemidiaphragm", "lymphadenopathy"),
    *("interstitial markings that are increased", "goitre", "dextrocardia", "tortuous aorta"),
    *("aortic calcifications", "degenerative changes of the spine", "ground glass", "bronchiectasis"),
    *("perihilar haze", "cavitation", "a foreign body", "cephalization", "situs inversus", "thymoma"),
)
FOREIGN = (
    "Kleiner Pleuraerguss links.",
    "Verdichtung im rechten Unterlappen, Pneumonie.",
    "Épanchement pleural gauche.",
    "Derrame pleural izquierdo moderado.",
    "Cardiomegalia y congestión.",
    "左侧少量胸腔积液。",
    "右肺上叶肿块",
    "両側胸水あり。",
    "Небольшой плевральный выпот слева.",
    "انصباب جنبي أيسر صغير",
    "Mały płyn w jamie opłucnej po lewej.",
)
UNSURE = ("Cannot exclude {}.", "Possible {}.", "{}?", "Questionable {}.", "May represent {}.")
SAID = ("{}.", "There is {}.", "Film of a 50-year-old man. {}.", "Clear lungs, but {}.", "Normal heart. {}.")
CONTROLS = ("\x1b[31m{}\x1b[0m", "{}\x07", "\x00{}", "\u200b{}", "{}\u202e")


def misspelt(name: str, rng: random.Random) -> str:
    """A finding with two letters of its longest word swapped, or one lost."""
    *rest, word = sorted(name.split(), key=len)
    at = rng.randrange(1, len(word) - 2)
    lost, swapped = word[:at] + word[at + 1 :], word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join([*rest, rng.choice((lost, swapped) if swapped != word else (lost,))])


def prompts() -> list[str]:
    rng, names = random.Random(5), [f.title.lower() for f in FINDINGS.values()]
    out = [t.format(x) for t in SAID for x in OUTSIDE] + list(FOREIGN)
    out += [t.format(x) for t in UNSURE for x in (*names, *OUTSIDE)]
    out += [t.format(misspelt(name, rng)) for t in SAID for name in names for _ in range(5)]
    out += [c.format(t.format(x)) for c in CONTROLS for t in SAID[:2] for x in (*FOREIGN, *OUTSIDE)]
    return out


def test_of_a_thousand_such_prompts_none_is_normal() -> None:
    every = prompts()
    assert len(every) >= 1000
    assert [text for text in every if parse(text).complete and not parse(text).findings] == []


def test_what_a_file_holds_of_them_is_told_and_can_be_left_out(tmp_path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("Normal chest.\nPulmonary edema.\n左侧少量胸腔积液。\nLeft effusion.\nPossible mass.\n")
    prompts = PromptFile(path)
    assert [prompts.case(0, str(i)).normal for i in range(5)] == [True, False, False, False, False]
    assert [prompts.case(0, str(i)).complete for i in range(5)] == [True, False, False, True, False]
    assert prompts.case(0, "2").unparsed == ("左侧少量胸腔积液。",)
    (note,) = prompts.notes
    assert "3 of 5 prompts hold text that was not understood, and are drawn, never called normal" in note
    assert "line 2: 'Pulmonary edema'" in note
    understood = PromptFile(path, understood=True)
    assert [row.prompt for row in understood.rows] == ["Normal chest.", "Left effusion."]
    assert "are left out" in understood.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "No acute cardiopulmonary abnormality. Heart size is normal.",
        "The lungs are clear. No pneumothorax or pleural effusion. No pulmonary edema.",
        "PA chest X-ray, 45-year-old woman. Normal chest.",
        "Heart and mediastinum within normal limits. Lungs well expanded and clear.",
    ],
)
def test_a_healthy_chest_stays_one(text: str) -> None:
    assert parse(text).complete, parse(text)


def test_columns_and_text_that_contradict_each_other_are_told(tmp_path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "Text,Patient Age,Gender,View Position,Finding Labels,site\n"
        "PA film of a 40-year-old woman. Left effusion.,41,M,AP,nodule,x\n"
        "Left effusion.,41,M,AP,effusion left,x\n"
    )
    prompts = PromptFile(path)
    case = prompts.case(0, "0")
    assert (case.age, case.sex, case.view, [f.name for f in case.findings]) == (41, "M", "AP", ["nodule"])
    ignored, contradicted = prompts.notes
    assert "columns not read: site" in ignored
    assert "1 of 2 rows contradict their own text" in contradicted
    for told in ("age: column 41, text 40", "sex: column M", "view: column AP", "findings: column nodule"):
        assert told in contradicted


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("prompt,age,Age\na,1,2\n", "columns age, Age, expected one for age"),
        ("prompt,gender,sex\na,F,F\n", "columns gender, sex, expected one for sex"),
        ("prompt|age\na|1\n", r"columns prompt\|age, expected one named 'prompt'"),
        ("prompt;age;Age\na;1;2\n", "columns age, Age, expected one for age"),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused(tmp_path, content: str, told: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=told):
        PromptFile(path)


def test_escapes_of_a_terminal_eat_no_side(tmp_path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("\x1b[1mLeft\x1b[0m effusion.\n")
    (request,) = PromptFile(path).case(0, "0").findings
    assert (request.name, request.side) == ("effusion", "left")


def test_a_prompt_is_cut_where_it_gets_too_long_and_is_told(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(f"prompt,findings\nNo acute abnormality. {'Normal. ' * 5000}Large mass.,\nNormal.,\n")
    prompts = PromptFile(path, longest=100)
    long, plain = (prompts.case(0, str(i)) for i in range(2))
    assert len(long.prompt) == 100
    assert (long.complete, long.normal) == (False, False)  # a mass may follow, and does
    assert plain.normal
    told = f"{path}: 1 of 2 prompts are longer than is read, and are cut, e.g. {path}: line 2"
    assert told in prompts.notes
    assert len(PromptFile(path, understood=True, longest=100).rows) == 1
    assert PromptFile(path, longest=100_000).case(0, "0").findings[0].name == "mass"
