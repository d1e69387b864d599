"""Damage to a finished dataset: one change of one file, its digest put right where it is told, or not."""

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from manifests import layout
from manifests.store import Store

Rng = np.random.Generator


def mutate(folder: Path, seed: int) -> str:
    """Make the change that ``seed`` stands for; says which."""
    rng = np.random.default_rng(seed)
    files = sorted(p for p in Store(folder).list() if p != ".lock")
    path = str(rng.choice(files))
    kinds: list[tuple[str, Callable[[Path, str, Rng], str]]] = [("file", _file)]
    if path.endswith(".json"):
        kinds = [("file", _file), ("json", _json), ("json", _json)]
    elif path.endswith(".parquet"):
        kinds = [("file", _file), ("table", _table), ("table", _table)]
    elif path.endswith(".tar"):
        kinds = [("file", _file), ("tar", _tar), ("tar", _tar), ("tar", _tar)]
    name, change = kinds[rng.integers(len(kinds))]
    what = change(folder, path, rng)
    right = rng.random() < 0.6 and (folder / path).is_file() and not (folder / path).is_symlink()
    if right:
        put_right(folder, path)
    return f"{name} {path}: {what}{', its digest put right' if right else ''}"


def put_right(folder: Path, path: str) -> None:
    """Have every record that tells of a file tell of it as it is now."""
    info = Store(folder).info(path)
    for record in (*(folder / layout.COMMITS).glob("*.json"), folder / layout.INDEX):
        try:
            told = json.loads(record.read_bytes())
        except ValueError:
            continue
        if record.relative_to(folder).as_posix() == path or not isinstance(told, dict):
            continue
        for files in (told, *told.get("shards", ())):
            if path in files.get("files", {}):
                files["files"][path] |= {"sha256": info.sha256, "bytes": info.bytes}
        record.write_text(json.dumps(told))


def _file(folder: Path, path: str, rng: Rng) -> str:
    at, data = folder / path, (folder / path).read_bytes()
    what = str(
        rng.choice(["delete", "truncate", "flip", "append", "swap", "empty", "pipe", "folder", "link"])
    )
    if what == "flip":
        where = int(rng.integers(len(data)))
        at.write_bytes(data[:where] + bytes([data[where] ^ (1 << int(rng.integers(8)))]) + data[where + 1 :])
        return f"flip {where}"
    if what in ("truncate", "append", "empty", "swap"):
        others = [p for p in Store(folder).list() if (folder / p).read_bytes() != data]
        at.write_bytes(
            {
                "truncate": data[: int(rng.integers(1, len(data)))],
                "append": data + b"\0{}",
                "empty": b"",
                "swap": (folder / str(rng.choice(others))).read_bytes(),
            }[what]
        )
        return what
    at.unlink()
    if what == "pipe":
        os.mkfifo(at)
    elif what == "folder":
        at.mkdir()
    elif what == "link":
        at.symlink_to(rng.choice(["/dev/zero", "/etc/hostname", "../../outside", at.name]))
    return what


def _json(folder: Path, path: str, rng: Rng) -> str:
    value = json.loads((folder / path).read_bytes())
    what = change_value(value, rng)
    (folder / path).write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
    return what


def change_value(value: Any, rng: Rng) -> str:
    """Change one value somewhere in a JSON object."""
    at, names = value, []
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = keys[rng.integers(len(keys))]
        names.append(str(key))
        if not (isinstance(at[key], dict | list) and at[key] and rng.random() < 0.8):
            break
        at = at[key]
    what, old = str(rng.choice(["delete", "add", "retype", "change", "deep"])), at[key]
    if what == "delete":
        del at[key]
    elif what == "add" and isinstance(at, dict):
        at["another"] = old
    elif what == "change":
        at[key] = _changed(old)
    elif what == "deep":
        for _ in range(900):
            old = [old]
        at[key] = old
    else:
        at[key] = next(v for v in _retyped(old, rng) if json.dumps(v) != json.dumps(old))
    return f"{what} {'.'.join(names)}"


def _changed(old: Any) -> Any:
    if isinstance(old, bool) or old is None:
        return not old
    if isinstance(old, int | float):
        return old + 1
    if isinstance(old, str):
        return f"{old[:-1]}{'b' if old[-1:] == 'a' else 'a'}"
    return [] if old else {"a": 1}


def _retyped(old: Any, rng: Rng) -> list[Any]:
    values: list[Any] = [None, True, [old], {"x": old}, str(old), "²²²", 10**400, "../../etc/passwd"]
    if isinstance(old, int):
        values.append(float(old))
    return [values[i] for i in rng.permutation(len(values))]


def _table(folder: Path, path: str, rng: Rng) -> str:
    table = pq.read_table(folder / path)
    what = str(rng.choice(["cell", "drop column", "drop row", "retype", "twice"]))
    if not table.num_rows:
        what = "drop column"
    column = int(rng.integers(table.num_columns))
    field = table.schema.field(column)
    if what == "cell":
        table, told = _other_cell(table, rng)
    elif what == "drop column":
        table, told = table.drop_columns([field.name]), field.name
    elif what == "retype":
        told = field.name
        texts = pa.array(
            [json.dumps(v, default=str) for v in table[field.name].to_pylist()], pa.large_string()
        )
        table = table.set_column(column, field.name, texts)
    elif what == "drop row":
        at = int(rng.integers(table.num_rows))
        table, told = pa.concat_tables([table[:at], table[at + 1 :]]), str(at)
    else:
        table, told = pa.concat_tables([table, table[:1]]), "0"
    pq.write_table(table, folder / path)
    return f"{what} {told}"


def _other_cell(table: pa.Table, rng: Rng) -> tuple[pa.Table, str]:
    rows = table.to_pylist()
    at = int(rng.integers(len(rows)))
    name = str(rng.choice(table.schema.names))
    old = rows[at][name]
    others = [r[name] for r in rows if repr(r[name]) != repr(old)]
    if isinstance(old, str) and rng.random() < 0.5:
        others = [old + "x", "\x1b[2J", ""]
    rows[at][name] = others[rng.integers(len(others))] if others else _changed(old)
    try:
        return pa.Table.from_pylist(rows, schema=table.schema), f"{name} of row {at}"
    except (pa.ArrowException, ValueError, TypeError):
        return table.slice(1), "row 0"


def _tar(folder: Path, path: str, rng: Rng) -> str:
    with tarfile.open(folder / path) as tar:
        entries = [(entry, tar.extractfile(entry).read()) for entry in tar]  # type: ignore[union-attr]
    at = int(rng.integers(len(entries)))
    entry, data = entries[at]
    what = str(rng.choice(["member", "member", "drop", "rename", "twice", "link", "sparse", "stranger"]))
    if what == "member":
        what, data = _member(entry.name, data, rng)
        entry.size = len(data)
        entries[at] = (entry, data)
    elif what == "drop":
        del entries[at]
    elif what == "rename":
        entry.name = str(
            rng.choice([f"../{entry.name}", f"x{entry.name}", "/etc/passwd", f"{entry.name}.txt"])
        )
    elif what == "twice":
        entries.insert(at, (entry, data[::-1]))
    elif what == "link":
        entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, "/etc/passwd", 0
        entries[at] = (entry, b"")
    elif what == "sparse":
        entry.type = tarfile.GNUTYPE_SPARSE
    else:
        other = tarfile.TarInfo("000000000.txt")
        other.size = 3
        entries.insert(at, (other, b"abc"))
    with tarfile.open(folder / path, "w", format=tarfile.GNU_FORMAT) as tar:
        for entry, data in entries:
            tar.addfile(entry, io.BytesIO(data))
    return f"{what} {entries[min(at, len(entries) - 1)][0].name}"


def _member(name: str, data: bytes, rng: Rng) -> tuple[str, bytes]:
    if name.endswith(".json"):
        if rng.random() < 0.3:
            return "labels", [b"[]", b"{}", b"null", b"", b"[" * 3000, b"\xff", data[:-1] + b',"key":"x"}'][
                rng.integers(7)
            ]
        labels = json.loads(data)
        what = change_value(labels, rng)
        return f"labels {what}", json.dumps(labels).encode()
    if rng.random() < 0.3:
        return "picture", [b"", data[:40], data[::-1], _png(np.zeros((9, 9), np.uint8))][rng.integers(4)]
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.array(image)
    y, x = (int(rng.integers(n)) for n in pixels.shape)
    pixels[y, x] ^= 1 << int(rng.integers(8))
    return f"pixel {y} {x}", _png(pixels)


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
