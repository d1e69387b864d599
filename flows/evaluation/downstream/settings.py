"""The settings of one comparison: what is trained on which films, how long, and where it goes."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flows.config.group import Group
from flows.evaluation.downstream.arms import ARM_NAMES, ARMS
from synth.errors import UserError

ArmName = Literal[ARM_NAMES]  # type: ignore[valid-type]
Percent = Annotated[int, Field(ge=1, le=100)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Coco(Group):
    """Somebody else's synthetic films: a COCO file, and the folder that its file names are in."""

    annotations: Path
    images: Path


class DownstreamConfig(Group):
    """One comparison. What is None takes what suits the task.

    ``fractions`` are percent of the real training patients; ``share`` is how much of a batch is synthetic
    where an arm has both. Every run takes ``steps`` optimiser steps of ``batch`` films, whatever its arm.
    ``classes`` narrows a task to some of its classes. Intervals come from ``draws``.
    """

    real: Path
    builds: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    coco: tuple[Coco, ...] = ()
    output: Annotated[str, Field(min_length=1)]
    arms: Annotated[tuple[ArmName, ...], Field(min_length=1)] = (
        "real",
        "synthetic",
        "real+synthetic",
        "real+augmented",
    )
    fractions: Annotated[tuple[Percent, ...], Field(min_length=1)] = (10, 30, 100)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1, 2)
    backbones: Annotated[tuple[Literal["imagenet", "none"], ...], Field(min_length=1)] = ("imagenet", "none")
    classes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    size: Annotated[int, Field(ge=64, le=1024, multiple_of=32)] | None = None  # pixels a side
    steps: Annotated[int, Field(ge=1, le=10**6)] | None = None
    batch: Annotated[int, Field(ge=2, le=1024)] | None = None
    rate: Annotated[float, Field(gt=0, le=1)] | None = None
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    draws: Annotated[int, Field(ge=20, le=100_000)] = 1000
    device: Annotated[str, Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$")] = "cpu"
    threads: Annotated[int, Field(ge=1, le=256)] | None = None  # None: as many as there are cores

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("arms", "fractions", "seeds", "backbones", "classes"):
            values = getattr(self, name) or ()
            if len(set(values)) < len(values):
                raise UserError(f"{name}: {', '.join(map(str, values))}, expected each once")
        if any(ARMS[arm].synthetic for arm in self.arms) and not (self.builds or self.coco):
            arm = next(arm for arm in self.arms if ARMS[arm].synthetic)
            raise UserError(f"arms: {arm}, expected builds or coco to take synthetic films from")
        return self
