"""What quotas leave open and a build settles: which findings have cells, and which bands of age."""

from collections.abc import Callable
from typing import Any

from flows.config.accepted_per import check_accepted_per
from flows.config.prompts import Prompts
from flows.config.schema import BuildConfig
from synth.errors import UserError
from synth.findings import FINDING_NAMES
from synth.prompts.files import PromptFile
from synth.prompts.quotas import AGES, NORMAL, Quotas


def settled_cells(config: BuildConfig, drawable: Callable[[], tuple[str, ...]]) -> BuildConfig:
    """The config with the findings and ages of ``accepted_per`` spelled out, if left open.

    ``drawable`` says what the image model draws. Raises UserError with one line for a prompt file that
    cannot be read, or where nothing may be asked for.
    """
    per = config.accepted_per
    if per is None:
        return config
    changes: dict[str, Any] = {}
    if "finding" in per.of and per.findings is None:
        changes["findings"] = _asked_for(config.prompts, drawable)
    if "age" in per.of and per.ages is None:
        changes["ages"] = AGES
    if not changes:
        return config
    whole = per.model_copy(update=changes)
    check_accepted_per(whole, config.prompts, config.candidates)
    return config.model_copy(update={"accepted_per": whole})


def prompt_file(prompts: Prompts) -> PromptFile:
    """The user's own prompts. Raises UserError with one line for a file that cannot be used."""
    if prompts.file is None or not prompts.file.is_file():
        raise UserError(f"prompts.file: {prompts.file}, expected a CSV, Parquet, JSON lines or text file")
    columns = {str(column): name for column, name in prompts.columns.items()}
    return PromptFile(prompts.file, prompts.unparsed == "reject", prompts.longest, columns)


def check_asked_for(quotas: Quotas, file: PromptFile) -> None:
    """Raises UserError when no row of a prompt file is in some cell: rows are drawn as they are."""
    asked = frozenset[int]().union(*(quotas.of_case(row.case(0, "0")) for row in file.rows))
    empty = [str(cell) for i, cell in enumerate(quotas.cells) if i not in asked]
    if empty:
        more = f" and {len(empty) - 1} more" if empty[1:] else ""
        raise UserError(
            f"accepted_per: no row of {file.path} is in the cell {empty[0]}{more}, expected one in each: "
            "name other findings, fewer kinds in of, or other ages"
        )


def labelled(table: str, drawable: tuple[str, ...]) -> tuple[str, ...]:
    """What the model can draw and the table knows: what is asked for unless the config says."""
    from synth.prompts.label_tables import load_table

    known = load_table(table).labelled
    return tuple(name for name in drawable if name in known)


def _asked_for(prompts: Prompts, drawable: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    if prompts.file:
        names, normals = _of_file(prompt_file(prompts))
    else:
        may = prompts.findings or labelled(prompts.table, drawable())
        names, normals = {n for n in may if prompts.weights.get(n) != 0}, prompts.normals != 0
    found = (*(n for n in FINDING_NAMES if n in names), *((NORMAL,) if normals else ()))
    if not found:
        raise UserError("accepted_per.findings: none may be asked for, expected prompts that ask for one")
    return found


def _of_file(file: PromptFile) -> tuple[set[str], bool]:
    cases = [row.case(0, "0") for row in file.rows]
    return {r.name for case in cases for r in case.findings}, any(case.normal for case in cases)
