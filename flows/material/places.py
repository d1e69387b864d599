"""Measures where findings lie and how severe reports call them: ``synthorax places``.

Side and zone come from ChestX-Det's lesions (radiologists), its training part as it is laid on bodies
(:mod:`flows.material.chestxdet`), severity from the MeSH codes of Open-i's reports. Writes
``synth/masks/place_frequencies.py``, counts only, which prompts are drawn from. ``--data`` is the
folder that holds ``chestx_det`` and ``landmarks``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from flows.material.chestxdet import Annotation, load_annotations, load_bodies
from flows.material.openi import code_findings, code_place, read_reports
from synth.findings import FINDING_NAMES, FINDINGS, Severity, Side, Zone
from synth.masks.lesion_sets import ZONES, zone_of

#: A zone is named when it holds all centres and at least this share of a finding's box area, so that the
#: centre of a lesion over the whole lung is not called its middle zone.
ZONE_SHARE = 2 / 3
#: No zone is ever said of these: the heart has none, and free fluid lies where gravity puts it.
ZONELESS = ("cardiomegaly", "effusion")
Box = Sequence[float]  # x0, y0, x1, y1 in the lung frame


def box_side(boxes: Iterable[Box]) -> Side:
    """The patient's side of the boxes' centres; the right is on the left of the image."""
    sides: set[Side] = {"right" if x0 + x1 < 1 else "left" for x0, _, x1, _ in boxes}
    return "bilateral" if len(sides) == 2 else sides.pop()


def box_zone(boxes: Sequence[Box]) -> Zone | None:
    """The third of the lungs' height with the centres of all boxes and ZONE_SHARE of their area, if any."""
    zones = {zone_of((y0 + y1) / 2) for _, y0, _, y1 in boxes}
    if len(zones) != 1:
        return None
    zone = zones.pop()
    low, high = ((-np.inf, 1 / 3), (1 / 3, 2 / 3), (2 / 3, np.inf))[zone]
    inside = sum((x1 - x0) * max(0.0, min(y1, high) - max(y0, low)) for x0, y0, x1, y1 in boxes)
    whole = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
    return ZONES[zone] if inside >= ZONE_SHARE * whole else None


def measure_places(
    annotations: Iterable[Annotation],
) -> tuple[dict[str, Counter[tuple[Side | None, Zone | None]]], dict[tuple[str, str], list[int]]]:
    """Counts of (side, zone) per finding; and per pair of one-sided findings in one image, how
    often they lie on the same side and how often on opposite ones.
    """
    places: dict[str, Counter[tuple[Side | None, Zone | None]]] = defaultdict(Counter)
    pairs: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for annotation in annotations:
        boxes: dict[str, list[Box]] = defaultdict(list)
        for instance in annotation.instances:
            polygon = instance.polygon
            boxes[instance.finding].append((*polygon.min(0), *polygon.max(0)))
        one_sided: dict[str, Side] = {}
        for name in sorted(boxes, key=FINDING_NAMES.index):
            side = box_side(boxes[name]) if FINDINGS[name].lateral else None
            zone = None if name in ZONELESS else box_zone(boxes[name])
            places[name][side, zone] += 1
            if side in ("right", "left"):
                one_sided[name] = side
        for a, b in combinations(one_sided, 2):
            pairs[a, b][one_sided[a] != one_sided[b]] += 1
    return dict(places), dict(pairs)


def measure_severities() -> dict[str, Counter[Severity | None]]:
    """How often Open-i's coders wrote which severity beside a finding, or none."""
    counts: dict[str, Counter[Severity | None]] = {n: Counter() for n in FINDING_NAMES}
    for report in read_reports():
        for code in report.codes:
            severity = code_place(code)[2]
            for name in code_findings(code):
                counts[name][severity] += 1
    return counts


def measure_unsaid() -> float:
    """Share of Open-i's codes of a lung finding on a side that name no single zone: what a report leaves
    out, or what has none.
    """
    places = [
        code_place(code)
        for report in read_reports()
        for code in report.codes
        if any(FINDINGS[n].region == "lungs" for n in code_findings(code))
    ]
    zones = [zone for side, zone, _ in places if side is not None]
    return zones.count(None) / len(zones)


def render(places: Any, pairs: Any, severities: Any, unsaid: float) -> str:
    """The module's text."""
    head = '"""Where findings lie and how severe they are called, as counts.\n\n'
    head += "Written by ``synthorax places`` (ChestX-Det boxes, Open-i MeSH codes): "
    head += 'regenerate,\ndo not edit. docs/prompts.md says how they are measured.\n"""\n\n'
    head += "from typing import Final\n\nfrom synth.findings import Severity, Side, Zone\n\n"
    lines = ["#: Finding to images by side and zone; None: no single one.\n"]
    lines.append("PLACES: Final[dict[str, dict[tuple[Side | None, Zone | None], int]]] = {\n")
    for name in FINDING_NAMES:
        ordered = sorted(places[name].items(), key=lambda item: (-item[1], str(item[0])))
        lines.append(f"    {name!r}: {dict(ordered)!r},\n")
    lines.append("}\n\n#: Two one-sided findings of one image: on the same side, on opposite ones.\n")
    lines.append("SAME_SIDE: Final[dict[tuple[str, str], tuple[int, int]]] = {\n")
    lines += [f"    {pair!r}: {tuple(pairs[pair])!r},\n" for pair in sorted(pairs)]
    lines.append("}\n\n#: Finding to codes by severity; None: not said.\n")
    lines.append("SEVERITIES: Final[dict[str, dict[Severity | None, int]]] = {\n")
    for name in FINDING_NAMES:
        ordered = sorted(severities[name].items(), key=lambda item: (-item[1], str(item[0])))
        lines.append(f"    {name!r}: {dict(ordered)!r},\n")
    lines.append("}\n\n#: Share of reported lung findings on a side of which no single zone is named.\n")
    return head + "".join(lines) + f"ZONE_UNSAID: Final = {unsaid:.3f}\n"


def write_places(data: Path, out: Path) -> None:
    """Reads both sources and writes the module ``out``."""
    annotations = load_annotations(data, load_bodies(data))
    training = [a for a in annotations if a.part == "train"]
    places, pairs = measure_places(training)
    out.write_text(render(places, pairs, measure_severities(), measure_unsaid()))
    print(f"{out}: {len(training)} images; run ruff format on it")
