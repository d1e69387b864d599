"""The judge: asks the experts, lets each filter score, holds scores against thresholds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from filters import (
    anatomy_agreement,
    finding_agreement,
    integrity,
    lesion_agreement,
    near_duplicate,
    training_copy,
)
from filters.experts.opinion import Expert, Opinion
from filters.near_duplicate import Memory
from filters.panel import Panel
from filters.registry import FILTER_NAMES, FILTERS
from filters.settings import FilterChoice, JudgeSettings
from filters.verdicts import Score, Verdict, skipped, verdict
from synth.cases import Candidate

__all__ = ["FilterChoice", "Judge", "JudgeSettings", "Judgement", "ShardJudge"]

#: The order of the cheap-first mode. Verdicts are always given in the order of FILTER_NAMES.
BY_COST = tuple(sorted(FILTER_NAMES, key=lambda name: FILTERS[name].cost))

#: Filters that score a candidate by one expert's opinion of it.
_BY_OPINION = {
    "anatomy_agreement": anatomy_agreement.score,
    "finding_agreement": finding_agreement.score,
    "lesion_agreement": lesion_agreement.score,
}

#: What a filter that needs an expert can say of an image that cannot be shown to one.
UNREADABLE = Score(math.nan, "image not readable")


@dataclass(frozen=True)
class Judgement:
    """Every filter's verdict on one candidate, in the order of FILTER_NAMES, and its embedding.

    ``embedding`` (D,) float32 of unit length; None when the image could not be shown to an expert
    or neither duplicates nor copies are looked for.
    """

    verdicts: tuple[Verdict, ...]
    embedding: np.ndarray | None = field(default=None, repr=False)


class Judge:
    """Settings and experts, read-only: threads and shards may share one."""

    def __init__(self, settings: JudgeSettings, panel: Panel) -> None:
        self.settings, self.panel = settings, panel

    @classmethod
    def load(cls, settings: JudgeSettings | None = None) -> "Judge":
        """With the experts that the settings name; ValueError in one line for what is wrong."""
        settings = settings or JudgeSettings()
        return cls(settings, Panel.load(settings))

    @property
    def digests(self) -> dict[str, str]:
        """Every file that a score depends on, to its SHA-256."""
        return dict(self.panel.digests)

    @property
    def thresholds(self) -> dict[str, float]:
        """What each filter is held to, shipped or overridden."""
        return {name: self.settings.threshold(name) for name in FILTER_NAMES}

    def for_shard(self) -> "ShardJudge":
        """A judge for one shard, with nothing remembered yet."""
        return ShardJudge(self)


class ShardJudge:
    """Judges one shard's candidates in order; used by one thread at a time."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._memory = Memory()

    def judge(self, candidates: Sequence[Candidate]) -> list[Judgement]:
        """One judgement per candidate, in the same order; images are all of one size.

        What the shard remembers and every score are the same in both modes, so both accept the
        same candidates: an embedding is made of each readable image even where a filter that would
        use it is skipped. A call that raises leaves nothing remembered, so it can be made again.
        """
        memory = self._memory.copy()
        hearing = _Hearing(self._judge, candidates, memory)
        settings = self._judge.settings
        for name in BY_COST:
            asked = list(range(len(candidates)))
            if settings.mode == "cheap_first":
                asked = [i for i in asked if not hearing.failed(i)]
            hearing.hear(name, asked)
        self._memory = memory
        return [Judgement(hearing.verdicts(i), hearing.embeddings.get(i)) for i in range(len(candidates))]


class _Hearing:
    """One batch before the judge: opinions are asked for once, verdicts gathered by filter."""

    def __init__(self, judge: Judge, candidates: Sequence[Candidate], memory: Memory) -> None:
        self.settings, self.panel, self.candidates = judge.settings, judge.panel, candidates
        self.readable = [i for i, c in enumerate(candidates) if integrity.well_formed(c)]
        self._sheets: list[dict[str, Verdict]] = [{} for _ in candidates]
        self._opinions: dict[tuple[int, int], Opinion] = {}
        self.embeddings: dict[int, np.ndarray] = {}
        self._duplicates: dict[int, Score] = {}
        self._embed(memory)

    def _embed(self, memory: Memory) -> None:
        """Embed every readable image and compare each with those before it."""
        if self.panel.embedder is None:
            return
        for i, opinion in self.opinions(self.panel.embedder, self.readable).items():
            assert opinion.embedding is not None, "the embedder was loaded without its index"
            self.embeddings[i] = opinion.embedding
            self._duplicates[i] = near_duplicate.score(memory, opinion.embedding)
            memory.add(self.candidates[i].case.key, opinion.embedding)

    def opinions(self, expert: Expert, who: Sequence[int]) -> dict[int, Opinion]:
        """The expert's opinion of some readable candidates, asked once for each."""
        unheard = [i for i in who if (id(expert), i) not in self._opinions]
        if unheard:
            images = np.stack([self.candidates[i].image for i in unheard])
            for i, opinion in zip(unheard, expert.look(images), strict=True):
                self._opinions[id(expert), i] = opinion
        return {i: self._opinions[id(expert), i] for i in who}

    def hear(self, name: str, asked: Sequence[int]) -> None:
        """Let one filter judge those asked; by the rest it is skipped."""
        keep, threshold = FILTERS[name].keep, self.settings.threshold(name)
        enabled = self.settings.choice(name).enabled
        scores = self._scores(name, asked) if enabled else {}
        for i, sheet in enumerate(self._sheets):
            if i in scores:
                sheet[name] = verdict(name, scores[i], threshold, keep)
            else:
                why = "rejected before" if enabled else "disabled"
                sheet[name] = skipped(name, threshold, keep, why)

    def _scores(self, name: str, who: Sequence[int]) -> dict[int, Score]:
        if name == "integrity":
            return {i: integrity.score(self.candidates[i]) for i in who}
        readable = [i for i in who if i in self.readable]
        return {i: UNREADABLE for i in who} | self._scores_readable(name, readable)

    def _scores_readable(self, name: str, who: Sequence[int]) -> dict[int, Score]:
        if name == "near_duplicate":
            return {i: self._duplicates[i] for i in who}
        if name == "training_copy":
            index = self.panel.index
            assert index is not None, "the panel was loaded without its index"
            return {i: training_copy.score(index, self.embeddings[i]) for i in who}
        opinions = self.opinions(self.panel.experts[name], who)
        return {i: _BY_OPINION[name](self.candidates[i], o) for i, o in opinions.items()}

    def failed(self, i: int) -> bool:
        """Whether a filter has said no already."""
        return any(v.outcome == "fail" for v in self._sheets[i].values())

    def verdicts(self, i: int) -> tuple[Verdict, ...]:
        """One verdict per filter, in the order of FILTER_NAMES."""
        return tuple(self._sheets[i][name] for name in FILTER_NAMES)
