"""Pairs of a real radiograph as it is and edited, made and judged as any build's candidates are.

What cannot be edited is rejected rather than failed, for no second try would help: see :class:`Unusable`.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from filters.experts import outlines
from filters.filter import Filter
from filters.judge import Judge, Judgement, ShardJudge
from filters.verdicts import Verdict
from flows.editing.pair_sources import PairCases
from flows.editing.plan import Film
from flows.editing.retoucher import Retouched, Retoucher, unmoved
from flows.films import each
from manifests.films.compositing import working_image
from manifests.films.originals import Original
from synth.cases import UNCHANGED, Candidate, Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY
from synth.images.framing import Framed
from synth.images.protocol import CutPrompts, ShouldStop
from synth.prompts.edit_requests import EditRequest
from synth.seeding import derive_seed

#: The filter that says no to what cannot be edited: it tells whether a radiograph shows what it should.
TELLS = "finding_agreement"


@dataclass(frozen=True)
class Unusable(Candidate):
    """A candidate that cannot be what was asked for, and why; its image is the radiograph unchanged."""

    why: str = ""


@dataclass(frozen=True)
class _Plan:
    """What can be done to one radiograph: ``done`` None where nothing can, for the reason ``why``.

    ``seen`` and ``anatomy`` as of :class:`flows.editing.retoucher.Film`; ``film`` None for one that is not
    even what its unchanged candidate claims: no frontal radiograph, or without what it was taken to show.
    """

    seen: np.ndarray
    anatomy: np.ndarray
    film: Film | None = None
    removed: tuple[Lesion, ...] = ()
    done: EditRequest | None = None
    why: str = ""


@dataclass(frozen=True)
class PairMaker:
    """Makes the candidates of :class:`PairCases`; threads share it.

    A radiograph is read and looked at anew for each batch that holds one of its two candidates, so that
    films in memory are never more than a batch. ``tries``: edits of each, of which the best is kept.
    """

    cases: PairCases
    retoucher: Retoucher
    tries: int
    findings: tuple[str, ...]
    length: int
    digests: dict[str, str]
    cut: CutPrompts = field(default_factory=CutPrompts)  # the editor's texts are short: none is cut

    def masks(self, case: Case) -> MaskSet:
        """None yet: of a real radiograph they are known when the experts have looked at it."""
        return MaskSet(np.zeros((len(ANATOMY), self.retoucher.size, self.retoucher.size), bool))

    def candidates(
        self, cases: Sequence[Case], masks: Sequence[MaskSet], should_stop: ShouldStop = None
    ) -> list[Candidate]:
        """A candidate for each case: a radiograph as the models see it, or its best edit. Raises Interrupted.

        Masks: anatomy as the experts see it before the edit, and as lesions those removed or those added.
        Raises DatasetError and OSError for a file that is no longer what it was.
        """
        first = {case.pair: case for case in cases}
        plans = dict(zip(first, self._plans(list(first.values())), strict=True))
        edits = [(case, plans[case.pair]) for case in cases if int(case.key) % 2]
        outcomes = dict(zip((case.key for case, _ in edits), self._edited(edits, should_stop), strict=True))
        return [self._candidate(case, plans[case.pair], outcomes.get(case.key)) for case in cases]

    def _plans(self, cases: Sequence[Case]) -> list[_Plan]:
        sources = [self.cases.source(case.key) for case in cases]
        originals = [self.cases.read(source) for source in sources]
        who = [source.who for source in sources]
        films = each(
            list(zip(originals, who, strict=True)),
            lambda some: self.retoucher.look([o for o, _ in some], [w for _, w in some]),
        )
        return [
            _plan(film, self.cases.asked(case.key), source.shown is not None)
            if isinstance(film, Film)
            else self._no_film(original, film)
            for case, film, source, original in zip(cases, films, sources, originals, strict=True)
        ]

    def _no_film(self, original: Original, error: Exception) -> _Plan:
        """Of what is no frontal radiograph: all that is left is what the experts make of it."""
        seen = Framed.of(working_image(original, self.retoucher.size)).seen
        (organs,) = self.retoucher.anatomy.look(seen[None])
        return _Plan(seen, outlines.anatomy_masks(organs), why=_without_path(error, original))

    def _edited(
        self, edits: Sequence[tuple[Case, _Plan]], should_stop: ShouldStop
    ) -> list[Retouched | str | None]:
        """The best edit of each, why it cannot be placed or is none, or None where nothing can be done."""
        films, requests, seeds = [], [], []
        for case, plan in edits:
            if plan.film is not None and plan.done is not None:
                films.append(plan.film)
                requests.append(plan.done)
                seeds.append(derive_seed(case.seed, case.pair, "edit"))
        made = iter(self._retouched(films, requests, seeds, should_stop))
        return [None if plan.film is None or plan.done is None else next(made) for _, plan in edits]

    def _retouched(
        self,
        films: Sequence[Film],
        requests: Sequence[EditRequest],
        seeds: Sequence[int],
        should_stop: ShouldStop,
    ) -> list[Retouched | str]:
        def work(some: Sequence[tuple[Film, EditRequest, int]]) -> list[Retouched]:
            films, requests, seeds = zip(*some, strict=True)
            masks = [None] * len(films)
            return self.retoucher.retouch(films, requests, seeds, masks, self.tries, should_stop)

        made = each(list(zip(films, requests, seeds, strict=True)), work)
        return [
            _without_path(m, film.original) if isinstance(m, Exception) else unmoved(m, request) or m
            for m, film, request in zip(made, films, requests, strict=True)
        ]

    def _candidate(self, case: Case, plan: _Plan, outcome: Retouched | str | None) -> Candidate:
        edited = int(case.key) % 2 == 1
        why = outcome if isinstance(outcome, str) else plan.why
        if why and (edited or plan.film is None):
            told = replace(case, edit=UNCHANGED) if edited else case
            return Unusable(told, MaskSet(plan.anatomy), plan.seen, why)
        if plan.done is None:  # the radiograph as it is, judged by what was expected of it
            return Candidate(case, MaskSet(plan.anatomy), plan.seen)
        if not isinstance(outcome, Retouched):
            told = self.cases.described(case.seed, case.key, plan.done)
            return Candidate(told, MaskSet(plan.anatomy, plan.removed), plan.seen)
        done = replace(plan.done, add=outcome.edit.asked)
        told = self.cases.described(case.seed, case.key, done)
        return Candidate(told, outcome.edit.after, outcome.seen)


def _plan(film: Film, asked: EditRequest, labelled: bool) -> _Plan:
    """What of a request can be done to a film: what no expert sees cannot be removed from it.

    Where no label says otherwise, a film on which nothing that shall be removed may be taken as there is of
    no use, not even as it is.
    """
    seen = {
        name: outlines.outline(film.opinion, [FindingRequest(name)], True, film.anatomy).lesions
        if labelled or outlines.may_show(film.opinion, name)
        else ()
        for name in asked.remove
    }
    can = tuple(name for name in asked.remove if seen[name])
    image = film.framed.seen
    if not can and (asked.replace or not asked.add):
        names = " and ".join(name.replace("_", " ") for name in asked.remove)
        why = f"{names} to be removed, seen by no expert"
        return _Plan(image, film.anatomy, film if labelled else None, why=why)
    lesions = tuple(lesion for name in can for lesion in seen[name])
    return _Plan(image, film.anatomy, film, lesions, replace(asked, remove=can))


def _without_path(error: Exception, original: Original) -> str:
    """What an error says, the same wherever the file lies: it goes into the dataset."""
    return str(error).removeprefix(f"{original.path}: ")


@dataclass(frozen=True)
class PairJury:
    """A judge who says no to what is :class:`Unusable` as well."""

    judge: Judge

    @property
    def digests(self) -> dict[str, str]:
        """The judge's."""
        return self.judge.digests

    @property
    def own(self) -> dict[str, Filter]:
        """The judge's."""
        return self.judge.own

    def for_shard(self) -> "_ShardPairJury":
        """Who judges one shard, with nothing remembered yet."""
        return _ShardPairJury(self.judge.for_shard())


@dataclass(frozen=True)
class _ShardPairJury:
    judge_: ShardJudge

    def judge(self, candidates: Sequence[Candidate]) -> list[Judgement]:
        judged = zip(candidates, self.judge_.judge(candidates), strict=True)
        return [_refused(j, c.why) if isinstance(c, Unusable) else j for c, j in judged]

    def forget(self, keys: Collection[str]) -> None:
        self.judge_.forget(keys)


def _refused(judgement: Judgement, why: str) -> Judgement:
    """NaN is no agreement at any threshold, here and in every replay."""
    verdicts = tuple(
        Verdict(v.filter, "fail", math.nan, v.threshold, v.keep, why, v.detail) if v.filter == TELLS else v
        for v in judgement.verdicts
    )
    return replace(judgement, verdicts=verdicts)
