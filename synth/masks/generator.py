"""Pseudo-masks: all lesions that a prompt asks for, drawn together on one body (AURAD, step 1).

A layout (how many instances on which side and in which zone) is taken from those of real images that
fit the prompt; :mod:`synth.masks.lesion_sets` then draws all boxes and outlines at once, and
:mod:`synth.masks.walls` brings what belongs to the pleural space to its walls.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from synth.cases import FindingRequest, Lesion, MaskSet
from synth.demographics import UNKNOWN, Demographics
from synth.errors import WeightsError
from synth.findings import FINDING_NAMES, FINDINGS, Severity
from synth.masks.anatomy import ENLARGED_SHARE, ShapeModel, enlarged_outline, lung_box
from synth.masks.lesion_sets import (
    CODES,
    GRID,
    SCORES,
    SEVERITIES,
    SIDES,
    TOKEN,
    ZONES,
    BoxCode,
    LesionSetNetwork,
    OutlineCode,
    body_numbers,
    draw_sets,
    side_of,
    zone_of,
)
from synth.masks.place_frequencies import ZONE_UNSAID
from synth.masks.walls import Walls, against, beside, settle
from synth.weights import WEIGHTS, check_shapes, fit, read_json, read_tensors

#: Sets drawn at once for a case; the first that obeys the prompt is taken.
TRIES = 8

#: A lesion's side and zone, as two digits.
_CELLS = {f"{s}{z}": (s, z) for s in range(len(SIDES)) for z in range(len(ZONES))}

#: Shapes of the tensors beside the network's.
_CODES = {
    "boxes": (len(FINDING_NAMES), len(SIDES), len(SCORES), 4),
    "outline.mean": (GRID**2,),
    "outline.modes": (CODES, GRID**2),
}

#: How far outside the lungs a lesion may reach, as a fraction of the image's side.
MARGIN = {"lungs": 0.004, "pleura": 0.012, "bones": 0.05}


@dataclass(frozen=True)
class Layout:
    """How one finding lies in one image: its ``severity`` (index into SEVERITIES), the ``zone`` that it is
    said to lie in (index into ZONES; None: no single one), and the (side, zone) of each instance.
    """

    severity: int
    zone: int | None
    cells: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> "Layout":
        """Read ``severe lower 02 12``: a lesion in the right, one in the left lower zone. ``-``: no zone.

        Raises ValueError for what is no layout.
        """
        severity, zone, *cells = text.split()
        if not cells:
            raise ValueError(f"{text!r}, expected at least one lesion")
        return cls(
            SEVERITIES.index(severity),
            None if zone == "-" else ZONES.index(zone),
            tuple(_CELLS[cell] for cell in cells),
        )

    def __str__(self) -> str:
        zone = "-" if self.zone is None else ZONES[self.zone]
        return " ".join([SEVERITIES[self.severity], zone, *(f"{s}{z}" for s, z in self.cells)])


def draw_body(
    shape: ShapeModel,
    requests: Sequence[FindingRequest],
    size: int,
    rng: np.random.Generator,
    who: Demographics = UNKNOWN,
) -> np.ndarray:
    """(5, size, size) bool: a body of ``who``, its heart enlarged when ``requests`` hold cardiomegaly.

    A severity left open is drawn as often as enlarged hearts have it.
    """
    heart = next((r for r in requests if r.name == "cardiomegaly"), None)
    if heart is None:
        return shape.masks(rng, size, None, who)
    open_choice: Severity = rng.choice(list(ENLARGED_SHARE), p=list(ENLARGED_SHARE.values()))
    return shape.masks(rng, size, heart.severity or open_choice, who)


@dataclass(frozen=True)
class MaskGenerator:
    """Draws lesion masks: a network, the two codes that make boxes and outlines of its tokens, and the
    layouts of real images by finding.
    """

    network: LesionSetNetwork
    boxes: BoxCode
    outlines: OutlineCode
    layouts: dict[str, list[Layout]]

    @classmethod
    def load(cls, folder: Path) -> "MaskGenerator":
        """Read a checkpoint folder whose files match their pins; WeightsError says what is wrong."""
        tensors = {k: v.float() for k, v in read_tensors(folder).items()}
        network = LesionSetNetwork()
        fit(network, {k[4:]: v for k, v in tensors.items() if k.startswith("net.")}, folder / WEIGHTS)
        check_shapes(tensors, _CODES, folder / WEIGHTS)
        layouts = _layouts(folder)
        outlines = OutlineCode(tensors["outline.mean"].numpy(), tensors["outline.modes"].numpy())
        return cls(network.eval(), BoxCode(tensors["boxes"].numpy()), outlines, layouts)

    def sample(
        self, requests: Sequence[FindingRequest], anatomy: np.ndarray, rng: np.random.Generator
    ) -> MaskSet:
        """Lesions for all requests on an ``anatomy`` (5, H, W) bool, at its resolution.

        Cardiomegaly is the heart between the great vessels and the diaphragm. A request without side,
        zone or severity gets those of a real image.
        """
        lesions = [Lesion(r.name, enlarged_outline(anatomy[2])) for r in requests if r.name == "cardiomegaly"]
        rest = [r for r in requests if r.name != "cardiomegaly"]
        if not rest:
            return MaskSet(anatomy, tuple(lesions))
        kinds = [
            (FINDING_NAMES.index(r.name), side, zone, layout.severity)
            for r in rest
            for layout in [self.layout(r, rng)]
            for side, zone in layout.cells
        ]
        place = Place.of(anatomy[0] | anatomy[1], {FINDINGS[r.name].region for r in rest})
        sets = self._draw(kinds, anatomy, rng)
        found: list[Lesion | None] = [None] * len(kinds)
        for strict in (True, False):  # some zones cannot be had: free fluid does not lie at the apex
            for tokens in sets:
                if all(found):
                    break
                drawn = [self._lesion(t, k, place, strict) for t, k in zip(tokens, kinds, strict=True)]
                if strict and all(drawn):
                    found = drawn
                else:  # an instance that missed in every set so far is taken from the first that has it
                    found = [old or new for old, new in zip(found, drawn, strict=True)]
        lesions += [lesion for lesion in found if lesion is not None]
        return MaskSet(anatomy, tuple(sorted(lesions, key=lambda m: FINDING_NAMES.index(m.finding))))

    def layout(self, request: FindingRequest, rng: np.random.Generator) -> Layout:
        """Severity, sides and zones of one finding's instances, from a real image that fits the request.

        Who names no zone mostly means none: an image whose finding has one counts as often as reports
        leave it out.
        """
        options = self.layouts[request.name]
        if request.side == "bilateral":
            options = [o for o in options if len({s for s, _ in o.cells}) == 2] or [
                replace(o, cells=((0, z), (1, z))) for o in options for _, z in o.cells
            ]
        elif request.side is not None:
            side = SIDES.index(request.side)
            options = [o for o in options if all(s == side for s, _ in o.cells)] or [
                replace(o, cells=tuple((side, z) for _, z in o.cells)) for o in options
            ]
        if request.zone is not None:
            zone = ZONES.index(request.zone)
            inside = [o for o in options if all(z == zone for _, z in o.cells)]
            options = (
                [o for o in inside if o.zone == zone]
                or inside
                or [replace(o, cells=tuple((s, zone) for s, _ in o.cells)) for o in options]
            )
        if request.severity is not None:
            severity = SEVERITIES.index(request.severity)
            options = [o for o in options if o.severity == severity] or [
                replace(o, severity=severity) for o in options
            ]
        weights = np.ones(len(options))
        if request.zone is None:
            weights = np.array([1.0 if o.zone is None else ZONE_UNSAID for o in options])
        return options[int(rng.choice(len(options), p=weights / weights.sum()))]

    def _draw(
        self, kinds: Sequence[tuple[int, ...]], anatomy: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(TRIES, N, TOKEN) tokens, boxes in the lung frame."""
        noise = torch.from_numpy(rng.standard_normal((TRIES, len(kinds), TOKEN)).astype(np.float32))
        index = torch.tensor(kinds).expand(TRIES, -1, -1)
        body = torch.from_numpy(body_numbers(anatomy).astype(np.float32)).expand(TRIES, -1)
        tokens = draw_sets(self.network, noise, index, body).numpy().astype(np.float64)
        for i, (finding, side, *_) in enumerate(kinds):
            tokens[:, i, :4] = self.boxes.decode(tokens[:, i, :4], finding, side)
        return tokens

    def _lesion(
        self, token: np.ndarray, kind: tuple[int, ...], place: "Place", strict: bool
    ) -> Lesion | None:
        """The instance on the pixel grid, or None if it misses its field, its side or, when ``strict``,
        its zone.
        """
        name = FINDING_NAMES[kind[0]]
        frame, field = place.frame, place.fields[FINDINGS[name].region]
        size = field.shape[-1]
        centre = (token[:2] * frame[2:] + frame[:2]) * size
        extent = np.maximum(np.exp(token[2:4]) * frame[2:] * size, 2)
        patch = self._outline(token[4:], centre, extent, size)
        kept = patch & field
        if kept.sum() < max(4, 0.5 * patch.sum()):
            return None
        # what the field's border cut off is made up for inside it
        kept = self._outline(token[4:], centre, extent * np.sqrt(patch.sum() / kept.sum()), size) & field
        kept = place.bring(name, kept, kind[1])
        if not kept.any():
            return None
        ys, xs = np.nonzero(kept)
        x = ((xs.mean() + 0.5) / size - frame[0]) / frame[2]
        y = ((ys.mean() + 0.5) / size - frame[1]) / frame[3]
        if side_of(x) != kind[1] or (strict and zone_of(y) != kind[2]):
            return None
        return Lesion(name, kept)

    def _outline(self, code: np.ndarray, centre: np.ndarray, extent: np.ndarray, size: int) -> np.ndarray:
        """(size, size) bool: a code's outline in a box, both in pixels as x, y; cut at the image's border."""
        x0, y0 = np.round(centre - extent / 2).astype(int)
        width, height = np.round(extent).astype(int)
        return _paste(self.outlines.decode(code, height, width), x0, y0, size)


def _layouts(folder: Path) -> dict[str, list[Layout]]:
    """``layouts.json``: of every finding that lesions are drawn of at least one layout."""
    told = read_json(folder, "layouts.json")
    try:
        found = {name: [Layout.parse(text) for text in texts] for name, texts in told.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"weights: {folder / 'layouts.json'} holds no layouts: {error}") from None
    for name in FINDING_NAMES:
        if name != "cardiomegaly" and not found.get(name):
            raise WeightsError(f"weights: {folder / 'layouts.json'} lacks {name}, expected its layouts")
    return found


@dataclass(frozen=True)
class Place:
    """Where lesions may lie on one body: ``fields`` (H, W) bool by region, the lungs with a margin
    around them; ``frame`` (4,) the lungs' box in [0, 1] of the image.
    """

    fields: dict[str, np.ndarray]
    frame: np.ndarray
    walls: Walls

    @classmethod
    def of(cls, lungs: np.ndarray, regions: set[str]) -> "Place":
        """For lesions of some regions on (H, W) bool lungs."""
        size = lungs.shape[-1]
        fields = {
            region: ndimage.binary_dilation(lungs, iterations=max(1, round(MARGIN[region] * size)))
            for region in regions
        }
        return cls(fields, np.array(lung_box(lungs)), Walls(lungs))

    def bring(self, name: str, mask: np.ndarray, side: int) -> np.ndarray:
        """A lesion where its finding belongs: air and thickening at the wall, fluid at the base."""
        if name not in ("pneumothorax", "pleural_thickening", "effusion"):
            return mask
        lung = self.half(side)
        if name == "pneumothorax":
            return against(mask, self.walls.chest, lung)
        if name == "pleural_thickening":
            return beside(mask, self.walls.border) & self.fields["pleura"]
        return settle(mask, lung) if side == 0 else settle(mask[:, ::-1], lung[:, ::-1])[:, ::-1]

    def half(self, side: int) -> np.ndarray:
        """(H, W) bool: the lungs on one side of the middle of their frame."""
        lungs = self.walls.lungs
        x = (np.arange(lungs.shape[1]) + 0.5) / lungs.shape[1]
        return lungs & ((x >= self.frame[0] + self.frame[2] / 2) == bool(side))


def _paste(patch: np.ndarray, x0: int, y0: int, size: int) -> np.ndarray:
    """A patch on an empty (size, size) grid, cut at its borders."""
    out = np.zeros((size, size), bool)
    height, width = patch.shape
    ya, yb, xa, xb = max(0, y0), min(size, y0 + height), max(0, x0), min(size, x0 + width)
    if ya < yb and xa < xb:
        out[ya:yb, xa:xb] = patch[ya - y0 : yb - y0, xa - x0 : xb - x0]
    return out
