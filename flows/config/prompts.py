"""The settings of prompts: whose they are, or what they are sampled like."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flows.config.group import Group
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.settings import LONGEST_PROMPT

FindingName = Literal[FINDING_NAMES]  # type: ignore[valid-type]
ColumnName = Literal["prompt", "age", "sex", "view", "findings"]  # of synth.prompts.tables.COLUMNS
Weight = Annotated[float, Field(ge=0)]


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
