"""Pairs by the shipped models: what before and after hold, and that neighbours change nothing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from edited_films import labelled, pairs_config, write_films
from scipy import ndimage

from filters.registry import FILTER_NAMES
from flows.building.pipeline import Order
from flows.building.shard import Watch, make_records
from flows.config.reading import parse_config
from flows.config.shards import Shard
from flows.editing import retoucher as retouching
from flows.editing.pairs import Unusable
from flows.editing.retoucher import shortfall
from flows.loading import load_pipeline
from manifests.errors import DatasetError
from manifests.films.compositing import working_image
from manifests.films.files import read_original
from synth.cases import FindingRequest
from synth.errors import Interrupted
from synth.images.framing import Framed
from synth.weights import SHIPPED

pytestmark = pytest.mark.skipif(
    not (SHIPPED / "images").is_dir(), reason="the checkpoints are not in this checkout yet"
)
KEYS = tuple(f"{i:09d}" for i in range(8))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    lenient = {name: {"threshold": -9.0} for name in FILTER_NAMES[:4]}
    films = write_films(root / "films")
    data = pairs_config(films, root / "out", labelled(films))
    return parse_config({**data, "filters": {**lenient, **data["filters"]}})


@pytest.fixture(scope="module")
def pipeline(config):
    return load_pipeline(config)


@pytest.fixture(scope="module")
def make(pipeline):
    """The candidates of some keys, made as one batch; with other requests or tries if given."""

    def made(keys, edit=None, tries=1, should_stop=None):
        maker = replace(pipeline.synthesizer, tries=tries)
        if edit is not None:
            maker = replace(maker, cases=replace(maker.cases, request=_request(edit)))
        cases = [maker.cases.case(3, key) for key in keys]
        return maker.candidates(cases, [maker.masks(c) for c in cases], should_stop)

    return made


def _request(edit):
    data = pairs_config("films", "out", edit)
    return parse_config(data).edit.request


@pytest.fixture(scope="module")
def pair(make):
    return make(KEYS[:2])


def test_before_is_the_framed_source(pair, config):
    original = read_original(config.edit.source / "a.png")
    framed = Framed.of(working_image(original, 128))
    before, after = pair
    assert np.array_equal(before.image, framed.seen)
    assert before.case.source_sha256 == after.case.source_sha256 == original.sha256
    assert (before.case.edit, after.case.edit) == ("before", "removed mass, added effusion left")


def test_after_differs_inside_the_mask_alone(pair):
    before, after = pair
    mask = np.any([lesion.mask for c in pair for lesion in c.masks.lesions], 0)
    differs = before.image != after.image
    near = ndimage.binary_dilation(mask, iterations=6)  # the soft edge, and the image's resampling
    assert not differs[~near].any()
    assert differs[mask].mean() > 0.5


def test_masks_hold_what_was_removed_and_what_was_added(pair):
    before, after = pair
    assert {m.finding for m in before.masks.lesions} == {"mass"}
    assert {m.finding for m in after.masks.lesions} == {"effusion"}
    assert [f.name for f in before.case.findings] == ["mass"]
    assert [(f.name, f.side) for f in after.case.findings] == [("effusion", "left")]
    assert np.array_equal(before.masks.anatomy, after.masks.anatomy)
    assert before.masks.anatomy.any((1, 2)).all()


def test_a_removal_that_changed_nothing_is_no_pair(pipeline):
    still = SimpleNamespace(batch_size=8, edit=lambda images, *rest: images.copy())
    maker = pipeline.synthesizer
    maker = replace(maker, retoucher=replace(maker.retoucher, editor=still))
    maker = replace(maker, cases=replace(maker.cases, request=_request({"add": []})))
    cases = [maker.cases.case(3, key) for key in KEYS[:2]]
    before, after = maker.candidates(cases, [maker.masks(c) for c in cases])
    assert not isinstance(before, Unusable)
    assert isinstance(after, Unusable)
    assert after.case.edit == "unchanged"
    assert after.why.startswith("unchanged, as the experts see it (mass ")


def test_neighbours_and_their_order_change_nothing(make, pair):
    together = make(KEYS[4:6] + KEYS[:2])[2:]
    backwards = make(KEYS[1::-1])[::-1]
    alone = [make([key])[0] for key in KEYS[:2]]
    for others in (together, backwards, alone):
        for one, other in zip(pair, others, strict=True):
            assert one.case == other.case
            assert np.array_equal(one.image, other.image)
            assert np.array_equal(one.masks.lesion_channels(), other.masks.lesion_channels())


def test_the_place_of_what_is_replaced(make):
    before, after = make(KEYS[:2], {"add": ["nodule"], "replace": True})
    (found,) = after.case.findings
    assert (found.name, found.side) == ("nodule", "right")  # the ball of the drawn film lies there
    assert after.case.edit.startswith("removed mass, added nodule right")
    assert "right" in after.case.prompt
    assert before.case.edit == "before"


def test_the_rest_is_done_where_a_finding_is_seen_by_no_expert(make, monkeypatch):
    monkeypatch.setattr(retouching, "LEAST_MOVE", -1.0)  # to the experts the ball is gone or not
    before, after = make(KEYS[:2], {"remove": ["diffuse_nodule", "mass"], "add": []})
    assert after.case.edit == "removed mass"
    assert [f.name for f in before.case.findings] == ["mass"]
    assert after.case.findings == ()
    assert after.masks.lesions == ()


def test_of_several_tries_the_experts_best_is_kept(make, pipeline, monkeypatch):
    monkeypatch.setattr(retouching, "BETTER_BY", 0.0)  # on drawn films all tries are much alike
    once, often = (np.stack([c.image for c in make(KEYS[:6], tries=tries)[1::2]]) for tries in (1, 4))
    assert not np.array_equal(once, often)
    look = pipeline.synthesizer.retoucher.findings.look
    first, best = (
        np.array([shortfall(SimpleNamespace(opinion=o), _request({})) for o in look(images)])
        for images in (once, often)
    )
    assert (best <= first).all()
    assert (best < first).any()


@pytest.mark.parametrize("labelled", [True, False])
def test_what_cannot_be_edited_is_rejected_with_its_cause_and_never_failed(pipeline, config, labelled):
    order = replace(Order.of(config, pipeline), batch_size=4)
    shown = (FindingRequest("diffuse_nodule"),) if labelled else None
    cases = replace(
        pipeline.prompts,
        sources=tuple(replace(s, shown=shown) for s in pipeline.prompts.sources),
        request=_request({"remove": ["diffuse_nodule"], "add": []}),
    )
    edited = replace(pipeline, prompts=cases, synthesizer=replace(pipeline.synthesizer, cases=cases))
    records = make_records(Shard(0, 0, 8), order, edited, Watch())
    assert "failed" not in {r.status for r in records}
    unseen, noise = records[:2], records[6:]
    # thresholds here let all pass, and a label is believed: without one the film may not show it at all
    assert [r.status for r in unseen] == ["accepted" if labelled else "rejected", "rejected"]
    assert (unseen[0].case.edit, unseen[1].case.edit) == ("before", "unchanged")
    assert np.array_equal(unseen[0].candidate.image, unseen[1].candidate.image)
    assert [r.status for r in noise] == ["rejected", "rejected"]
    for record, why in (
        *([] if labelled else [(unseen[0], "diffuse nodule to be removed")]),
        (unseen[1], "diffuse nodule to be removed"),
        (noise[0], "no frontal"),
        (noise[1], "no"),
    ):
        assert record.reasons == ("finding_agreement",)
        verdict = next(v for v in record.verdicts if v.filter == "finding_agreement")
        assert np.isnan(verdict.score)
        assert verdict.reason.startswith(why)
        assert str(config.edit.source) not in verdict.reason


def test_a_stop_is_heard_between_steps(make):
    asked = []
    with pytest.raises(Interrupted):
        make(KEYS[:2], should_stop=lambda: len(asked) > 3 or bool(asked.append(1)))


def test_a_file_that_is_changed_meanwhile_breaks_its_pair_alone(pipeline, config):
    sources = list(pipeline.prompts.sources)
    sources[0] = replace(sources[0], sha256="0" * 64)
    cases = replace(pipeline.prompts, sources=tuple(sources))
    edited = replace(pipeline, prompts=cases, synthesizer=replace(pipeline.synthesizer, cases=cases))
    records = make_records(Shard(0, 0, 4), Order.of(config, pipeline), edited, Watch())
    assert [r.status for r in records] == ["failed", "failed", "accepted", "accepted"]
    assert "was changed since the build began" in records[0].error
    with pytest.raises(DatasetError, match="was changed"):
        cases.read(sources[0])
