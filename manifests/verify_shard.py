"""Is one shard what its commit says: digests, counts, rows, and every member of every sample?"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from filters.verdicts import Status, passes
from manifests import layout
from manifests.annotations import decode_rle
from manifests.commits import Commit, CommittedFile
from manifests.draws import redraws_of
from manifests.errors import DatasetError
from manifests.identity import read_build
from manifests.labels import differing_label, expected_labels
from manifests.marks import MARKED_SINCE, Origin, marks
from manifests.members import (
    ANATOMY_MASKS,
    IMAGE,
    LABELS,
    LESION_MASKS,
    decode_png,
    sample_marks,
    unpack_bits,
)
from manifests.parts import read_part
from manifests.problems import Problem, problem
from manifests.records import image_digest
from manifests.rows import STATUSES
from manifests.schema import Column, filter_columns
from manifests.store import FileInfo, Store
from manifests.tars import read_samples
from synth.cases import Lesion
from synth.findings import ANATOMY, FINDING_NAMES

MEMBERS = frozenset({IMAGE, ANATOMY_MASKS, LESION_MASKS, LABELS})
_TYPES = {IMAGE: np.uint8, ANATOMY_MASKS: np.uint8, LESION_MASKS: np.uint16}


def verify_shard(store: Store, commit: Commit, sizes: Mapping[str, int] | None = None) -> list[Problem]:
    """What is wrong with one shard; ``sizes`` are those of the files that lie there."""
    problems = []
    sizes = store.sizes() if sizes is None else sizes
    if commit.candidates != commit.files[commit.part].rows:
        problems.append(
            Problem(
                layout.commit_path(commit.shard),
                f"{commit.accepted} accepted + {commit.rejected} rejected + {commit.failed} failed "
                "are not the rows of its part",
            )
        )
    damaged = [p for path, file in commit.files.items() for p in check_file(store, path, file.info, sizes)]
    problems += damaged
    if any(p.path == commit.part for p in damaged):
        return problems  # its tars cannot be compared with it
    try:
        table = read_part(store, commit)
    except DatasetError as error:
        return [*problems, problem(commit.part, error)]
    judged_by, build = filter_columns(table.schema), read_build(store)
    rows, filters = table.to_pylist(), list(judged_by)
    origin = Origin.of(build) if build["schema_version"] >= MARKED_SINCE else None
    problems += _check_rows(commit, rows, filters)
    if "draw" in table.column_names:  # since schema version 5
        problems += _check_draws(commit, rows, judged_by, redraws_of(build))
    tars: list[tuple[str, Status]] = [
        (layout.tar_path(commit.shard), "accepted"),
        (layout.rejected_path(commit.shard), "rejected"),
    ]
    for path, status in tars:
        kept = {row["key"]: row for row in rows if row["status"] == status}
        if path in commit.files:
            if not any(p.path == path for p in damaged):
                problems += _check_tar(store, path, kept, commit.files[path], filters, origin)
        elif kept and status == "accepted":
            problems.append(Problem(path, f"is not committed, expected {len(kept)} samples"))
    return problems


def check_file(store: Store, path: str, file: FileInfo, sizes: Mapping[str, int]) -> list[Problem]:
    """Whether a file is there with its size and digest."""
    if (size := sizes.get(path)) is None:
        return [Problem(path, "is missing or cannot be read")]
    if size < 0:
        return [Problem(path, "is no regular file of this dataset")]
    if size != file.bytes:
        what = "is cut off" if size < file.bytes else "has grown"
        return [Problem(path, f"{what}: {size} bytes, expected {file.bytes}")]
    try:
        info = store.info(path)
    except DatasetError as error:
        return [problem(path, error)]
    if info != file:
        return [Problem(path, f"was changed: SHA-256 {info.sha256}, expected {file.sha256}")]
    return []


def _check_rows(commit: Commit, rows: list[dict[str, Any]], filters: list[str]) -> Iterator[Problem]:
    keys = [row["key"] for row in rows]
    if keys != sorted(set(keys)) or (keys[:1], keys[-1:]) != (
        [commit.first_key],
        [commit.last_key],
    ):
        yield Problem(commit.part, f"keys are not {commit.first_key} to {commit.last_key}, each once, rising")
    for status in STATUSES:
        there = sum(row["status"] == status for row in rows)
        if there != getattr(commit, status):
            yield Problem(commit.part, f"{there} rows {status}, expected {getattr(commit, status)}")
    for position, row in enumerate(rows):
        if what := _wrong_row(commit.shard, position, row, filters):
            yield Problem(commit.part, f"row {row['key']}: {what}")


def _wrong_row(shard: int, position: int, row: Mapping[str, Any], filters: list[str]) -> str | None:
    """What contradicts itself in a row, None when nothing does."""
    if (row["shard"], row["position"]) != (shard, position):
        return f"shard {row['shard']}, position {row['position']}, expected {shard} and {position}"
    failing = [name for name in filters if row[f"{name}_verdict"] == "fail"]
    if row["status"] != "failed" and sorted(row["reasons"]) != sorted(failing):
        return f"reasons {row['reasons']}, but {failing} said no"
    if (row["status"] == "failed") != bool(row["error"]):
        return f"{row['status']} with the error {row['error'][:80]!r}"
    if row["status"] != "failed" and (row["status"] == "rejected") != bool(failing):
        return f"{row['status']}, but {failing} said no"
    for name in filters:
        verdict, score, limit, keep = (row[f"{name}_{n}"] for n in ("verdict", "score", "threshold", "keep"))
        if verdict in ("pass", "fail") and passes(score, limit, keep) != (verdict == "pass"):
            return f"{name} is {verdict}, but {score} {keep} {limit} says otherwise"
        if (detail := row[f"{name}_detail"]) is not None and not _is_object(detail):
            return f"{name}_detail is {detail[:80]!r}, expected a JSON object"
    return None


def _check_draws(
    commit: Commit, rows: list[dict[str, Any]], filters: Mapping[str, Column], redraws: int
) -> Iterator[Problem]:
    for row in rows:
        if what := _wrong_draws(row, filters, redraws):
            yield Problem(commit.part, f"row {row['key']}: {what}")


def _wrong_draws(row: Mapping[str, Any], filters: Mapping[str, Column], redraws: int) -> str | None:
    """What of a row's draws contradicts itself, or what its build has drawn again; None when nothing does."""
    last, before = row["draw"], [refusal["draw"] for refusal in row["earlier"]]
    if before != list(range(last)):
        return f"draw {last} after draws {before}, expected each before it"
    if last > redraws or (row["status"] == "rejected" and last < redraws):
        return f"{row['status']} at draw {last}, expected up to {redraws}, and that one of what is rejected"
    for refusal in row["earlier"]:
        scores = {score["filter"]: score for score in refusal["scores"]}
        failing = [name for name, score in scores.items() if score["verdict"] == "fail"]
        if not failing or refusal["reasons"] != failing or len(scores) != len(refusal["scores"]):
            return f"draw {refusal['draw']} refused by {refusal['reasons']}, but {failing} said no"
        for name, score in scores.items():
            value, limit, keep = score["score"], score["threshold"], filters[name].keep
            if value is not None and passes(value, limit, keep) != (score["verdict"] == "pass"):
                said = f"{name} is {score['verdict']}, but {value} {keep} {limit} says otherwise"
                return f"draw {refusal['draw']}: {said}"
    return None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _check_tar(
    store: Store,
    path: str,
    rows: dict[str, dict[str, Any]],
    file: CommittedFile,
    filters: list[str],
    origin: Origin | None,
) -> Iterator[Problem]:
    keys = []
    try:
        for key, members in read_samples(store, path):
            keys.append(key)
            if key in rows:
                yield from _check_sample(f"{path}/{key}", members, rows[key], filters)
                if origin is not None:
                    yield from _check_marks(f"{path}/{key}", members, rows[key], origin)
    except DatasetError as error:
        yield problem(path, error)
        return
    if keys != list(rows):
        yield Problem(path, f"its {len(keys)} keys are not the {len(rows)} of the part")
    if len(keys) != file.rows:
        yield Problem(path, f"{len(keys)} samples, expected {file.rows} as its commit says")


def _check_sample(
    path: str, members: dict[str, bytes], row: dict[str, Any], filters: list[str]
) -> Iterator[Problem]:
    if set(members) != MEMBERS:
        yield Problem(path, f"members {sorted(members)}, expected {sorted(MEMBERS)}")
        return
    pictures = {}
    for extension, dtype in _TYPES.items():
        try:
            pixels = decode_png(members[extension], (row["height"], row["width"]))
        except DatasetError as error:
            yield Problem(f"{path}.{extension}", f"does not decode: {error}")
            continue
        if pixels.dtype != np.dtype(dtype):
            yield Problem(f"{path}.{extension}", f"is {pixels.dtype} {pixels.shape}")
        else:
            pictures[extension] = pixels
    if IMAGE in pictures and image_digest(pictures[IMAGE]) != row["image_sha256"]:
        yield Problem(f"{path}.{IMAGE}", "its pixels are not those of the part")
    if ANATOMY_MASKS in pictures:
        yield from _check_labels(path, members[LABELS], row, pictures[ANATOMY_MASKS], filters)
    if LESION_MASKS in pictures and (what := _wrong_lesions(row, pictures[LESION_MASKS])):
        yield Problem(f"{path}.{LESION_MASKS}", what)


def _check_marks(
    path: str, members: dict[str, bytes], row: dict[str, Any], origin: Origin
) -> Iterator[Problem]:
    for extension, mark in sample_marks(origin, row["key"], row["edit"] or "").items():
        if extension in members and (found := marks(members[extension])) != [mark]:
            what = "has another mark" if found else "has no mark"
            yield Problem(f"{path}.{extension}", f"{what}, expected that of its build and key")


def _check_labels(
    path: str, data: bytes, row: dict[str, Any], anatomy: np.ndarray, filters: list[str]
) -> Iterator[Problem]:
    if anatomy.max() >> len(ANATOMY):
        yield Problem(f"{path}.{ANATOMY_MASKS}", f"has bits beyond its {len(ANATOMY)} structures")
    expected = expected_labels(row, unpack_bits(anatomy, len(ANATOMY)), filters)
    if what := differing_label(data, expected):
        yield Problem(f"{path}.{LABELS}", what)


def _wrong_lesions(row: dict[str, Any], pixels: np.ndarray) -> str | None:
    """What of a sample's lesion masks is not as its row has the lesions, None when all is."""
    shape = (row["height"], row["width"])
    union = np.zeros(shape, np.uint16)
    if row["n_lesions"] != len(row["instances"]):
        return f"{row['n_lesions']} lesions, but its row holds {len(row['instances'])}"
    for lesion in row["instances"]:
        try:
            mask = decode_rle(lesion["rle"], shape)
        except DatasetError as error:
            return f"its row's {lesion['finding']}: {error}"
        box = list(Lesion(lesion["finding"], mask).box) if mask.any() else None
        if (lesion["area"], lesion["bbox"]) != (int(mask.sum()), box):
            return f"its row's {lesion['finding']}: area or bbox is not that of its mask"
        union |= mask.astype(np.uint16) << np.uint16(FINDING_NAMES.index(lesion["finding"]))
    if not np.array_equal(union, pixels):
        return "its masks are not those of the part"
    areas = unpack_bits(pixels, len(FINDING_NAMES)).sum(axis=(1, 2))
    if row["lesion_area"] != {n: int(a) for n, a in zip(FINDING_NAMES, areas, strict=True)}:
        return "its areas are not the lesion_area of the part"
    return None
