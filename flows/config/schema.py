"""The one configuration of a build: what is made, how it is judged, where it goes.

Frozen, strict (no silent conversion), and hashed: :func:`config_hash` covers everything that
changes the result and nothing else. Relative paths are taken from the current folder.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from filters.registry import FILTER_NAMES
from filters.settings import FilterChoice, JudgeSettings
from flows.config.edit import Edit
from flows.config.group import Group
from synth.findings import FINDING_NAMES
from synth.settings import SynthesisSettings

FindingName = Literal[FINDING_NAMES]  # type: ignore[valid-type]
Weight = Annotated[float, Field(ge=0)]
DEFAULTS = SynthesisSettings()


class Prompts(Group):
    """Where prompts come from: the user's ``file``, otherwise sampled like a real label ``table``.

    The file is CSV, Parquet or text; its rows repeat when there are fewer than candidates.
    """

    file: Path | None = None
    table: Literal["padchest", "nih", "chexpert", "vinbigdata"] = "padchest"
    findings: Annotated[tuple[FindingName, ...], Field(min_length=1)] | None = None
    weights: dict[FindingName, Weight] = Field(default_factory=dict)  # multiplies a finding's real frequency
    normals: Annotated[float, Field(ge=0, le=1)] | None = None  # share without a finding
    age: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(le=120)]] | None = None  # years
    sex: dict[Literal["F", "M"], Weight] = Field(default_factory=dict)
    view: dict[Literal["PA", "AP"], Weight] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sampled = (self.findings, self.weights, self.age, self.sex, self.view, self.normals)
        if self.file and any(value not in (None, {}) for value in sampled):
            raise ValueError("prompts.file: excludes findings, weights, normals, age, sex and view")
        if self.age and self.age[0] > self.age[1]:
            raise ValueError(f"prompts.age: {list(self.age)}, expected the lower age first")
        for name, weights in (("sex", self.sex), ("view", self.view)):
            if weights and not sum(weights.values()):
                raise ValueError(f"prompts.{name}: {weights}, expected a weight above 0")
        return self


class Anatomy(Group):
    """The statistical shape model; ``weights``: None takes the shipped one."""

    weights: Path | None = None


class Masks(Group):
    """The pseudo-mask model; ``weights``: None takes the shipped one."""

    weights: Path | None = None


class Images(Group):
    """The image model and how it samples; size, steps and guidance: None takes what suits the checkpoint."""

    checkpoint: Annotated[str, Field(min_length=1)] | None = None  # folder or hub id; None: the shipped one
    controlnet: Annotated[str, Field(min_length=1)] | None = (
        None  # folder or hub id, for another's checkpoint
    )
    size: Annotated[int, Field(ge=64, le=2048, multiple_of=32)] | None = None  # pixels
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance: Annotated[float, Field(ge=1, le=30)] | None = None  # of prompt and, with our weights, anatomy
    lesion_guidance: Annotated[float, Field(ge=0, le=30)] = DEFAULTS.lesion_guidance  # times the model's own
    batch_size: Annotated[int, Field(ge=1, le=1024)] = DEFAULTS.batch_size
    precision: Literal["fp32", "bf16"] = "fp32"  # bf16: for GPUs, and CPUs with AVX512-BF16 or AMX
    device: Annotated[str, Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$")] = "cpu"


class Rule(Group):
    """One filter; ``threshold`` in the filter's own unit, None takes the shipped, calibrated one.

    With ``expert`` torchxrayvision, ``weights`` is the file that `synthorax convert` made and
    ``sha256`` its digest.
    """

    enabled: bool = True
    threshold: float | None = None
    expert: Literal["embedded", "torchxrayvision"] = "embedded"
    weights: Path | None = None
    sha256: Annotated[str, Field(min_length=64, max_length=64)] | None = None


class Filters(Group):
    """Who judges and how strictly. Mode ``cheap_first`` stops at the first filter that says no."""

    mode: Literal["all", "cheap_first"] = "all"
    checkpoints: Path | None = None  # folder of the embedded experts, None takes the shipped one
    integrity: Rule = Rule()
    anatomy_agreement: Rule = Rule()
    finding_agreement: Rule = Rule()
    lesion_agreement: Rule = Rule()
    near_duplicate: Rule = Rule()
    training_copy: Rule = Rule()


class Workers(Group):
    """How the work is spread: only ``threads`` (of one worker) changes the last bit of a float."""

    count: Annotated[int, Field(ge=1, le=256)] | None = None  # shards at once; None: one per core
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    retries: Annotated[int, Field(ge=0, le=20)] = 2


class BuildConfig(Group):
    """One build. ``accepted`` makes ``candidates`` a ceiling: shards are added until it is met."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    candidates: Annotated[int, Field(ge=1, lt=10**9)]  # keys have nine digits
    accepted: Annotated[int, Field(ge=1)] | None = None
    shard_size: Annotated[int, Field(ge=1, le=100_000)] = 256
    output: Annotated[str, Field(min_length=1)]  # folder or any fsspec URL
    prompts: Prompts = Prompts()
    anatomy: Anatomy = Anatomy()
    masks: Masks = Masks()
    images: Images = Images()
    filters: Filters = Filters()
    edit: Edit | None = None
    workers: Workers = Workers()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.accepted is not None and self.accepted > self.candidates:
            raise ValueError(f"accepted: {self.accepted}, expected at most candidates ({self.candidates})")
        judge_settings(self)
        if self.images.precision == "bf16" and self.images.device == "mps":
            raise ValueError("images.precision: bf16, expected fp32 on device mps")
        if self.edit is not None:
            _check_edit(self)
        return self


def _check_edit(config: BuildConfig) -> None:
    """Raises ``ValueError`` for what makes no sense where radiographs are edited rather than drawn."""
    images, filters = config.images, config.filters
    if config.prompts != Prompts():
        raise ValueError("prompts: given, expected none with edit: prompts are written for what is edited")
    for name, usual in (("steps", None), ("guidance", None), ("lesion_guidance", DEFAULTS.lesion_guidance)):
        if (value := getattr(images, name)) != usual:
            raise ValueError(f"images.{name}: {value}, expected none with edit: edits have their own")
    if images.controlnet is not None:
        raise ValueError(f"images.controlnet: {images.controlnet}, expected none with edit")
    for name in ("near_duplicate", "training_copy"):
        if getattr(filters, name).enabled:
            raise ValueError(
                f"filters.{name}.enabled: true, expected false with edit: "
                "both samples of a pair resemble each other and their source"
            )
    if not filters.finding_agreement.enabled:
        raise ValueError(
            "filters.finding_agreement.enabled: false, expected true with edit: it says no to failed edits"
        )
    for name in ("candidates", "shard_size"):
        if (value := getattr(config, name)) % 2:
            raise ValueError(f"{name}: {value}, expected an even number with edit: two a radiograph")


def judge_settings(config: BuildConfig) -> JudgeSettings:
    """What the room ``filters`` needs to know. Raises ``ValueError`` for an impossible choice."""
    rules = {name: getattr(config.filters, name) for name in FILTER_NAMES}
    return JudgeSettings(
        mode=config.filters.mode,
        filters={name: FilterChoice(**dict(rule)) for name, rule in rules.items()},
        checkpoints=config.filters.checkpoints,
        device=config.images.device,
        batch_size=config.images.batch_size,
    )


#: Fields that leave the result as it is. Paths are here because their content is hashed instead.
NEUTRAL = (
    "output",
    "workers.count",
    "workers.retries",
    "prompts.file",
    "anatomy.weights",
    "masks.weights",
    "images.checkpoint",
    "images.controlnet",
    "filters.checkpoints",
    "edit.source",
    "edit.labels",
    *(f"filters.{name}.weights" for name in FILTER_NAMES),
)


def result_fields(config: BuildConfig) -> dict[str, Any]:
    """The config as plain JSON values, without the fields that cannot change the result."""
    fields = config.model_dump(mode="json")
    for path in NEUTRAL:
        *groups, name = path.split(".")
        at = fields
        for group in groups:
            at = at[group]
        if at is not None:  # an optional group that is left out
            del at[name]
    return fields


def config_hash(config: BuildConfig, inputs: Mapping[str, str]) -> str:
    """SHA-256 (hex) of what determines the result: config fields and the files that they name.

    ``inputs``: file's role or name -> SHA-256 of its content (weights and the prompt file).
    """
    content = {"config": result_fields(config), "inputs": dict(inputs)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
