"""A judged candidate and its row in the manifest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from filters.filter import Filter
from filters.verdicts import Status, Verdict, decide
from manifests.annotations import encode_rle
from manifests.errors import DatasetError
from manifests.schema import part_schema
from synth.cases import Candidate, Case, MaskSet
from synth.findings import FINDING_NAMES

KEY_DIGITS = 9


@dataclass(frozen=True)
class Refusal:
    """A draw of a candidate that filters said no to, so that it was drawn again; ``draw`` counts from 0."""

    draw: int
    verdicts: tuple[Verdict, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The filters that said no, in order."""
        return decide(self.verdicts).reasons


@dataclass(frozen=True)
class Record:
    """What became of one case.

    ``candidate`` is ``None`` only when making it failed. ``verdicts`` name each filter at most
    once. ``reasons`` are the filters that said no, in order: what
    :func:`filters.verdicts.decide` answers. ``embedding``: (D,) float32, D the same for all
    records of a build, or ``None``. ``error`` is one line, empty unless the status is ``failed``.
    ``earlier``: the draws before that of the case, in order, none of them accepted.
    """

    case: Case
    status: Status
    candidate: Candidate | None = None
    verdicts: tuple[Verdict, ...] = ()
    reasons: tuple[str, ...] = ()
    error: str = ""
    embedding: np.ndarray | None = field(default=None, repr=False)
    earlier: tuple[Refusal, ...] = ()

    def __post_init__(self) -> None:
        key = self.case.key
        if not (len(key) == KEY_DIGITS and key.isascii() and key.isdigit()):
            raise DatasetError(f"key: {key!r}, expected {KEY_DIGITS} digits")
        if (self.status == "failed") != bool(self.error):
            raise DatasetError(f"record {key}: {self.status} with error {self.error!r}")
        names = [v.filter for v in self.verdicts]
        if twice := [n for n in names if names.count(n) > 1]:
            raise DatasetError(f"record {key}: filter {twice[0]!r} said twice")
        if self.status != "failed":
            self._check_decision()

    def _check_decision(self) -> None:
        """An audit can replay a decision only if it is the one that the verdicts lead to."""
        key, decision = self.case.key, decide(self.verdicts)
        if self.candidate is None:
            raise DatasetError(f"record {key}: {self.status} without a candidate")
        if (self.status, self.reasons) != (decision.status, decision.reasons):
            raise DatasetError(
                f"record {key}: {self.status} for {self.reasons}, "
                f"but its verdicts say {decision.status} for {decision.reasons}"
            )
        image, size = self.candidate.image, self.candidate.masks.anatomy.shape[1:]
        if image.dtype != np.uint8 or image.shape != size:
            raise DatasetError(f"record {key}: image {image.dtype} {image.shape}, expected uint8 {size}")


def image_digest(image: np.ndarray) -> str:
    """SHA-256 of an (H, W) uint8 image's pixels, row by row: free of how a PNG was packed."""
    return sha256(np.ascontiguousarray(image, dtype=np.uint8).tobytes()).hexdigest()


def records_table(shard: int, records: Sequence[Record], own: Mapping[str, Filter] | None = None) -> pa.Table:
    """The manifest rows of one shard, in the order of the records; ``own`` are filters that do not ship.

    :raises DatasetError: for the verdict of a filter without columns, and for draws that are not told.
    """
    for record in records:
        _check_draws(record)
    rows = [_row(shard, position, record) for position, record in enumerate(records)]
    schema = part_schema(own)
    for row in rows:
        if unknown := row.keys() - set(schema.names):
            raise DatasetError(f"record {row['key']}: {min(unknown)!r}, expected a column of the manifest")
    return pa.Table.from_pylist(rows, schema=schema)


def _check_draws(record: Record) -> None:
    """A row tells of every draw, and no draw follows one that was accepted."""
    told = [refusal.draw for refusal in record.earlier if refusal.reasons]
    if told != list(range(record.case.draw)):
        raise DatasetError(
            f"record {record.case.key}: draw {record.case.draw} after refused draws {told}, "
            "expected each before it"
        )


def _row(shard: int, position: int, record: Record) -> dict[str, Any]:
    case = record.case
    row: dict[str, Any] = {
        "key": case.key,
        "shard": shard,
        "position": position,
        "seed": case.seed,
        "status": record.status,
        "reasons": list(record.reasons),
        "error": record.error,
        "prompt": case.prompt,
        "unparsed": list(case.unparsed),
        "complete": case.complete,
        "findings": [
            {"name": f.name, "side": f.side, "zone": f.zone, "severity": f.severity} for f in case.findings
        ],
        "age": case.age,
        "sex": case.sex,
        "view": case.view,
        "pair": case.pair or None,
        "source_sha256": case.source_sha256 or None,
        "edit": case.edit or None,
        "draw": case.draw,
        "earlier": [_refusal(refusal) for refusal in record.earlier],
    }
    if record.candidate is not None:
        row |= _result(record.candidate.image, record.candidate.masks)
    for verdict in record.verdicts:
        row |= _verdict(verdict)
    if record.embedding is not None:
        row["embedding"] = np.asarray(record.embedding, dtype=np.float32).ravel()
    return row


def _refusal(refusal: Refusal) -> dict[str, Any]:
    scores = [
        {"filter": v.filter, "verdict": v.outcome, "score": v.score, "threshold": v.threshold}
        for v in refusal.verdicts
    ]
    return {"draw": refusal.draw, "reasons": list(refusal.reasons), "scores": scores}


def _result(image: np.ndarray, masks: MaskSet) -> dict[str, Any]:
    areas = masks.lesion_channels().sum(axis=(1, 2))
    return {
        "width": image.shape[1],
        "height": image.shape[0],
        "n_lesions": len(masks.lesions),
        "lesion_area": {n: int(a) for n, a in zip(FINDING_NAMES, areas, strict=True)},
        "instances": [
            {
                "finding": lesion.finding,
                "bbox": list(lesion.box),
                "area": int(lesion.mask.sum()),
                "rle": encode_rle(lesion.mask)["counts"],
            }
            for lesion in masks.lesions
        ],
        "image_sha256": image_digest(image),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    name = verdict.filter
    return {
        f"{name}_verdict": verdict.outcome,
        f"{name}_score": verdict.score,
        f"{name}_threshold": verdict.threshold,
        f"{name}_keep": verdict.keep,
        f"{name}_reason": verdict.reason or None,
        f"{name}_detail": json.dumps(verdict.detail, sort_keys=True),
    }
