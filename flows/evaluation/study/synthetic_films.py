"""Films of a build that readers are shown: accepted ones, drawn at random."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flows.evaluation.study.film import Film, Overlay, outline
from manifests import layout
from manifests.annotations import decode_rle
from manifests.audit import read_manifest
from manifests.commits import read_commits
from manifests.errors import DatasetError
from manifests.marks import REAL, source_of
from manifests.members import IMAGE, decode_png
from manifests.store import Store
from manifests.tars import read_samples
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.images.radiographs import normalise_exposure, to_uint8


def synthetic_films(store: Store, count: int, rng: np.random.Generator) -> list[Film]:
    """``count`` accepted films in the order of their keys, exposed as real ones are.

    :raises UserError: where fewer were accepted, in one line.
    """
    rows = [r for r in read_manifest(store).to_pylist() if _is_synthetic(r)]
    if len(rows) < count:
        raise UserError(
            f"{store.url}: {len(rows)} accepted synthetic films, expected --films {count} or more"
        )
    chosen = {rows[i]["key"]: rows[i] for i in np.sort(rng.choice(len(rows), count, replace=False))}
    images = _images(store, chosen)
    return [_film(row, images[key]) for key, row in chosen.items()]


def _is_synthetic(row: Mapping[str, Any]) -> bool:
    """Whether it was accepted, and is no real film that an edit began with."""
    return row["status"] == "accepted" and source_of(row["edit"] or "") != REAL


def _images(store: Store, chosen: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for shard, commit in read_commits(store).items():
        if not any(commit.first_key <= key <= commit.last_key for key in chosen):
            continue
        path = layout.tar_path(shard)
        for key, members in read_samples(store, path):
            if key in chosen:
                if IMAGE not in members:
                    raise DatasetError(f"{path}/{key}.{IMAGE}: is missing, expected in every sample")
                found[key] = _square(decode_png(members[IMAGE]), f"{path}/{key}.{IMAGE}")
    if absent := [key for key in chosen if key not in found]:
        raise DatasetError(f"{store.url}: {absent[0]} is in no tar, expected every accepted sample")
    return found


def _square(image: np.ndarray, where: str) -> np.ndarray:
    if image.dtype != np.uint8 or image.shape[0] != image.shape[1]:
        raise DatasetError(f"{where}: {image.shape} {image.dtype}, expected a square of 8 bits")
    return image


def _film(row: Mapping[str, Any], image: np.ndarray) -> Film:
    drawn = {lesion["finding"] for lesion in row["instances"]}
    asked = {finding["name"] for finding in row["findings"]}
    lacks = set(FINDING_NAMES) - drawn - asked if row.get("complete", True) else set()
    return Film(
        kind="synthetic",
        source=row["key"],
        image=to_uint8(normalise_exposure(image.astype(np.float32) / 255)),
        shows=frozenset(drawn),
        lacks=frozenset(lacks),
        overlays=tuple(_overlay(name, row["instances"], image.shape) for name in sorted(drawn)),
        abnormal=bool(drawn | asked),
        view=row["view"] or "",
        age=row["age"],
    )


def _overlay(name: str, instances: Sequence[Mapping[str, Any]], shape: tuple[int, int]) -> Overlay:
    masks = [decode_rle(lesion["rle"], shape) for lesion in instances if lesion["finding"] == name]
    return Overlay(name, outline(np.logical_or.reduce(masks)))
