"""What a build is made with, and the refusal to mix two builds in one folder."""

import json
from collections.abc import Mapping
from typing import Any

from manifests import layout
from manifests.canonical import digest, to_json
from manifests.errors import DatasetError
from manifests.schema import SCHEMA_VERSION
from manifests.store import Store

_ABSENT = object()


def open_build(store: Store, build: Mapping[str, Any]) -> None:
    """Start a build in a folder, or go on with the one that is there.

    ``build`` is JSON-able: ``config`` (the settings), ``config_hash`` (of those that change the
    result; made from ``config`` when absent), ``weights`` (file to SHA-256) and what else makes
    the result what it is. Everything except ``config`` must be equal to go on; ``config`` itself
    may differ where the hash does not. The schema's version is added.

    :raises DatasetError: naming each field that differs, with both values, or when the folder
        holds files but no build.
    """
    wanted = _complete(build)
    if not store.exists(layout.BUILD):
        _refuse_foreign(store)
        store.publish(layout.BUILD, to_json(wanted))
        return
    present = read_build(store)
    if differing := _differences(present, wanted):
        raise DatasetError(
            f"output: {store.url} holds another build: {'; '.join(differing)}; "
            "choose another output or go back to these settings"
        )


def read_build(store: Store) -> dict[str, Any]:
    """``build.json``.

    :raises DatasetError: when it is not there or broken.
    """
    if not store.exists(layout.BUILD):
        raise DatasetError(f"{store.url}: {layout.BUILD} is missing, expected a dataset's folder")
    try:
        build = json.loads(store.read(layout.BUILD))
    except ValueError as error:
        raise DatasetError(f"{store.url}: {layout.BUILD} is not JSON: {error}") from error
    if not isinstance(build, dict):
        raise DatasetError(f"{store.url}: {layout.BUILD} is no JSON object")
    return build


def build_hash(build: Mapping[str, Any]) -> str:
    """Digest of what must be equal for two shards to belong together."""
    return digest({k: v for k, v in build.items() if k != "config"})


def _complete(build: Mapping[str, Any]) -> dict[str, Any]:
    whole = json.loads(json.dumps(dict(build)))  # tuples become lists, as read back
    whole.setdefault("config_hash", digest(whole.get("config")))
    return whole | {"schema_version": SCHEMA_VERSION}


def _refuse_foreign(store: Store) -> None:
    """A folder with commits but no build is damaged: going on would mix."""
    if store.list(layout.COMMITS):
        raise DatasetError(f"output: {store.url} has commits but no {layout.BUILD}, expected an empty folder")


def _differences(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """``field: there, here`` for each field that differs; the config's only if its hash does."""
    old, new = _flat(present), _flat(wanted)
    differing = [name for name in sorted(old | new) if old.get(name, _ABSENT) != new.get(name, _ABSENT)]
    told = [name for name in differing if not name.startswith("config.")]
    if "config_hash" in told:
        settings = [name for name in differing if name.startswith("config.")]
        # The settings say it better than their hash.
        told = settings + [n for n in told if n != "config_hash" or not settings]
    return [f"{n} was {_shown(old, n)}, is {_shown(new, n)}" for n in told]


def _shown(fields: Mapping[str, Any], name: str) -> str:
    return json.dumps(fields[name], ensure_ascii=False) if name in fields else "absent"


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one level of dotted names; an empty mapping stays a value."""
    out: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            out |= _flat(inner, f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = inner
    return out
