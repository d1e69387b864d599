"""Small sets to evaluate: a build of drawn films, and real ones laid out like shared/data."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from drawn_films import drawn_film
from drawn_records import BUILD, draw_record
from PIL import Image

from flows.evaluation.sets.real import _unseen
from flows.material.films import part_of
from manifests.identity import open_build
from manifests.shards import write_shard
from manifests.store import Store
from synth.cases import FindingRequest, Lesion, MaskSet
from synth.images.radiographs import normalise_exposure, to_uint8

SIDE = 128
COLUMNS = ("image", "patient", "age", "sex", "view", "findings")


def held_out_patients(count: int) -> list[str]:
    """Of those whom nobody learned from."""
    numbers = (str(n) for n in range(100_000))
    return [n for n, _ in zip((n for n in numbers if _held_out(n)), range(count), strict=False)]


def _held_out(patient: str) -> bool:
    return part_of(patient) == "test" and _unseen({"patient": patient})


def real_films(folder: Path, count: int = 48) -> Path:
    """Two films a patient, every other one with an effusion in a box; and one film that was learned from."""
    images = folder / "nih" / "images"
    images.mkdir(parents=True)
    rows, boxes = [], []
    for i, patient in enumerate(np.repeat(held_out_patients(count // 2), 2)):
        Image.fromarray(drawn_film(1000 + i, SIDE)[0]).save(images / f"{i}.png")
        label = ("No Finding", "Effusion")[i % 2]
        rows.append((f"{i}.png", patient, 25 + i, "FM"[i // 2 % 2], ("PA", "AP")[i // 4 % 2], label))
        if i % 2:
            boxes.append((f"{i}.png", "Effusion", 60, 300, 120, 120))
    rows.append(("learned.png", next(str(n) for n in range(99) if not _held_out(str(n))), 50, "F", "PA", ""))
    _table(folder / "nih" / "labels.csv", COLUMNS, rows)
    _table(folder / "nih" / "boxes.csv", ("image", "finding", "x", "y", "w", "h"), boxes)
    return folder


def _table(path: Path, columns: tuple[str, ...], rows: list[tuple]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)


def drawn_build(folder: Path, count: int = 8, seed: int = 0, finding: str = "effusion", **changes) -> Store:
    """A build, not finalised, of films as the real ones are drawn; every other asks for a finding."""
    store = Store(str(folder))
    open_build(store, BUILD | changes)
    write_shard(store, 0, [_record(i, seed, finding) for i in range(count)], {})
    return store


def _record(index: int, seed: int, finding: str):
    record = next(
        r for s in range(99) if (r := draw_record(index, s, p_fail=0, p_break=0)).status == "accepted"
    )
    drawn, anatomy = drawn_film(seed * 1000 + index, SIDE)
    image = to_uint8(normalise_exposure(drawn / np.float32(255)))  # as models draw them
    lesion = np.zeros((SIDE, SIDE), bool)
    lesion[75:100, 15:40] = True
    asked = index % 2 == 1
    masks = MaskSet(anatomy, (Lesion(finding, lesion),) if asked else ())
    case = replace(
        record.case,
        findings=(FindingRequest(finding),) if asked else (),
        age=25 + index,
        sex="FM"[index // 2 % 2],
        view=("PA", "AP")[index // 4 % 2],
        unparsed=(),
        complete=True,
    )
    return replace(
        record, case=case, candidate=replace(record.candidate, case=case, masks=masks, image=image)
    )
