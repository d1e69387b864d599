"""What a build is made with, and the refusal to mix two builds in one folder."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from manifests import layout
from manifests.canonical import digest, to_json
from manifests.errors import DatasetError
from manifests.locks import LOCK_FILE
from manifests.parsing import read_record
from manifests.schema import EARLIEST, SCHEMA_VERSION
from manifests.store import Store, is_stray
from synth.software import software

_ABSENT = object()
#: How many are wanted is not part of what a sample is: a build may grow.
GROWING = ("candidates", "accepted", "accepted_per.count")
#: What may differ between two builds that go together: the config where its hash does not.
_TOLD = ("config", "software")


class Build(BaseModel):
    """``build.json``; further fields are part of what makes a result what it is."""

    model_config = ConfigDict(strict=True, extra="allow")

    config: dict[str, Any]
    config_hash: str
    schema_version: Annotated[int, Field(ge=EARLIEST, le=SCHEMA_VERSION)]
    weights: dict[str, str] = {}
    software: dict[str, str] = {}


_BUILD = TypeAdapter(Build)


def open_build(store: Store, build: Mapping[str, Any]) -> None:
    """Start a build in a folder, or go on with the one that is there.

    ``build`` is JSON-able: ``config`` (the settings), ``config_hash`` (of those that change the
    result; made from ``config`` when absent), ``weights`` (file to SHA-256) and what else makes
    the result what it is. Everything except ``config`` must be equal to go on; ``config`` itself
    may differ where the hash does not; where more is wanted than before (GROWING) that is written down. The
    schema's version is added, and, equal or not, which
    software began the build. What a killed
    build left half-written is cleared, now that it is certain whose folder this is: hold the lock.

    :raises DatasetError: naming each field that differs, with both values, when fewer are wanted than before,
        or when the folder holds files but no build.
    """
    if not check_build(store, build):
        store.publish(layout.BUILD, to_json(_complete(build)))
    elif (grown := _grown(present := read_build(store), build)) != present:
        store.publish(layout.BUILD, to_json(grown))
    store.remove_strays(layout.is_own)


def check_build(store: Store, build: Mapping[str, Any]) -> bool:
    """Whether a folder holds the ``build`` already, as :func:`open_build`; changes nothing.

    :raises DatasetError: as :func:`open_build`.
    """
    if not store.exists(layout.BUILD):
        _refuse_foreign(store)
        return False
    _refuse_differing(store, read_build(store), _complete(build))
    return True


def check_settings(store: Store, config: Mapping[str, Any]) -> None:
    """As :func:`check_build`, for a build whose weights are not known yet; changes nothing.

    :raises DatasetError: as :func:`open_build`, for what differs in the settings or in the schema.
    """
    if not store.exists(layout.BUILD):
        _refuse_foreign(store)
        return
    present = read_build(store)
    known = {"config": present["config"], "schema_version": present["schema_version"]}
    _refuse_differing(
        store, known | {"config_hash": _settings_hash(known["config"])}, _complete({"config": config})
    )


def read_build(store: Store) -> dict[str, Any]:
    """``build.json``.

    :raises DatasetError: when it is not there or broken.
    """
    if not store.exists(layout.BUILD):
        raise DatasetError(f"{store.url}: {layout.BUILD} is missing, expected a dataset's folder")
    return read_record(_BUILD, store, layout.BUILD, "a build's identity").model_dump(exclude_unset=True)


def build_hash(build: Mapping[str, Any]) -> str:
    """Digest of what must be equal for two shards to belong together, and of what began their build."""
    return digest({k: v for k, v in build.items() if k != "config"})


def _complete(build: Mapping[str, Any]) -> dict[str, Any]:
    whole = json.loads(json.dumps(dict(build)))  # tuples become lists, as read back
    whole.setdefault("config_hash", _settings_hash(whole.get("config")))
    return whole | {"schema_version": SCHEMA_VERSION, "software": software()}


def without_amounts(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the fields that say how many are wanted (GROWING)."""
    out = dict(config)
    for path in GROWING:
        group, _, name = path.rpartition(".")
        if not group:
            out.pop(name, None)
        elif isinstance(inner := out.get(group), Mapping):
            out[group] = {k: v for k, v in inner.items() if k != name}
    return out


def _settings_hash(config: Any) -> str:
    return digest(without_amounts(config) if isinstance(config, dict) else config)


def _amount(config: Mapping[str, Any], path: str) -> Any:
    group, _, name = path.rpartition(".")
    at = config.get(group) if group else config
    return at.get(name, _ABSENT) if isinstance(at, Mapping) else _ABSENT


def _grown(present: Mapping[str, Any], build: Mapping[str, Any]) -> dict[str, Any]:
    """The ``present`` build, of which as many are wanted as of ``build``."""
    config = without_amounts(present["config"])
    for path in GROWING:
        group, _, name = path.rpartition(".")
        at = config.get(group) if group else config
        if isinstance(at, dict) and (value := _amount(build["config"], path)) is not _ABSENT:
            at[name] = value
    return {**present, "config": config}


def _refuse_foreign(store: Store) -> None:
    """A folder that is not ours is left alone, whatever lies in it; with commits it is a damaged build."""
    if strangers := store.strangers(_is_beginning):
        if any(path.startswith(f"{layout.COMMITS}/") for path in store.list(layout.COMMITS)):
            raise DatasetError(
                f"output: {store.url} has commits but no {layout.BUILD}, expected an empty folder"
            )
        raise DatasetError(
            f"output: {store.url} holds {strangers[0]!r} but no {layout.BUILD}, expected an empty folder or "
            "one that a build was begun in"
        )


def _refuse_differing(store: Store, present: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    differing = _differences(present, wanted)
    if not differing and (fewer := _fewer(present["config"], wanted["config"])):
        raise DatasetError(f"output: {store.url} holds a build that may only grow: {fewer}")
    if differing:
        raise DatasetError(
            f"output: {store.url} holds another build: {'; '.join(differing)}; "
            "choose another output or go back to these settings"
        )


def _fewer(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Of what less is wanted than before, None where it is not; no ``accepted`` means all that pass."""
    for name in GROWING:
        was, now = (_amount(config, name) for config in (present, wanted))
        every = name == "accepted" and was in (None, _ABSENT)
        if isinstance(now, int) and (every or (isinstance(was, int) and now < was)):
            return f"{name} was {'all that pass' if every else was}, is {now}, expected as many or more"
    return None


def _is_beginning(name: str) -> bool:
    """Whether a build that was killed before it published anything left a file of that name."""
    return name in (LOCK_FILE, layout.BUILD) or (is_stray(name) and name.startswith(f".{layout.BUILD}."))


def _differences(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """``field: there, here`` for each field that differs; the config's only if its hash does."""
    old, new = _flat(present), _flat(wanted)
    differing = [name for name in sorted(old | new) if old.get(name, _ABSENT) != new.get(name, _ABSENT)]
    told = [name for name in differing if name.split(".")[0] not in _TOLD]
    if "config_hash" in told:
        amounts = {f"config.{name}" for name in GROWING}
        settings = [n for n in differing if n.startswith("config.") and n not in amounts]
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
