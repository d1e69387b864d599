"""Weights: safetensors only, each file pinned by SHA-256 in the ``SHA256SUMS`` beside it.

:func:`read_pinned` is how every file of a checkpoint folder is read: what no pin names is not read, and what
is used is what was hashed.
"""

import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from synth.errors import UserError, WeightsError
from synth.folders import check_name, open_inside
from synth.strict_json import parse_json

#: Checkpoints that ship with the package.
SHIPPED = Path(__file__).parent / "checkpoints"

SUMS = "SHA256SUMS"
WEIGHTS = "model.safetensors"

#: Bytes that a list of pins or a config may have.
LARGEST_TEXT = 1 << 26

_PIN = re.compile(r"([0-9a-f]{64})\s+\*?(?:\./)?(\S.*)")


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return digest_of(file)


def digest_of(file: BinaryIO) -> str:
    """As :func:`digest`, of a file that is open."""
    state = sha256()
    while block := file.read(1 << 20):
        state.update(block)
    return state.hexdigest()


def pins(folder: Path) -> dict[str, str]:
    """Relative file name to SHA-256, as the folder's ``SHA256SUMS`` has it (``sha256sum -c``)."""
    path = folder / SUMS
    try:
        lines = _read(folder, SUMS, LARGEST_TEXT).decode("utf-8").splitlines()
    except FileNotFoundError:
        raise WeightsError(f"weights: {path} not found, expected a checkpoint folder with {SUMS}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"weights: {path} cannot be read: {said(error)}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not (pin := _PIN.fullmatch(line)) or pin[2] in found:
            raise WeightsError(
                f"weights: {path}, line {number}: expected a SHA-256 and a name not yet pinned"
            )
        try:
            check_name(pin[2])
        except UserError as error:
            raise WeightsError(f"weights: {path}, line {number}: {error}") from None
        found[pin[2]] = pin[1]
    return found


def pinned_or_none(folder: Path) -> dict[str, str]:
    """As :func:`pins`; none for a folder without a list of them."""
    return pins(folder) if os.path.lexists(folder / SUMS) else {}


def verify_folder(folder: Path) -> dict[str, str]:
    """Check every pinned file of a checkpoint folder; its pins, for the build's record."""
    wanted = pins(folder)
    for name in wanted:
        _pinned(folder, name, wanted)
    return wanted


def read_pinned(folder: Path, name: str) -> bytes:
    """The content of a checkpoint folder's file ``name``, once it was held against its pin.

    Raises WeightsError, one line, for a file that is not pinned, missing, elsewhere, no regular file, or
    another than pinned.
    """
    return _pinned(folder, name, pins(folder))


def read_json(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """A pinned JSON object of a checkpoint folder; WeightsError as :func:`read_pinned`, or for other text."""
    try:
        found = parse_json(read_pinned(folder, name))
    except WeightsError:
        raise
    except UserError as error:
        raise WeightsError(f"weights: {folder / name}: {error}, expected a JSON object") from None
    if not isinstance(found, dict):
        raise WeightsError(f"weights: {folder / name} is a {type(found).__name__}, expected a JSON object")
    return found


def read_tensors(folder: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """The pinned tensors of a checkpoint folder, all finite; WeightsError as :func:`read_pinned`."""
    return _tensors(folder / name, read_pinned(folder, name))


def load_safetensors(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The finite tensors of one file outside a checkpoint folder, held against its digest if one is given."""
    if not path.is_file():
        raise WeightsError(f"weights: {path} not found, expected a .safetensors file")
    if path.suffix != ".safetensors":
        raise WeightsError(f"weights: {path} is not safetensors, convert it with `synthorax convert`")
    data = path.read_bytes()
    if sha256 is not None:
        _check_digest(path, data, sha256)
    return _tensors(path, data)


def fit(network: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Put tensors into a network; WeightsError in one line when they are not its own."""
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"weights: {source} does not fit its network: {said(error)}") from None


def check_shapes(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[int | None, ...]], source: Path
) -> None:
    """Raises WeightsError unless each of ``wanted`` is there in its shape; None is any length but 0."""
    for name, shape in wanted.items():
        if name not in tensors:
            raise WeightsError(f"weights: {source} lacks {name}, expected a tensor of shape {shape}")
        found = tuple(tensors[name].shape)
        fits = len(found) == len(shape) and all(
            n > 0 if w is None else n == w for n, w in zip(found, shape, strict=True)
        )
        if not fits:
            raise WeightsError(f"weights: {source}, {name} has shape {found}, expected {shape}")


def check_numbers(tensors: Mapping[str, Tensor], about: str) -> None:
    """Raises WeightsError, which begins with ``about``, unless all numbers of the tensors are finite."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"{about}, {name} holds numbers that are not finite")


def _pinned(folder: Path, name: str, wanted: Mapping[str, str]) -> bytes:
    path = folder / name
    if name not in wanted:
        raise WeightsError(f"weights: {folder / SUMS} does not name {name}, expected its pin")
    try:
        data = _read(folder, name)
    except FileNotFoundError:
        raise WeightsError(f"weights: {path} not found, expected as {SUMS} names it") from None
    except (OSError, UserError) as error:
        raise WeightsError(f"weights: {path} cannot be read: {said(error)}") from None
    _check_digest(path, data, wanted[name])
    return data


def _read(folder: Path, name: str, most: int | None = None) -> bytes:
    with open_inside(folder, name) as file:
        data = file.read() if most is None else file.read(most + 1)
    if most is not None and len(data) > most:
        raise OSError(0, f"has more than {most} bytes")
    return data


def _check_digest(path: Path, data: bytes, wanted: str) -> None:
    if (found := sha256(data).hexdigest()) != wanted:
        raise WeightsError(f"weights: {path} has SHA-256 {found}, expected {wanted}")


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise WeightsError(f"weights: {path} is not valid safetensors: {said(error)}") from error
    check_numbers(tensors, f"weights: {path}")
    return tensors


def said(error: BaseException) -> str:
    """An error in one short line."""
    words = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((words or type(error).__name__).split())[:200]
