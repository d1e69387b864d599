"""Changes drawn by hand are measured where they are."""

import numpy as np
import pytest

from filters.experts.opinion import Opinion
from flows.evaluation.controls import Pairs, moved
from flows.evaluation.requested import found, summed_up
from synth.cases import Lesion, MaskSet
from synth.findings import ANATOMY

SIZE = 64


def body(heart=slice(28, 36)):
    anatomy = np.zeros((len(ANATOMY), SIZE, SIZE), bool)
    anatomy[0, 8:56, 4:30] = anatomy[1, 8:56, 34:60] = True
    anatomy[2, 30:50, heart] = True
    return anatomy


def square(x):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[20:30, x : x + 10] = True
    return mask


def nodules(inside=60, elsewhere=5):
    right, left = square(8), square(44)
    one = np.full((SIZE, SIZE), 100, np.uint8)
    two = one + np.uint8(elsewhere)
    one[right] += inside
    two[left] += inside
    masks = [MaskSet(body(), (Lesion("nodule", m),)) for m in (right, left)]
    return Pairs("nodule", masks[:1], masks[1:], one[None], two[None])


def hearts():
    large, small = body(slice(22, 42)), body()
    one = np.full((SIZE, SIZE), 100, np.uint8)
    two = one.copy()
    one[large[2]] = two[small[2]] = 200
    masks = MaskSet(large, (Lesion("cardiomegaly", large[2]),)), MaskSet(small)
    return Pairs("cardiomegaly", [masks[0]], [masks[1]], one[None], two[None])


class Seer:
    """Sees brightness: the map is the image, the probability its greatest value."""

    def look(self, images):
        return [
            Opinion(
                probabilities=dict.fromkeys(("nodule", "cardiomegaly"), float(x.mean() / 255)),
                lesions={"nodule": x / 255},
            )
            for x in images
        ]


def test_inside_and_elsewhere_are_told_apart():
    figures = moved(nodules())
    assert figures["pairs"] == 1
    assert figures["elsewhere"] == 5
    assert figures["inside"] == pytest.approx(60)
    assert figures["ratio"] == pytest.approx(12)


def test_of_hearts_the_ring_between_them_is_inside():
    figures = moved(hearts())
    assert figures["inside"] == 100
    assert figures["elsewhere"] == 0


def test_pairs_without_any_lesion_are_left_out():
    pairs = nodules()
    bare = [MaskSet(body())]
    assert moved(Pairs("nodule", bare, bare, pairs.one, pairs.two)) == {"pairs": 0}


def test_lesions_are_found_where_they_were_asked():
    normal = Seer().look(np.full((4, SIZE, SIZE), 100, np.uint8))
    by_finding = {p.finding: found(Seer(), p, normal) for p in (nodules(), hearts())}
    assert by_finding["nodule"] == {"asked": 2, "normals": 4, "present": 1, "placed": 1}
    assert by_finding["cardiomegaly"] == {"asked": 1, "normals": 4, "present": 1, "placed": 1}
    assert summed_up(by_finding)["present"] == 1
