"""Weights: safetensors only, each file pinned by SHA-256 in the ``SHA256SUMS`` beside it."""

from hashlib import sha256
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from synth.errors import WeightsError

#: Checkpoints that ship with the package.
SHIPPED = Path(__file__).parent / "checkpoints"

SUMS = "SHA256SUMS"


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    state = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def pins(folder: Path) -> dict[str, str]:
    """Relative file name to SHA-256, as the folder's ``SHA256SUMS`` has it (``sha256sum -c``)."""
    path = folder / SUMS
    if not path.is_file():
        raise WeightsError(f"weights: {path} not found, expected a checkpoint folder with {SUMS}")
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {name.lstrip("*"): value for value, name in pairs}


def verify_folder(folder: Path) -> dict[str, str]:
    """Check every pinned file of a checkpoint folder; its pins, for the build's record."""
    wanted = pins(folder)
    for name, value in wanted.items():
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"weights: {path} not found, expected as {SUMS} names it")
        found = digest(path)
        if found != value:
            raise WeightsError(f"weights: {path} has SHA-256 {found}, expected {value}")
    return wanted


def load_safetensors(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of one file, after its digest was checked when one is given."""
    if not path.is_file():
        raise WeightsError(f"weights: {path} not found, expected a .safetensors file")
    if path.suffix != ".safetensors":
        raise WeightsError(f"weights: {path} is not safetensors, convert it with `synthorax convert`")
    if sha256 is not None and (found := digest(path)) != sha256:
        raise WeightsError(f"weights: {path} has SHA-256 {found}, expected {sha256}")
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"weights: {path} is not valid safetensors: {error}") from error
