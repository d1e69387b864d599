"""What tests of `synthorax study` share: a drawn build, drawn real films, readers with known error rates."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from drawn_exports import build_seen
from drawn_records import BUILD, draw_record
from editing import film, save
from typer.testing import CliRunner

from flows.cli import app
from flows.evaluation.study.answers import COLUMNS, NONE
from flows.evaluation.study.key import Key, read_key
from manifests.identity import open_build
from manifests.shards import write_shard
from manifests.store import Store


class Rates(NamedTuple):
    """What a reader takes for real, ticks and finds useful, as shares."""

    synthetic: float = 0.6
    real: float = 0.85
    sensitivity: float = 0.8
    specificity: float = 0.95
    useful: float = 0.4


USUAL = Rates()


def study(*words):
    """(exit code, stdout, lines on stderr) of `synthorax study`."""
    done = CliRunner().invoke(app, ["study", *map(str, words)])
    return done.exit_code, done.stdout, [line for line in done.stderr.splitlines() if line.strip()]


def real_folder(folder: Path, count: int = 10, labelled: bool = True) -> Path:
    """Drawn films of ``count`` patients, each other one with a label and a box."""
    for i in range(count):
        save(folder / "images" / f"{i:02d}.png", film(i)[0])
    if labelled:
        rows = [
            f"{i:02d}.png,p{i},{40 + i},F,PA,{'Effusion' if i % 2 else 'No Finding'}" for i in range(count)
        ]
        (folder / "labels.csv").write_text("image,patient,age,sex,view,findings\n" + "\n".join(rows) + "\n")
        boxes = [f"{i:02d}.png,Effusion,20,150,60,50,drawn" for i in range(1, count, 2)]
        (folder / "boxes.csv").write_text("image,finding,x,y,w,h,source\n" + "\n".join(boxes) + "\n")
    return folder


def drawn_build(folder: Path) -> str:
    """A finished or half-finished build with some thirty accepted films."""
    return build_seen(folder).url


def odd_build(folder: Path, status: str) -> str:
    """A build with twelve candidates that are all rejected, or none of which shows a finding."""
    store = Store(folder)
    open_build(store, BUILD)
    records = [draw_record(i, p_fail=1.0 if status == "rejected" else 0.0, p_break=0.0) for i in range(12)]
    if status == "healthy":
        records = [_healthy(record) for record in records]
    write_shard(store, 0, records, {"batch_size": 8})
    return store.url


def _healthy(record):
    masks = replace(record.candidate.masks, lesions=())
    return replace(
        record,
        case=replace(record.case, findings=()),
        candidate=replace(record.candidate, case=replace(record.case, findings=()), masks=masks),
    )


def answered(key: Key, reader: str, rates: Rates, rng: np.random.Generator) -> bytes:
    """The CSV of one simulated reader."""
    rows = [list(COLUMNS)]
    for known in key.sealed.films:
        taken = rng.random() < (rates.real if known.kind == "real" else rates.synthetic)
        seen = [
            name
            for name in key.sealed.findings
            if rng.random() < (rates.sensitivity if name in known.shows else 1 - rates.specificity)
        ]
        grades = [(n, 2 if rng.random() < rates.useful else rng.integers(2)) for n in known.overlays]
        useful = "|".join(f"{name}={grade}" for name, grade in grades)
        grade = rng.integers(3, 5) if taken else rng.integers(1, 3)
        said = [str(grade), str(rng.integers(1, 6)), "|".join(seen) or NONE, useful]
        rows.append([key.seal, reader, known.id, *said])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def write_answers(
    kit: Path, folder: Path, rates: Rates = USUAL, readers: int = 3, seed: int = 0
) -> list[Path]:
    """Files of so many simulated readers."""
    folder.mkdir(exist_ok=True)
    key, paths = read_key(kit / "key.json"), []
    for r in range(readers):
        paths.append(folder / f"r{r}.csv")
        paths[-1].write_bytes(answered(key, f"r{r}", rates, np.random.default_rng([seed, r])))
    return paths
