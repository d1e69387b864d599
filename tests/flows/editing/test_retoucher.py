"""A radiograph is looked at, edited several times, and the best edit put back."""

from dataclasses import replace

import numpy as np
import pytest
from retouching_films import ADDED, REMOVED, REPLACED, SIZE, blob, film, original, retoucher, whole

from filters.experts.opinion import Opinion
from flows.editing.plan import Film
from flows.editing.retoucher import Retouched, is_afresh, put_back, seen_again, shortfall, unasked
from manifests.errors import DatasetError
from manifests.films.compositing import blend_weight, working_image
from manifests.films.files import read_original
from synth.cases import FindingRequest, Lesion
from synth.demographics import Demographics
from synth.editing import Edit
from synth.prompts.edit_requests import EditRequest


def test_a_film_is_seen_as_models_see_it():
    seen = film()
    assert seen.framed.seen.shape == (SIZE, SIZE)
    assert np.array_equal(seen.framed.source, working_image(seen.original, SIZE))
    assert seen.anatomy.shape == (5, SIZE, SIZE)
    assert seen.anatomy[:2].any((1, 2)).all()
    assert set(seen.opinion.probabilities) > {"effusion", "opacity"}


def test_films_are_looked_at_together_as_alone_and_keep_whose_they_are():
    who = [Demographics(50, "F", "AP"), Demographics()]
    both = retoucher().look([original(0), original(1, 12)], who)
    assert [f.who for f in both] == who
    for together, alone in zip(both, (film(0), film(1, 12)), strict=True):
        assert np.array_equal(together.framed.seen, alone.framed.seen)
        assert together.opinion.probabilities == pytest.approx(alone.opinion.probabilities, abs=1e-4)


def test_what_is_no_frontal_radiograph_is_told_with_its_score():
    on_its_side = replace(original(), pixels=np.rot90(original().pixels).copy())
    with pytest.raises(DatasetError, match=r"^a.png: no frontal .* lung score \(0\.\d\d\), expected 0.75"):
        retoucher().look([original(), on_its_side])


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_pixels_around_the_mask_are_the_originals_own(bits):
    seen = film(0, bits)
    mask = blob(seen.anatomy[0])
    edit = Edit(seen.anatomy, added=(Lesion("consolidation", mask),))
    rng = np.random.default_rng(0)
    image = np.clip(seen.framed.seen.astype(int) + rng.integers(20, 60, (SIZE, SIZE)), 0, 255)
    pixels = put_back(seen, edit, image.astype(np.uint8))
    before = seen.original.pixels
    free = blend_weight(seen.framed.restore_mask(mask), before.shape) > 0
    assert (pixels.dtype, pixels.shape) == (before.dtype, before.shape)
    assert np.array_equal(pixels[~free], before[~free])
    assert (pixels != before)[whole(seen, mask)].mean() > 0.95
    assert pixels.max() < 1 << bits
    again = seen_again(seen, pixels).astype(int)
    assert np.abs(again - image)[mask].mean() < 12, "what is put back is what was made"
    assert np.abs(again - seen.framed.seen)[~free_on_seen(seen, mask)].max() <= 1


def free_on_seen(seen: Film, mask: np.ndarray) -> np.ndarray:
    """Where models may see a change: the mask and its soft edge."""
    return blend_weight(mask, (SIZE, SIZE), 8 / SIZE) > 0


def test_an_edit_that_changes_nothing_leaves_every_pixel():
    seen = film(0, 12)
    edit = Edit(seen.anatomy, added=(Lesion("mass", blob(seen.anatomy[0])),))
    assert np.array_equal(put_back(seen, edit, seen.framed.seen), seen.original.pixels)


def outcome(**probabilities: float) -> Retouched:
    edit = Edit(film().anatomy, added=(Lesion("mass", film().anatomy[0]),))
    opinion = Opinion(probabilities={"opacity": 0.5, **probabilities})
    return Retouched(film(), edit, film().original.pixels, film().framed.seen, opinion, 0)


def test_experts_say_how_far_an_edit_falls_short():
    nodule, mass = (EditRequest(add=(FindingRequest(n),)) for n in ("nodule", "mass"))
    assert shortfall(outcome(nodule=0.8), nodule) == pytest.approx(0.2)
    assert shortfall(outcome(mass=0.8, opacity=0.9), mass) == pytest.approx((0.2 + 0.1) / 2)
    assert shortfall(outcome(effusion=0.9, opacity=0.1), REMOVED) == pytest.approx(0.1)
    gone = EditRequest(remove=("pneumothorax", "fracture"))
    assert shortfall(outcome(pneumothorax=0.3), gone) == pytest.approx(0.3), "none speaks of fractures"
    assert shortfall(outcome(), EditRequest(remove=("fracture",))) == 0
    swapped = outcome(effusion=0.4, mass=0.7, opacity=0.9)
    assert shortfall(swapped, REPLACED) == pytest.approx((0.4 + 0.3 + 0.1) / 3), "opacity is the mass's own"


def test_what_nobody_asked_for_is_what_is_newly_seen():
    seen = replace(film(), opinion=Opinion(probabilities={"opacity": 0.6, "fibrosis": 0.7, "mass": 0.1}))

    def of(request: EditRequest, **after: float) -> tuple[str, ...]:
        return unasked(replace(outcome(**after), film=seen), request)

    assert of(REMOVED, opacity=0.2, emphysema=0.5, fibrosis=0.9, mass=0.49) == ("emphysema",)
    assert of(REMOVED, opacity=0.9, effusion=0.9) == (), "what shall go and stays is a shortfall"
    nodule = EditRequest(add=(FindingRequest("nodule"),))
    healthy = replace(seen, opinion=Opinion(probabilities={"opacity": 0.1}))
    assert unasked(replace(outcome(opacity=0.8, nodule=0.9), film=healthy), nodule) == ("opacity",)
    assert unasked(replace(outcome(opacity=0.8, consolidation=0.9), film=healthy), ADDED) == ()


def test_an_attempt_that_shows_something_else_besides_is_passed_over():
    said = iter([(0.3, 0.1), (0.2, 0.9), (0.25, 0.4)])  # opacity and emphysema of each attempt

    class Experts:
        def look(self, images):
            opacity, emphysema = next(said)
            return [Opinion(probabilities={"opacity": opacity, "emphysema": emphysema})]

    class Painter:
        def edit(self, images, *_):
            return images

    seen = replace(film(), opinion=replace(film().opinion, probabilities={"opacity": 0.9, "emphysema": 0.0}))
    tried = replace(retoucher(), editor=Painter(), findings=Experts())
    mask = whole(film(), blob(film().anatomy[0]))
    (made,) = tried.retouch([seen], [REMOVED], [1], [mask], tries=3)
    assert made.attempt == 2


def test_the_best_attempt_is_kept():
    scores = iter([0.3, 0.2, 0.1, 0.8, 0.4, 0.5])  # of two films in each of three attempts

    def judged(images):
        said = [next(scores) for _ in images]
        return [Opinion(probabilities={"consolidation": p, "opacity": p}) for p in said]

    class Experts:
        look = staticmethod(judged)

    films, masks = [film(0), film(1)], [None, None]
    drawn = []

    class Painter:
        def edit(self, images, edits, seeds, should_stop, afresh):
            drawn.append(seeds)
            assert afresh == (len(drawn) == 2), "every second attempt"
            return images

    tried = replace(retoucher(), editor=Painter(), findings=Experts())
    made = tried.retouch(films, [ADDED, ADDED], [1, 2], masks, tries=3)
    assert [m.attempt for m in made] == [2, 1]
    assert [m.opinion.probabilities["opacity"] for m in made] == [0.4, 0.8]
    assert len({seed for seeds in drawn for seed in seeds}) == 6, "each attempt has noise of its own"


def test_an_edit_is_the_same_alone_and_in_a_batch():
    two = retoucher().retouch([film(0), film(1)], [ADDED, ADDED], [1, 2], [None, None], tries=1)
    (one,) = retoucher().retouch([film(1)], [ADDED], [2], [None], tries=1)
    assert np.array_equal(one.pixels, two[1].pixels)
    assert np.array_equal(one.edit.mask, two[1].edit.mask)
    assert np.array_equal(one.seen, seen_again(film(1), one.pixels))
    brighter = one.seen.astype(int) - film(1).framed.seen
    assert brighter[one.edit.mask].mean() > 15


def test_a_finding_comes_to_lie_in_a_real_radiograph(shared_data):
    path = shared_data / "nih" / "images" / "00001280_004.jpg"
    (seen,) = retoucher().look([read_original(path)])
    (made,) = retoucher().retouch([seen], [ADDED], [0], [None], tries=2)
    assert made.opinion.probabilities["opacity"] > seen.opinion.probabilities["opacity"] + 0.2
    before = replace(made, opinion=seen.opinion)
    assert shortfall(made, ADDED) < shortfall(before, ADDED) - 0.1


def test_cleared_lungs_are_made_of_new_noise_each_time_and_the_rest_is_kept():
    seen, afresh = film(), []

    class Watched(type(retoucher().editor)):
        def edit(self, images, edits, seeds, should_stop=None, afresh_=False):
            afresh.append(afresh_)
            return 255 - images

    editor = Watched(**vars(retoucher().editor))
    request = EditRequest(remove=("consolidation",), everywhere=True)
    mask = whole(seen, blob(seen.anatomy[0]))
    (made,) = replace(retoucher(), editor=editor).retouch([seen], [request], [1], [mask], 3)
    assert afresh == [True] * 3
    assert [is_afresh(i, REMOVED) for i in range(4)] == [False, True, False, True]
    weight = blend_weight(seen.framed.restore_mask(made.edit.mask), seen.original.pixels.shape)
    assert np.array_equal(made.pixels[weight == 0], seen.original.pixels[weight == 0])
    changed = made.seen != seen.framed.seen
    assert changed[seen.anatomy[:2].any(0)].mean() > 0.9
