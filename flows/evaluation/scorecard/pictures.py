"""What is seen in a build's samples without any network: are masks where they belong, are pictures marked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
from rich.console import Console

from flows.config.terminal import tracked
from manifests import layout
from manifests.annotations import decode_rle
from manifests.errors import DatasetError
from manifests.index import Index
from manifests.marks import Origin, marks
from manifests.members import (
    ANATOMY_MASKS,
    IMAGE,
    LABELS,
    LESION_MASKS,
    PICTURES,
    decode_anatomy,
    decode_png,
    sample_marks,
)
from manifests.store import Store
from manifests.tars import read_samples
from synth.errors import UserError
from synth.findings import FINDINGS, Region
from synth.masks.anatomy import lung_box
from synth.masks.lesion_sets import SIDES, ZONES, side_of, zone_of
from synth.strict_json import parse_json

#: What a lesion of a region lies in; of bones no structure that would hold every fracture is masked.
HOMES: dict[Region, str] = {"lungs": "lungs", "pleura": "lungs", "heart": "heart"}


@dataclass
class Pictures:
    """Counts over opened samples.

    ``inside``: of each sample, by the finding's region, the share of each lesion's area in its structure.
    ``requests``: how often a finding, a side, a zone was asked for (``asked``) and drawn so (``drawn``).
    ``missing``: samples that lack a member, or a structure of the anatomy. ``clipped``: of each image the
    share of pixels at either end of the range. ``marked``: pictures that name this build and their key.
    """

    samples: int = 0
    inside: dict[Region, list[list[float]]] = field(default_factory=lambda: {r: [] for r in HOMES})
    requests: dict[str, dict[str, int]] = field(
        default_factory=lambda: {k: {"asked": 0, "drawn": 0} for k in ("finding", "side", "zone")}
    )
    missing: dict[str, int] = field(default_factory=lambda: {"member": 0, "anatomy": 0})
    clipped: list[float] = field(default_factory=list)
    pictures: int = 0
    marked: int = 0


def look(store: Store, build: Mapping[str, Any], index: Index, most: int, console: Console) -> Pictures:
    """Open accepted samples, all or those of evenly spread shards until there are about ``most``."""
    tars = [layout.tar_path(s.shard) for s in index.shards if s.accepted]
    chosen = tars[:: max(1, ceil(index.counts.accepted / most))]
    seen, origin = Pictures(), Origin.of(build)
    for path in tracked(chosen, "opening samples", len(chosen), console):
        for key, members in read_samples(store, path):
            try:
                _add(seen, key, members, origin)
            except UserError as error:
                raise DatasetError(f"{path}/{key}: {error}") from error
    return seen


def _add(seen: Pictures, key: str, members: Mapping[str, bytes], origin: Origin) -> None:
    seen.samples += 1
    if {IMAGE, ANATOMY_MASKS, LESION_MASKS, LABELS} - members.keys():
        seen.missing["member"] += 1
        return
    labels = parse_json(members[LABELS])
    anatomy, image = decode_anatomy(members[ANATOMY_MASKS]), decode_png(members[IMAGE])
    seen.missing["anatomy"] += not anatomy.any((1, 2)).all()
    seen.clipped.append(float(np.isin(image, (0, 255)).mean()))
    expected = sample_marks(origin, key, labels.get("edit") or "")
    seen.pictures += len(PICTURES)
    seen.marked += sum(expected[name] in marks(members[name]) for name in PICTURES)
    lesions = list(_lesions(labels, image.shape))
    _add_inside(seen, lesions, anatomy)
    _add_requests(seen, labels["findings"], lesions, np.asarray(anatomy[:2].any(0)))


def _lesions(labels: Mapping[str, Any], shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """(finding, (H, W) bool) of each lesion, from the COCO annotations of a sample."""
    for row in labels["annotations"]:
        if row["category"] in FINDINGS:
            yield row["category"], decode_rle(row["segmentation"]["counts"], (shape[0], shape[1]))


def _add_inside(seen: Pictures, lesions: Iterable[tuple[str, np.ndarray]], anatomy: np.ndarray) -> None:
    structures = {"lungs": anatomy[:2].any(0), "heart": anatomy[2]}
    found: dict[Region, list[float]] = {region: [] for region in HOMES}
    for name, mask in lesions:
        region = FINDINGS[name].region
        if region in HOMES and mask.any():
            found[region].append(float((mask & structures[HOMES[region]]).sum() / mask.sum()))
    for region, values in found.items():
        seen.inside[region].append(values)


def _add_requests(
    seen: Pictures,
    findings: Iterable[Mapping[str, str]],
    lesions: Iterable[tuple[str, np.ndarray]],
    lungs: np.ndarray,
) -> None:
    """As :func:`flows.figures.masks.obedience` counts them: the union's centroid decides, and of a finding
    on both sides that it has pixels on both."""
    unions: dict[str, np.ndarray] = {}
    for name, mask in lesions:
        unions[name] = unions.get(name, np.zeros_like(mask)) | mask
    x0, y0, width, height = lung_box(lungs)
    for asked in findings:
        if asked["name"] not in FINDINGS:
            continue  # none, or not known
        ys, xs = np.nonzero(unions.get(asked["name"], np.zeros_like(lungs)))
        x = ((xs + 0.5) / lungs.shape[1] - x0) / width
        y = ((ys + 0.5) / lungs.shape[0] - y0) / height
        _count(seen, "finding", len(x) > 0)
        if asked["side"] == "bilateral":
            _count(seen, "side", len(x) > 0 and bool(x.min() < 0.5 <= x.max()))
        elif asked["side"]:
            _count(seen, "side", len(x) > 0 and SIDES[side_of(float(x.mean()))] == asked["side"])
        if asked["zone"]:
            _count(seen, "zone", len(y) > 0 and ZONES[zone_of(float(y.mean()))] == asked["zone"])


def _count(seen: Pictures, what: str, drawn: bool) -> None:
    seen.requests[what]["asked"] += 1
    seen.requests[what]["drawn"] += bool(drawn)
