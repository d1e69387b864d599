"""Records as they are read: one parser, and a line for whatever is not one."""

from typing import Annotated, Protocol, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from manifests.errors import DatasetError
from synth.errors import UserError
from synth.strict_json import parse_json

#: Bytes that a record of one shard, and that one of a whole dataset may have.
LARGEST, LARGEST_INDEX = 1 << 24, 1 << 30

#: Of every kind of record: each value of its own type, no field that is not known.
STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Key = Annotated[str, Field(pattern=r"^[0-9]{9}$")]
Count = Annotated[int, Field(ge=0, lt=10**9)]
Size = Annotated[int, Field(ge=0, lt=2**63)]

T = TypeVar("T")


def parse_record(kind: TypeAdapter[T], data: bytes, path: str, name: str) -> T:
    """The record of a ``kind`` that ``data`` spells; ``name`` is what it is called.

    :raises DatasetError: naming the file, the field, its value and what was expected.
    """
    try:
        parse_json(data)  # which is stricter, but knows no fields
        return kind.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part)[:80] for part in first["loc"])
        value = f" is {repr(first['input'])[:80]}" if first["type"] != "missing" else ""
        raise DatasetError(f"{path}: not {name}: {field}{value}: {first['msg']}") from None
    except UserError as error:
        raise DatasetError(f"{path}: not {name}: {error}") from None


class Readable(Protocol):
    """Where records lie: a :class:`manifests.store.Store`."""

    def read(self, path: str, at_most: int | None = None) -> bytes:
        """The whole file."""
        ...


def read_record(kind: TypeAdapter[T], store: Readable, path: str, name: str, at_most: int = LARGEST) -> T:
    """As :func:`parse_record`, of a file."""
    return parse_record(kind, store.read(path, at_most), path, name)
