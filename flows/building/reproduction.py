"""One candidate made again, alone, from its build's own record, and held against what is stored of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from filters.registry import FILTERS
from flows.building.pipeline import Order, Pipeline
from flows.building.shard import make_draw
from flows.config.identity import NEUTRAL, recorded_fields
from flows.config.reading import apply_overrides, parse_config
from flows.config.schema import BuildConfig
from manifests.annotations import encode_rle
from manifests.members import sample_pictures
from manifests.records import Record, image_digest
from manifests.stored import StoredCandidate
from synth.cases import Candidate
from synth.errors import UserError

#: Filters that look at earlier candidates of the shard, which are not made again.
_OF_SHARD = frozenset(f.name for f in FILTERS.values() if f.embeds)


@dataclass(frozen=True)
class Comparison:
    """What of a candidate was compared, by name, and what of that is not as it was."""

    pictures: tuple[str, ...]
    differing: tuple[str, ...]
    scores: tuple[str, ...]
    moved: tuple[str, ...]


def recorded_config(build: Mapping[str, Any], url: str, overrides: Sequence[str] = ()) -> BuildConfig:
    """The config of a ``build.json``; ``overrides`` say where files lie that it knows by their content.

    :raises UserError: for another override, and a record that is no config.
    """
    for item in overrides:
        if (name := item.partition("=")[0]) not in NEUTRAL:
            raise UserError(f"--set {name[:80]}: expected where a file lies, one of {', '.join(NEUTRAL)}")
    fields = apply_overrides(recorded_fields(build, url), overrides)
    return parse_config(fields, f"{url}/build.json", overrides)


def check_inputs(recorded: Mapping[str, str], found: Mapping[str, str], url: str) -> None:
    """Refuse other weights, or another prompt file, than a build was made with; both are file to SHA-256.

    :raises UserError: naming the first that differs.
    """
    differing = [n for n in sorted({*recorded, *found}) if recorded.get(n) != found.get(n)]
    if not differing:
        return
    name = differing[0]
    was, now = (digests.get(name, "absent")[:16] for digests in (recorded, found))
    more = f"; {len(differing) - 1} more differ" if differing[1:] else ""
    raise UserError(
        f"{url}: {name} was {was}, is {now}{more}: expected the files that the build was made with "
        "(--set says where they lie, e.g. prompts.file=FILE or images.checkpoint=DIR)"
    )


def remake(config: BuildConfig, pipeline: Pipeline, key: str, draw: int = 0) -> Record:
    """The record of one draw of one key: a sample depends on nothing else of its build.

    Draws before it are not made again: what refused them may have been the rest of the shard.
    """
    return make_draw(key, draw, Order.of(config, pipeline), pipeline)


def compare(stored: StoredCandidate, made: Record) -> Comparison:
    """Pixels of the tar's pictures, or without them the row's digest and outlines; and the row's scores."""
    found = _same_pictures(stored, made.candidate) if made.candidate else {}
    scores = {
        verdict.filter: _equal(verdict.score, stored.row.get(f"{verdict.filter}_score"))
        for verdict in (made.verdicts if stored.row["status"] != "failed" else ())
        if verdict.filter in FILTERS and verdict.filter not in _OF_SHARD
    }
    return Comparison(tuple(found), _false(found), tuple(scores), _false(scores))


def _same_pictures(stored: StoredCandidate, candidate: Candidate) -> dict[str, bool]:
    made = sample_pictures(candidate)
    if stored.pictures:
        return {f"KEY.{n}": np.array_equal(p, made[n]) for n, p in stored.pictures.items()}
    if stored.row["image_sha256"] is None:  # it failed
        return {}
    outlines = [[i["finding"], i["rle"]] for i in stored.row["instances"]]
    again = [[x.finding, encode_rle(x.mask)["counts"]] for x in candidate.masks.lesions]
    return {
        "image_sha256": image_digest(candidate.image) == stored.row["image_sha256"],
        "instances": outlines == again,
    }


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or (math.isnan(one) and math.isnan(other))


def _false(names: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, same in names.items() if not same)
