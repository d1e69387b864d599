"""Files of other people's checkpoint folders: held to one rule before a library reads them.

Diffusers and transformers open whatever they know by name. So every file that they may read is a regular one
that lies in the folder, and what a config asks for is bounded, before they are called.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from synth.errors import UserError, WeightsError
from synth.folders import open_inside
from synth.images.sizes import check_sizes
from synth.strict_json import parse_json
from synth.weights import LARGEST_TEXT, digest_of, pinned_or_none, said

#: Suffixes of what the libraries read, and of those the texts.
_TEXTS: Final = (".json", ".txt", ".jinja", ".model")
_READ: Final = (*_TEXTS, ".safetensors")
#: Levels of a network, and modules of a kind in a row: none has as many.
_DEEPEST: Final = 256


def check_files(root: Path, parts: Iterable[str], field: str) -> None:
    """Look at every file that a library may read of the folders ``parts`` in the checkpoint ``root``.

    Raises WeightsError, one line that begins with the build config's ``field``, for one that is no regular
    file, that leads out of ``root``, or is a text of more than LARGEST_TEXT bytes.
    """
    for part in parts:
        for path in sorted((root / part).glob("*")):
            if path.suffix in _READ and not path.is_dir():
                name = path.relative_to(root).as_posix()
                with opened(root, name, field) as file:
                    size = os.fstat(file.fileno()).st_size
                if path.suffix in _TEXTS and size > LARGEST_TEXT:
                    raise WeightsError(
                        f"{field}: {path} has {size} bytes, expected at most {LARGEST_TEXT} of a text"
                    )


@contextmanager
def opened(root: Path, name: str, field: str) -> Iterator[BinaryIO]:
    """The file ``name`` of the checkpoint ``root``; WeightsError as :func:`check_files`, or for none."""
    path = root / name
    try:
        file = open_inside(root, name)
    except FileNotFoundError:
        raise WeightsError(
            f"{field}: {path} not found, expected diffusers' layout of Stable Diffusion"
        ) from None
    except (OSError, UserError) as error:
        raise WeightsError(f"{field}: {path} cannot be read: {said(error)}, expected a file of it") from None
    with file:
        yield file


def read_object(root: Path, name: str, field: str) -> dict[str, Any]:
    """A JSON object of the checkpoint ``root``; WeightsError as :func:`opened`, or for other text."""
    path = root / name
    with opened(root, name, field) as file:
        data = file.read(LARGEST_TEXT + 1)
    try:
        found = parse_json(data) if len(data) <= LARGEST_TEXT else None
    except UserError as error:
        raise WeightsError(
            f"{field}: {path} is no JSON object ({error}), expected diffusers' layout"
        ) from None
    if not isinstance(found, dict):
        raise WeightsError(f"{field}: {path} is no JSON object, expected diffusers' layout")
    return found


def read_config(root: Path, name: str, field: str) -> dict[str, Any]:
    """The config of a part, whose numbers are those of a network: WeightsError as :func:`read_object`."""
    found = read_object(root, name, field)
    check_sizes(found, f"{field}: {root / name}")
    return found


def count(config: Mapping[str, Any], name: str, default: int, about: str) -> int:
    """The length of a config's list ``name``, ``default`` where it says nothing."""
    value = config.get(name)
    if value is None:
        return default
    if not isinstance(value, list) or not 0 < len(value) <= _DEEPEST:
        raise WeightsError(f"{about}, {name} is no list, expected 1 to {_DEEPEST} entries")
    return len(value)


def digests_inside(root: Path, names: Iterable[str], prefix: str, field: str) -> dict[str, str]:
    """``prefix/name`` to the SHA-256 of each file; WeightsError as :func:`opened`, and where pins beside
    them say otherwise."""
    pinned, found = pinned_or_none(root), {}
    for name in names:
        with opened(root, name, field) as file:
            found[f"{prefix}/{name}"] = value = digest_of(file)
        if pinned.get(name, value) != value:
            raise WeightsError(f"weights: {root / name} has SHA-256 {value}, expected {pinned[name]}")
    return found
