"""The settings of an edit dataset: which radiographs, and what is to be done to each."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flows.config.group import Group
from manifests.films.bounds import MEGAPIXELS, MOST_MEGAPIXELS
from synth.errors import UserError
from synth.prompts.edit_requests import EDITABLE, EditRequest
from synth.prompts.grammar import read_finding
from synth.settings import TRIES

EditableName = Literal[EDITABLE]  # type: ignore[valid-type]


class Edit(Group):
    """Pairs of real radiographs as they are and edited, from the files in and below the folder ``source``.

    ``add`` are written as ``effusion, left, lower``; with ``replace`` they lie in the place of what is
    removed. With ``everywhere`` both lungs are cleared. ``tries`` edits are made of each, the best by the
    experts is kept. ``labels`` is a prompt file with a column ``image``: only the radiographs that it names
    are taken, and show what it says. A film of more than ``megapixels`` is refused before it is decoded.
    """

    source: Path
    remove: tuple[EditableName, ...] = ()
    add: tuple[str, ...] = ()
    replace: bool = False
    everywhere: bool = False
    tries: Annotated[int, Field(ge=1, le=64)] = TRIES
    labels: Path | None = None
    megapixels: Annotated[int, Field(ge=1, le=MOST_MEGAPIXELS)] = MEGAPIXELS

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        if len(set(self.remove)) < len(self.remove):
            raise UserError(f"edit.remove: {', '.join(self.remove)}, expected each finding once")
        if self.replace and not (self.remove and self.add):
            raise UserError("edit.replace: true, expected something in both remove and add")
        try:
            _ = self.request
        except UserError as error:
            about, _, told = str(error).partition(": ")
            field = "edit.everywhere" if about == "everywhere" else "edit.add" if self.add else "edit"
            raise UserError(f"{field}: {told}") from None
        return self

    @property
    def request(self) -> EditRequest:
        """What is asked of each radiograph."""
        added = tuple(read_finding(text) for text in self.add)
        return EditRequest(self.remove, added, self.replace, self.everywhere)
