"""One spelling of JSON, so that equal content has equal bytes and one hash."""

import json
from hashlib import sha256
from typing import Any


def to_json(value: Any) -> bytes:
    """Indented, keys sorted, one newline at the end: for files that people read too."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def parse_object(data: bytes) -> dict[str, Any] | None:
    """A JSON object as read; None for anything else."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def digest(value: Any) -> str:
    """SHA-256 in hex of the compact canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
