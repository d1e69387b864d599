"""Builds to export: drawn records whose lesions experts have looked at, and masks hard to outline."""

from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from drawn_records import BUILD, SIZE, draw_record

from filters.lesion_agreement import SCATTERED
from filters.verdicts import decide
from manifests.annotations import decode_rle
from manifests.audit import read_manifest
from manifests.exporting.run import Exported, export
from manifests.exporting.settings import ExportSettings
from manifests.exports.registry import FORMATS, find_format
from manifests.identity import open_build
from manifests.members import unpack_bits
from manifests.records import Record
from manifests.shards import write_shard
from manifests.store import Store
from synth.cases import Lesion, MaskSet
from synth.findings import FINDING_NAMES

#: Names of all formats; one needs its tool to be written at all.
EVERY_FORMAT = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name == "dicom" and find_spec("highdicom") is None, reason="highdicom is not installed"
        ),
    )
    for name in FORMATS
]

#: No expert has a map for it.
SILENT = "fracture"
#: What :func:`often_refused` has refused.
REFUSED = "pneumothorax"


def several_parts() -> np.ndarray:
    """(SIZE, SIZE) bool: two pieces, one of them of two pixels, and pixels that touch at a corner."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[6:26, 8:30] = mask[28:42, 9:28] = mask[44:46, 30] = True
    mask[26, 30] = True
    return mask


def with_hole() -> np.ndarray:
    """(SIZE, SIZE) bool: a ring with a bay, and an island in its hole."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[10:36, 12:40] = True
    mask[16:30, 18:34] = False
    mask[21:25, 24:29] = True
    mask[10:14, 20:22] = False
    return mask


def seen(
    record: Record, values: Callable[[int], float] = lambda number: 0.1 if number == 3 else 0.8
) -> Record:
    """A record that resembles no other, and what the lesion filter saw: ``values`` of those it lists."""
    if record.candidate is None:
        return record
    lesions, findings = [], [x.finding for x in record.candidate.masks.lesions]
    listed = [f for f in findings if f not in SCATTERED] + [
        f for f in dict.fromkeys(findings) if f in SCATTERED
    ]
    for number, finding in enumerate(f for f in listed if f != SILENT):
        lesions.append({"finding": finding, "localisation": values(number), "contrast": 0.1})
    verdicts = tuple(
        replace(v, detail={"lesions": lesions})
        if v.filter == "lesion_agreement" and v.outcome != "skipped"
        else v
        for v in record.verdicts
    )
    return replace(record, verdicts=verdicts, embedding=np.eye(64, dtype=np.float32)[int(record.case.key)])


def often_refused(record: Record) -> Record:
    """As :func:`seen`; refused where it asks for REFUSED, but for one key of 28."""
    record = seen(record)
    asks = REFUSED in {finding.name for finding in record.case.findings}
    if record.status != "accepted" or not asks or not int(record.case.key) % 28:
        return record
    failing = replace(record.verdicts[0], outcome="fail", score=0.0, reason="too blank")
    verdicts = (failing, *record.verdicts[1:])
    decision = decide(verdicts)
    return replace(record, verdicts=verdicts, status=decision.status, reasons=decision.reasons)


def reshaped(record: Record, findings: tuple[str, ...], *masks: np.ndarray) -> Record:
    """The record with other lesions."""
    assert record.candidate is not None
    lesions = tuple(Lesion(f, m) for f, m in zip(findings, masks, strict=True))
    masks_now = MaskSet(record.candidate.masks.anatomy, lesions)
    return replace(record, candidate=replace(record.candidate, masks=masks_now))


def understood(record: Record, complete: bool = True) -> Record:
    """The record, its text understood whole or not."""
    case = replace(record.case, complete=complete)
    candidate = record.candidate and replace(record.candidate, case=case)
    return replace(record, case=case, candidate=candidate)


def accepted_record(index: int) -> Record:
    """A drawn record that no filter refuses."""
    for seed in range(1000):
        record = draw_record(index, seed, p_fail=0.0, p_break=0.0)
        if record.status == "accepted" and all(v.outcome == "pass" for v in record.verdicts):
            return record
    raise AssertionError("no seed gives one")


def build_seen(
    url: Any,
    shards: int = 3,
    size: int = 12,
    change: Callable[[Record], Record] = seen,
    incomplete: Collection[str] = (),
    build: dict[str, Any] = BUILD,
) -> Store:
    """A folder with committed shards; the first two samples have lesions of several parts and with a hole."""
    store = Store(url)
    open_build(store, build)
    for shard in range(shards):
        records = [change(draw_record(i, p_fail=0.02)) for i in range(shard * size, (shard + 1) * size)]
        if not shard:
            hard = [reshaped(accepted_record(0), ("mass",), several_parts())]
            hard += [reshaped(accepted_record(1), ("nodule", "mass"), with_hole(), several_parts())]
            records[:2] = [change(record) for record in hard]
        records = [understood(record, record.case.key not in incomplete) for record in records]
        write_shard(store, shard, records, {"batch_size": 8})
    return store


def exported(source: Store, out: Any, form: str, **settings: Any) -> Exported:
    """An export of a build."""
    return export(source, Store(out), find_format(form), ExportSettings(**settings))


def accepted_rows(store: Store) -> dict[str, dict[str, Any]]:
    """Key to row of each accepted sample."""
    return {row["key"]: row for row in read_manifest(store).to_pylist() if row["status"] == "accepted"}


def instance_masks(row: dict[str, Any]) -> list[np.ndarray]:
    """(H, W) bool of each instance."""
    return [decode_rle(i["rle"], (row["height"], row["width"])) for i in row["instances"]]


def lesion_bits(pixels: np.ndarray) -> np.ndarray:
    """(13, H, W) bool of the pixels of ``lesions.png``."""
    return unpack_bits(pixels, len(FINDING_NAMES))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks, 1 where both are empty."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0
