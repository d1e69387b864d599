"""The one configuration of a build: what is made, how it is judged, where it goes.

Frozen, strict (no silent conversion), and hashed (:mod:`flows.config.identity`). Relative paths are taken
from the current folder.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, create_model, model_validator

from filters.registry import FILTERS
from filters.settings import FilterChoice, JudgeSettings
from flows.config.accepted_per import AcceptedPer, check_accepted_per
from flows.config.edit import Edit
from flows.config.group import Group
from flows.config.prompts import Prompts
from synth.errors import UserError
from synth.prompts.quotas import Quotas
from synth.settings import ONE_PASS, SynthesisSettings

DEFAULTS = SynthesisSettings()


class Anatomy(Group):
    """The statistical shape model; ``weights``: None takes the shipped one."""

    weights: Path | None = None


class Masks(Group):
    """The pseudo-mask model; ``weights``: None takes the shipped one."""

    weights: Path | None = None


class Images(Group):
    """The image model and how it samples; size, steps and guidance: None takes what suits the checkpoint."""

    checkpoint: Annotated[str, Field(min_length=1)] | None = None  # folder or hub id; None: the shipped one
    model: Literal["fast", "best"] = "best"  # fast: one pass, reads of prompts what is understood alone
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
    """One build. ``accepted``, or ``accepted_per``, makes ``candidates`` a ceiling: shards are added until it
    is met."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    candidates: Annotated[int, Field(ge=1, lt=10**9)]  # keys have nine digits
    accepted: Annotated[int, Field(ge=1)] | None = None
    accepted_per: AcceptedPer | None = None
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
        _check_model(self)
        if self.accepted_per is not None:
            _check_one_goal(self)
            check_accepted_per(self.accepted_per, self.prompts, self.candidates)
        if self.edit is not None:
            _check_edit(self)
        return self

    @property
    def quotas(self) -> Quotas | None:
        """How many are wanted of each kind, None where that is left to chance."""
        return self.accepted_per.quotas if self.accepted_per else None


def _check_one_goal(config: BuildConfig) -> None:
    if config.accepted is not None:
        raise UserError(f"accepted: {config.accepted}, expected none with accepted_per: a build has one goal")
    if config.edit is not None:
        raise UserError("accepted_per: given, expected none with edit: its radiographs are what they are")


def _check_model(config: BuildConfig) -> None:
    """Raises ``UserError`` for what the one-pass model has not."""
    images = config.images
    if images.model == "best":
        return
    if config.edit is not None:
        raise UserError(f"images.model: {images.model}, expected best with edit")
    if images.controlnet is not None:
        raise UserError(f"images.controlnet: {images.controlnet}, expected none with images.model fast")
    if images.guidance not in (None, ONE_PASS.guidance):
        raise UserError(f"images.guidance: {images.guidance}, expected none with images.model fast")


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
