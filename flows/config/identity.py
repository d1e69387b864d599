"""What of a config determines the result, and its hash: what a build is known again by."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from filters.registry import FILTERS
from flows.config.schema import BuildConfig
from manifests.identity import without_amounts
from synth.settings import LONGEST_PROMPT

#: Fields that leave the result as it is. Paths are here because their content is hashed instead.
NEUTRAL = (
    "output",
    "workers.count",
    "workers.retries",
    "prompts.file",
    "anatomy.weights",
    "masks.weights",
    "images.checkpoint",
    "images.controlnet",
    "filters.checkpoints",
    "filters.own",
    "edit.source",
    "edit.labels",
    "edit.megapixels",
    *(f"filters.{name}.weights" for name in FILTERS),
)


#: The schema version since which the hash is free of how many are wanted.
GROWS_SINCE = 4

#: Fields that came later, and the value that means what builds without them did.
LATER: dict[str, Any] = {
    "prompts.unparsed": "keep",
    "prompts.longest": LONGEST_PROMPT,
    "prompts.columns": {},
    "licence": "other",
    "accepted_per": None,
    "images.model": "best",
    "images.retry_draws": 0,
}


def result_fields(config: BuildConfig) -> dict[str, Any]:
    """The config as plain JSON values, without the fields that cannot change the result."""
    fields = config.model_dump(mode="json")
    for path in (*NEUTRAL, *LATER):
        *groups, name = path.split(".")
        at = fields
        for group in groups:
            at = at[group]
        if at is None:  # an optional group that is left out
            continue
        if path not in LATER or at[name] == LATER[path]:
            del at[name]
    return fields


def config_hash(config: BuildConfig, inputs: Mapping[str, str]) -> str:
    """SHA-256 (hex) of what determines a sample: config fields and the files that they name.

    ``inputs``: file's role or name -> SHA-256 of its content (weights and the prompt file).
    """
    return _hash(without_amounts(result_fields(config)), inputs)


def stored_hash(build: Mapping[str, Any]) -> str:
    """The hash that a ``build.json`` should have, given its other fields."""
    fields = build["config"]
    if build.get("schema_version", GROWS_SINCE) >= GROWS_SINCE:
        fields = without_amounts(fields)
    return _hash(fields, build.get("weights", {}))


def _hash(fields: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    content = {"config": fields, "inputs": dict(inputs)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def recorded_fields(build: Mapping[str, Any], output: str) -> dict[str, Any]:
    """The config of a ``build.json`` with the paths that it must have and that a dataset does not tell."""
    fields = build["config"]
    edit = fields.get("edit")
    return {
        **fields,
        "output": output,
        "edit": {**edit, "source": "not told"} if isinstance(edit, dict) else edit,
    }


def frozen_fields(config: BuildConfig, inputs: Mapping[str, str]) -> dict[str, object]:
    """What ``build.json`` pins: a resumed build must match all of it; ``inputs`` as there."""
    return {
        "config": result_fields(config),
        "config_hash": config_hash(config, inputs),
        "weights": dict(inputs),
    }
