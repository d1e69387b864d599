"""The one configuration of a build: what is made, how it is judged, where it goes.

Frozen, strict (no silent conversion), and hashed (:mod:`flows.config.identity`). Relative paths are taken
from the current folder.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, create_model, model_validator

from filters.registry import FILTERS
from filters.settings import FilterChoice, JudgeSettings
from flows.config.edit import Edit
from flows.config.group import Group
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.settings import LONGEST_PROMPT, SynthesisSettings

FindingName = Literal[FINDING_NAMES]  # type: ignore[valid-type]
ColumnName = Literal["prompt", "age", "sex", "view", "findings"]  # of synth.prompts.tables.COLUMNS
Weight = Annotated[float, Field(ge=0)]
DEFAULTS = SynthesisSettings()


class Prompts(Group):
    """Where prompts come from: the user's ``file``, otherwise sampled like a real label ``table``.

    The file is CSV, Parquet, JSON lines or text; its rows repeat when there are fewer than candidates.
    """

    file: Path | None = None
    unparsed: Literal["keep", "reject"] = "keep"  # rows of the file whose text is not understood whole
    longest: Annotated[int, Field(ge=1, le=1_000_000)] = LONGEST_PROMPT  # characters of a prompt of the file
    columns: dict[ColumnName, str] = Field(default_factory=dict)  # what the file calls its columns
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
            raise UserError("prompts.file: excludes findings, weights, normals, age, sex and view")
        if self.columns and not self.file:
            raise UserError("prompts.columns: given, expected none without prompts.file")
        if twice := [n for n in self.columns.values() if list(self.columns.values()).count(n) > 1]:
            raise UserError(f"prompts.columns: {twice[0]!r} for two of them, expected a column for each")
        if self.age and self.age[0] > self.age[1]:
            raise UserError(f"prompts.age: {list(self.age)}, expected the lower age first")
        for name, weights in (("sex", self.sex), ("view", self.view)):
            if weights and not sum(weights.values()):
                raise UserError(f"prompts.{name}: {weights}, expected a weight above 0")
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
    retry_draws: Annotated[int, Field(ge=0, le=20)] = 0  # how often what filters refuse is drawn again
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


class _Filters(Group):
    """Who judges and how strictly: a :class:`Rule` for each shipped filter, under its name.

    Mode ``cheap_first`` stops at the first filter that says no. ``own`` are Python files with filters of
    the user's own, which are run (:mod:`filters.own`).
    """

    mode: Literal["all", "cheap_first"] = "all"
    checkpoints: Path | None = None  # folder of the embedded experts, None takes the shipped one
    own: tuple[Path, ...] = ()

    def rule(self, name: str) -> Rule:
        """That of one shipped filter."""
        found: Rule = getattr(self, name)
        return found


if TYPE_CHECKING:
    Filters = _Filters
else:
    _rules = {name: (Rule, Rule()) for name in FILTERS}
    Filters = create_model("Filters", __base__=_Filters, __doc__=_Filters.__doc__, **_rules)


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
    licence: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")] = "other"  # Hugging Face's identifier
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
            raise UserError(f"accepted: {self.accepted}, expected at most candidates ({self.candidates})")
        judge_settings(self)
        if self.images.precision == "bf16" and self.images.device == "mps":
            raise UserError("images.precision: bf16, expected fp32 on device mps")
        if self.edit is not None:
            _check_edit(self)
        return self


def _check_edit(config: BuildConfig) -> None:
    """Raises ``UserError`` for what makes no sense where radiographs are edited rather than drawn."""
    images, filters = config.images, config.filters
    if config.prompts != Prompts():
        raise UserError("prompts: given, expected none with edit: prompts are written for what is edited")
    for name, usual, instead in (
        ("steps", None, "their own"),
        ("guidance", None, "their own"),
        ("lesion_guidance", DEFAULTS.lesion_guidance, "their own"),
        ("retry_draws", 0, "edit.tries"),
    ):
        if (value := getattr(images, name)) != usual:
            raise UserError(f"images.{name}: {value}, expected none with edit: edits have {instead}")
    if images.controlnet is not None:
        raise UserError(f"images.controlnet: {images.controlnet}, expected none with edit")
    for name in (f.name for f in FILTERS.values() if f.embeds):
        if filters.rule(name).enabled:
            raise UserError(
                f"filters.{name}.enabled: true, expected false with edit: "
                "both samples of a pair resemble each other and their source"
            )
    if not filters.rule("finding_agreement").enabled:
        raise UserError(
            "filters.finding_agreement.enabled: false, expected true with edit: it says no to failed edits"
        )
    for name in ("candidates", "shard_size"):
        if (value := getattr(config, name)) % 2:
            raise UserError(f"{name}: {value}, expected an even number with edit: two a radiograph")


def judge_settings(config: BuildConfig) -> JudgeSettings:
    """What the room ``filters`` needs to know. Raises ``UserError`` for an impossible choice."""
    return JudgeSettings(
        mode=config.filters.mode,
        filters={name: FilterChoice(**dict(config.filters.rule(name))) for name in FILTERS},
        own=config.filters.own,
        checkpoints=config.filters.checkpoints,
        device=config.images.device,
        batch_size=config.images.batch_size,
    )
