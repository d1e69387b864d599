"""`synthorax evaluate BUILD --real DIR`: all figures of a set of films, as JSON, Markdown and plots."""

import math
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.config.terminal import tell
from flows.evaluation.sets import asked, attributes, fidelity, learned, nearness, protocol
from flows.evaluation.sets.films import Generated, read_build, read_folder
from flows.evaluation.sets.groups import Group, matched, part_groups, whole_groups
from flows.evaluation.sets.kept import Kept
from flows.evaluation.sets.plots import draw_figures, draw_spectra
from flows.evaluation.sets.real import RealSet, read_real
from flows.evaluation.sets.report import page
from flows.evaluation.sets.spaces import EVALUATOR, RadDino, Space, load_spaces
from flows.figures.figure import Figure, FigureFile
from flows.material.films import SHOWN
from flows.material.trained import unmarked
from manifests.measured import build_identity
from manifests.seldom import read_seldom, warning
from manifests.store import Store
from synth.devices import check_device
from synth.errors import UserError

#: Films of a side that are compared at most, unless told.
MOST = 2000


@dataclass(frozen=True)
class Request:
    """What to evaluate, against what, with which networks; ``most`` films of either side at most."""

    build: str | None
    images: Path | None
    real: Path
    out: Path
    torchxrayvision: tuple[Path, ...] = ()
    rad_dino: Path | None = None
    protocol: str | None = None
    device: str = "cpu"
    most: int = MOST

    @property
    def command(self) -> str:
        """The line that measures the same again."""
        words = ["synthorax", "evaluate", *([self.build] if self.build else [])]
        options: list[tuple[str, Path | str | None]] = [("--images", self.images), ("--real", self.real)]
        options += [("--torchxrayvision", path) for path in self.torchxrayvision]
        options += [("--rad-dino", self.rad_dino), ("--protocol", self.protocol)]
        options += [("--films", str(self.most))] if self.most != MOST else []
        options += [("--device", self.device)] if self.device != "cpu" else []
        for name, value in (*options, ("--out", self.out)):
            words += [name, str(value)] if value is not None else []
        return shlex.join(words)


def evaluate_set(request: Request, console: Console) -> FigureFile:
    """Measure; write ``evaluation.json``, ``evaluation.md``, ``spectra.png`` and ``figures.png`` into OUT.

    What networks say is kept in ``OUT/kept`` by the films' content: the same command goes on from there.
    Raises UserError, one line, for what cannot be evaluated.
    """
    _check(request)
    began = time.monotonic()
    spaces = load_spaces(request.torchxrayvision, request.rad_dino, request.device)
    generated = _generated(request, console)
    real = read_real(request.real, request.out, generated.side, request.most, console)
    remarks = _remarks(request, generated, real)
    for remark in remarks:
        tell(console, remark)
    request.out.mkdir(parents=True, exist_ok=True)
    kept = Kept(request.out / "kept", console)
    wholes = list(whole_groups(generated, real))
    bare = _bare(kept, generated, real)
    alike = [matched(generated, real)] if generated.asked and real.known else []
    figures = _fidelity(kept, spaces, *bare, [*wholes, *alike], console)
    if request.protocol is not None:
        assert request.rad_dino is not None
        space = RadDino(request.rad_dino, request.device, protocol.RESAMPLED).space()
        figures += protocol.protocol_figures(kept, space, generated, real)
    if generated.asked:
        tell(console, "as asked for")
        figures += _asked(kept, generated, real, wholes)
    tell(console, "copies")
    figures += nearness.copy_figures(kept, generated, real, wholes)
    figures += learned.learned_figures(kept, generated, real, wholes, console)
    about: dict[str, Any] = {
        **({} if request.build is None else {"build": build_identity(Store(request.build))}),
        "generated": generated.about,
        "real": real.about,
        "generated_damaged": list(generated.damaged),
        "real_damaged": list(real.damaged),
        "remarks": remarks,
        "spaces": {s.name: s.digest for s in spaces},
        "device": request.device,
        "seconds": round(time.monotonic() - began),
    }
    file = FigureFile(request.command, about, tuple(map(_finite, figures)))
    _write(request.out, file, *bare)
    return file


def _check(request: Request) -> None:
    if (request.build is None) == (request.images is None):
        raise UserError("evaluate: expected a build, or a folder of images with --images, one of the two")
    if request.protocol not in (None, protocol.NAME):
        raise UserError(f"protocol: {request.protocol!r}, expected {protocol.NAME}")
    if request.protocol is not None and request.rad_dino is None:
        raise UserError(f"protocol: {request.protocol} compares in RAD-DINO's space, expected --rad-dino DIR")
    check_device(request.device)


def _generated(request: Request, console: Console) -> Generated:
    if request.images is not None:
        return read_folder(request.images, request.most, request.out, console)
    assert request.build is not None
    return read_build(request.build, request.most, console)


def _remarks(request: Request, generated: Generated, real: RealSet) -> list[str]:
    """What a reader has to know of the two sets, a line each."""
    lines = []
    if generated.asked and not generated.accepted.any():
        lines.append("no film was accepted: only figures of all, here the rejected ones, are given")
    if request.build is not None and (seldom := read_seldom(Store(request.build))):
        lines.append(warning(seldom))
    if generated.side < SHOWN:
        lines.append(f"films have {generated.side} pixels a side: real ones were made as small")
    if not real.known:
        lines.append(
            "the real films' patients and labels are unknown: intervals are of films, not of patients"
        )
    return lines


def _bare(kept: Kept, generated: Generated, real: RealSet) -> tuple[Generated, RealSet]:
    """Both sets without letters, which models are taught without: what is compared are films."""
    sets = (generated.images, real.films.images)
    made, theirs = (unmarked(images, asked.seen_lungs(kept, images)[:, None]) for images in sets)
    return replace(generated, images=made), replace(real, films=replace(real.films, images=theirs))


def _fidelity(
    kept: Kept,
    spaces: Sequence[Space],
    generated: Generated,
    real: RealSet,
    wholes: list[Group],
    console: Console,
) -> list[Figure]:
    patients, figures = real.films.patients, list[Figure]()
    for space in spaces:
        made = kept.rows(space.name, space.digest, generated.images, space.features)
        theirs = kept.rows(space.name, space.digest, real.films.images, space.features)
        judge = space.judge(generated.weights)
        tell(console, f"compared by {judge}")
        for group in wholes:
            figures += fidelity.in_space(judge, made, theirs, patients, group)
        if space.name == EVALUATOR and generated.asked and real.known:
            for group in part_groups(generated, real):
                figures += fidelity.in_space(judge, made, theirs, patients, group, test=False)
    tell(console, "diversity and detail")
    return [*figures, *fidelity.of_pixels(generated, real, wholes)]


def _asked(kept: Kept, generated: Generated, real: RealSet, wholes: list[Group]) -> list[Figure]:
    seen = asked.look(kept, generated.images, generated.weights)
    real_seen = asked.look(kept, real.films.images, {})
    return [
        *asked.lung_figures(kept, generated, wholes),
        *asked.finding_figures(seen, real_seen, generated, real),
        *asked.pointing_figures(seen, real_seen, generated, real),
        *attributes.attribute_figures(kept, generated, real, wholes),
    ]


def _write(out: Path, file: FigureFile, generated: Generated, real: RealSet) -> None:
    draw_spectra(fidelity.spectra(generated, real), out / "spectra.png")
    draw_figures(file.figures, out / "figures.png")
    text = page(file.command, file.about, file.figures)
    temporary = out / ".evaluation.md.tmp"
    temporary.write_text(text, "utf-8")
    temporary.replace(out / "evaluation.md")
    file.write(out / "evaluation.json")


def _finite(figure: Figure) -> Figure:
    """A figure that is no number, e.g. a ranking of films of one kind, was not measured."""
    floor = figure.floor if figure.floor is None or math.isfinite(figure.floor) else None
    numbers = (figure.value, figure.low, figure.high)
    if all(v is None or math.isfinite(v) for v in numbers):
        return replace(figure, floor=floor)
    note = f"not measured: no finite number; {figure.note}"
    return replace(figure, value=None, low=None, high=None, floor=floor, note=note)
