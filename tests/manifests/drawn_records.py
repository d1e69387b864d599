"""Records to write: real candidates whose pixels NumPy draws from the key."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from filters.registry import FILTERS
from filters.verdicts import Verdict, decide, passes
from manifests.builds import finalise
from manifests.identity import open_build
from manifests.records import Record, Refusal
from manifests.shards import write_shard
from manifests.store import Store
from synth.cases import Candidate, Case, FindingRequest, Lesion, MaskSet
from synth.findings import FINDING_NAMES

SIZE = 48
BUILD: dict[str, Any] = {
    "config": {"seed": 7, "images": {"size": SIZE, "steps": 24}},
    "config_hash": "c0ffee",
    "weights": {"images/unet.safetensors": "ab" * 32},
}


#: As BUILD, of one that has what is refused drawn again.
REDRAWS = 2
REDRAWN: dict[str, Any] = BUILD | {
    "config": {"seed": 7, "images": {"size": SIZE, "steps": 24, "retry_draws": REDRAWS}}
}


def _disc(y: float, x: float, ry: float, rx: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    return ((rows - y) / ry) ** 2 + ((columns - x) / rx) ** 2 < 1


def draw_masks(rng: np.random.Generator, findings: Sequence[str]) -> MaskSet:
    """Lungs, heart and clavicles as ellipses, one or two lesions for each finding."""
    anatomy = np.stack(
        [
            _disc(0.5, 0.3, 0.3, 0.15),
            _disc(0.5, 0.7, 0.3, 0.15),
            _disc(0.6, 0.55, 0.18, 0.18),
            _disc(0.18, 0.3, 0.04, 0.15),
            _disc(0.18, 0.7, 0.04, 0.15),
        ]
    )
    lesions = [
        Lesion(name, _disc(*rng.uniform(0.3, 0.7, 2), *rng.uniform(0.05, 0.12, 2)))
        for name in findings
        for _ in range(rng.integers(1, 3))
    ]
    return MaskSet(anatomy, tuple(lesions))


def draw_verdicts(rng: np.random.Generator, p_fail: float = 0.1) -> tuple[Verdict, ...]:
    """A verdict of each filter; the score decides the outcome, some are skipped or NaN."""
    verdicts = []
    for name, known in FILTERS.items():
        draw = rng.random()
        if draw < 0.1:
            verdicts.append(Verdict(name, "skipped", None, 0.5, known.keep, detail={"why": "no lesion"}))
            continue
        sign = 1.0 if known.keep == ">=" else -1.0
        good = rng.random() >= p_fail
        score = float("nan") if draw > 0.995 else 0.5 + sign * rng.random() * (0.5 if good else -0.5)
        ok = passes(score, 0.5, known.keep)
        verdicts.append(
            Verdict(
                name,
                "pass" if ok else "fail",
                score,
                0.5,
                known.keep,
                "" if ok else "too far off",
                {"sub": round(float(rng.random()), 4)},
            )
        )
    return tuple(verdicts)


def draw_record(index: int, seed: int = 0, p_fail: float = 0.1, p_break: float = 0.05) -> Record:
    """The record of one key: its content depends on the key and the seed alone."""
    rng = np.random.default_rng([seed, index])
    picked = rng.choice(FINDING_NAMES, rng.integers(0, 4), replace=False).tolist()
    case = Case(
        key=f"{index:09d}",
        seed=seed,
        prompt=f"Chest radiograph; {', '.join(picked) or 'no acute finding'}.",
        findings=tuple(FindingRequest(n, rng.choice(["left", "right", None])) for n in picked),
        age=int(rng.integers(20, 90)) if rng.random() < 0.5 else None,
        sex=rng.choice(["F", "M", None]),
        view=rng.choice(["PA", "AP", None]),
        unparsed=("with a scarf",) if rng.random() < 0.2 else (),
    )
    case = replace(case, complete=not case.unparsed)
    if rng.random() < p_break:
        return Record(case, "failed", error="image: RuntimeError: out of luck")
    masks = draw_masks(rng, picked)
    image = (rng.normal(90, 12, (SIZE, SIZE)) - 50 * masks.lungs).clip(0, 255).astype(np.uint8)
    verdicts = draw_verdicts(rng, p_fail)
    decision = decide(verdicts)
    embedding = rng.normal(size=16).astype(np.float32)
    return Record(
        case,
        decision.status,
        Candidate(case, masks, image),
        verdicts,
        decision.reasons,
        embedding=embedding / np.linalg.norm(embedding),
    )


def draw_shard(shard: int, size: int = 10, **options: Any) -> list[Record]:
    """The records of one shard of fixed size."""
    return [draw_record(i, **options) for i in range(shard * size, (shard + 1) * size)]


def drawn_again(record: Record, redraws: int = REDRAWS, p_fail: float = 0.1) -> Record:
    """A record whose refused draws were followed by others, up to so many, with the same masks."""
    rng = np.random.default_rng([record.case.seed, int(record.case.key), 1])
    while record.status == "rejected" and record.case.draw < redraws:
        assert record.candidate is not None
        refusal = Refusal(record.case.draw, record.verdicts)
        case = replace(record.case, draw=record.case.draw + 1)
        image = rng.integers(0, 256, (SIZE, SIZE), np.uint8)
        verdicts = draw_verdicts(rng, p_fail)
        decision = decide(verdicts)
        record = replace(
            record,
            case=case,
            status=decision.status,
            candidate=Candidate(case, record.candidate.masks, image),
            verdicts=verdicts,
            reasons=decision.reasons,
            earlier=(*record.earlier, refusal),
        )
    return record


def draw_redrawn_shard(shard: int, size: int = 10, p_fail: float = 0.1, **options: Any) -> list[Record]:
    """As :func:`draw_shard`, of a build of REDRAWN: what is refused is drawn again."""
    return [drawn_again(r, p_fail=p_fail) for r in draw_shard(shard, size, p_fail=p_fail, **options)]


def build_store(url: Any, shards: int = 3, size: int = 10, **options: Any) -> Store:
    """A folder with committed shards, not finalised."""
    store = Store(url)
    open_build(store, BUILD)
    for shard in range(shards):
        write_shard(store, shard, draw_shard(shard, size, **options), {"batch_size": 8})
    return store


def snapshot(store: Store) -> dict[str, str]:
    """Path to digest of every file."""
    return {path: store.info(path).sha256 for path in store.list()}


def finalised_by_sex(folder: Path) -> Store:
    """A finished dataset in which men are accepted and women are not."""
    store = Store(folder)
    open_build(store, BUILD)
    records = []
    for record in (draw_record(i, p_break=0.0) for i in range(60)):
        assert record.candidate is not None
        case = replace(record.case, sex="M" if record.status == "accepted" else "F")
        records.append(replace(record, case=case, candidate=replace(record.candidate, case=case)))
    write_shard(store, 0, records, {})
    finalise(store)
    return store
