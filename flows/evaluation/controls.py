"""Whether a lesion moves when its mask does: the same noise, body and prompt under two masks.

A lateral finding is asked for on the right and, on the same body, on the left. Cardiomegaly has no
side: there the heart is enlarged in one and of normal size in the other, and what counts as inside is
where the two hearts differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from flows.evaluation.generated import ImageStore
from synth.cases import Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY, FINDINGS
from synth.generate import Synthesizer
from synth.masks.anatomy import enlarged_outline
from synth.seeding import numpy_generator

#: Seed of the pairs' noise and bodies; their keys are 000000000 and on.
SEED = 53
HEART = ANATOMY.index("heart")


@dataclass(frozen=True)
class Pairs:
    """N pairs of one finding: images (N, S, S) uint8 under ``first`` and under ``second`` masks."""

    finding: str
    first: list[MaskSet]
    second: list[MaskSet]
    one: np.ndarray
    two: np.ndarray


def draw_pairs(store: ImageStore, count: int) -> Iterator[Pairs]:
    """``count`` pairs of each finding that the image model draws."""
    for name in store.maker.findings:
        cases = [_case(name, i) for i in range(count)]
        both = [_masks(store.maker, case) for case in cases]
        first, second = [m[0] for m in both], [m[1] for m in both]
        one, two = (store.images(cases, masks, f"pairs of {name}") for masks in (first, second))
        yield Pairs(name, first, second, one, two)


def moved(pairs: Pairs) -> dict[str, float | int]:
    """Mean absolute change, in grey levels, inside both lesion masks and elsewhere in the lungs.

    Pairs whose masks leave either area empty are left out; the ratio is of the means.
    """
    inside, elsewhere = [], []
    for k, (first, second) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        place, rest = _areas(pairs.finding, first, second)
        if place.any() and rest.any():
            change = np.abs(pairs.one[k].astype(float) - pairs.two[k])
            inside.append(change[place].mean())
            elsewhere.append(change[rest].mean())
    if not inside:
        return {"pairs": 0}
    a, b = float(np.mean(inside)), float(np.mean(elsewhere))
    return {
        "pairs": len(inside),
        "inside": round(a, 2),
        "elsewhere": round(b, 2),
        "ratio": round(a / max(b, 1e-9), 2),
    }


def lesion_area(masks: MaskSet) -> np.ndarray:
    """(H, W) bool: any lesion."""
    return np.asarray(masks.lesion_channels().any(0))


def _areas(finding: str, first: MaskSet, second: MaskSet) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool twice: where a change is wanted, and the lungs elsewhere."""
    if FINDINGS[finding].lateral:
        place = lesion_area(first) | lesion_area(second)
        return place, first.lungs & ~place
    hearts = first.anatomy[HEART], second.anatomy[HEART]
    return hearts[0] ^ hearts[1], first.lungs & ~(hearts[0] | hearts[1])


def _case(name: str, index: int) -> Case:
    request = FindingRequest(name, "right" if FINDINGS[name].lateral else None)
    return Case(f"{index:09d}", SEED, f"{FINDINGS[name].title}.", (request,))


def _masks(maker: Synthesizer, case: Case) -> tuple[MaskSet, MaskSet]:
    name = case.findings[0].name
    if not FINDINGS[name].lateral:
        return _hearts(maker, case)
    first = maker.masks(case)
    request = replace(case.findings[0], side="left")
    rng = numpy_generator(case.seed, case.key, "moved")
    return first, maker.masker.sample([request], first.anatomy, rng)


def _hearts(maker: Synthesizer, case: Case) -> tuple[MaskSet, MaskSet]:
    """An enlarged heart and, on the same body, one of normal size and no lesion."""
    large, normal = (
        maker.shape.masks(numpy_generator(case.seed, case.key, "masks"), maker.settings.size, severity)
        for severity in ("severe", None)
    )
    small = large.copy()
    small[HEART] = normal[HEART]
    return MaskSet(large, (Lesion("cardiomegaly", enlarged_outline(large[HEART])),)), MaskSet(small)
