"""What an expert's ``config.json`` says of it; further keys, of its training, are nobody's concern here."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synth.errors import WeightsError
from synth.findings import ANATOMY
from synth.weights import read_json

CONFIG = "config.json"

Resolution = Annotated[int, Field(ge=16, le=4096, multiple_of=16)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Config(BaseModel):
    model_config = ConfigDict(strict=True)


class Platt(_Config):
    """p = sigmoid(scale · logit + bias)."""

    scale: Finite
    bias: Finite


class AnatomyConfig(_Config):
    """Of an expert for anatomy; its network gives ``structures`` in this order."""

    resolution: Resolution
    structures: Annotated[list[Literal[ANATOMY]], Field(min_length=1, max_length=len(ANATOMY))]  # type: ignore[valid-type]


class Together(_Config):
    """How experts are calibrated that are asked as one, and which findings they could tell on real films."""

    calibration: dict[str, Platt]
    trusted: list[str]


class LiteConfig(_Config):
    """Of an expert for ``findings`` on EfficientNet-Lite: its ``network``, one of
    :data:`filters.experts.lite_networks.LITE`, how probabilities and maps are calibrated, which findings it
    could tell on real films, and in the last of several experts what holds of all ``together``."""

    network: Literal["lite0", "lite1", "lite2"]
    resolution: Resolution
    findings: list[str]
    trusted: list[str]
    calibration: dict[str, Platt]
    map_calibration: dict[str, Platt]
    together: Together | None = None


class ReadoutConfig(_Config):
    """Of the attributes' evaluator; ``encoders``: digests of those that it was fitted to."""

    encoders: dict[str, str]


C = TypeVar("C", bound=_Config)


def read_config(folder: Path) -> dict[str, Any]:
    """The expert's ``config.json``: resolution, what it was trained on, calibration."""
    return read_json(folder, CONFIG)


def config_of(folder: Path, kind: type[C]) -> C:
    """The expert's ``config.json`` as its ``kind`` has it; WeightsError, one line, for another one."""
    try:
        return kind.model_validate(read_config(folder))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WeightsError(f"weights: {folder / CONFIG}, {where}: {first['msg']}") from None
