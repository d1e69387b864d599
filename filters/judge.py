"""The judge: asks the experts, lets each filter score, holds scores against thresholds."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from filters.experts.embedding import Memory
from filters.experts.opinion import Expert, Opinion
from filters.filter import Evidence, Filter, readable
from filters.own import load_all
from filters.panel import Panel
from filters.registry import FILTERS
from filters.settings import FilterChoice, JudgeSettings
from filters.verdicts import Score, Verdict, skipped, verdict
from synth.cases import Candidate

__all__ = ["FilterChoice", "Judge", "JudgeSettings", "Judgement", "ShardJudge"]

#: What a filter can say of an image that cannot be shown to an expert.
UNREADABLE = Score(math.nan, "image not readable")


@dataclass(frozen=True)
class Judgement:
    """Every filter's verdict on one candidate, in the order of the judge's filters, and its embedding.

    ``embedding`` (D,) float32 of unit length; None when the image could not be shown to an expert
    or neither duplicates nor copies are looked for.
    """

    verdicts: tuple[Verdict, ...]
    embedding: np.ndarray | None = field(default=None, repr=False)


class Judge:
    """Settings, filters and experts, read-only: threads and shards may share one.

    ``own`` are the user's filters, asked after those that ship.
    """

    def __init__(
        self, settings: JudgeSettings, panel: Panel, own: Mapping[str, Filter] | None = None
    ) -> None:
        self.settings, self.panel, self.own = settings, panel, dict(own or {})
        self.filters = FILTERS | self.own

    @classmethod
    def load(cls, settings: JudgeSettings | None = None) -> "Judge":
        """With the filters and experts that the settings name; UserError in one line for what is wrong."""
        settings = settings or JudgeSettings()
        own, digests = load_all(settings.own)
        panel = Panel.load(settings, own)
        panel.digests.update(digests)
        return cls(settings, panel, own)

    @property
    def digests(self) -> dict[str, str]:
        """Every file that a score depends on, to its SHA-256."""
        return dict(self.panel.digests)

    @property
    def thresholds(self) -> dict[str, float]:
        """What each filter is held to, its own or overridden."""
        chosen = {name: self.settings.choice(name).threshold for name in self.filters}
        return {n: self.filters[n].limit if c is None else c for n, c in chosen.items()}

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
        stops = self._judge.settings.mode == "cheap_first"
        for asked in sorted(self._judge.filters.values(), key=lambda f: f.cost):
            hearing.hear(asked, [i for i in range(len(candidates)) if not (stops and hearing.failed(i))])
        self._memory = memory
        return [Judgement(hearing.verdicts(i), hearing.embeddings.get(i)) for i in range(len(candidates))]

    def forget(self, keys: Collection[str]) -> None:
        """Remember some candidates no longer, e.g. those that are drawn again: none resembles itself."""
        self._memory = self._memory.without(frozenset(keys))


class _Hearing:
    """One batch before the judge: opinions are asked for once, verdicts gathered by filter."""

    def __init__(self, judge: Judge, candidates: Sequence[Candidate], memory: Memory) -> None:
        self.court, self.panel, self.candidates = judge, judge.panel, candidates
        self.thresholds = judge.thresholds
        self.readable = [i for i, c in enumerate(candidates) if readable(c)]
        self._sheets: list[dict[str, Verdict]] = [{} for _ in candidates]
        self._opinions: dict[tuple[int, int], Opinion] = {}
        self.embeddings: dict[int, np.ndarray] = {}
        self._before: dict[int, Memory] = {}
        self._embed(memory)

    def _embed(self, memory: Memory) -> None:
        """Embed every readable image; each may be compared with those before it."""
        if self.panel.embedder is None:
            return
        for i, opinion in self.opinions(self.panel.embedder, self.readable).items():
            assert opinion.embedding is not None, "the embedder was loaded without its index"
            self.embeddings[i], self._before[i] = opinion.embedding, memory.so_far()
            memory.add(self.candidates[i].case.key, opinion.embedding)

    def opinions(self, expert: Expert, who: Sequence[int]) -> dict[int, Opinion]:
        """The expert's opinion of some readable candidates, asked once for each."""
        unheard = [i for i in who if (id(expert), i) not in self._opinions]
        if unheard:
            images = np.stack([self.candidates[i].image for i in unheard])
            for i, opinion in zip(unheard, expert.look(images), strict=True):
                self._opinions[id(expert), i] = opinion
        return {i: self._opinions[id(expert), i] for i in who}

    def hear(self, asked: Filter, who: Sequence[int]) -> None:
        """Let one filter judge those named; by the rest it is skipped."""
        threshold = self.thresholds[asked.name]
        enabled = self.court.settings.choice(asked.name).enabled
        scores = self._scores(asked, who) if enabled else {}
        for i, sheet in enumerate(self._sheets):
            if i in scores:
                sheet[asked.name] = verdict(asked.name, scores[i], threshold, asked.keep)
            else:
                why = "rejected before" if enabled else "disabled"
                sheet[asked.name] = skipped(asked.name, threshold, asked.keep, why)

    def _scores(self, asked: Filter, who: Sequence[int]) -> dict[int, Score]:
        shown = list(who) if asked.any_image else [i for i in who if i in self.readable]
        opinions = self.opinions(self.panel.experts[asked.name], shown) if asked.asks else {}
        evidence = {
            i: Evidence(
                self.candidates[i],
                opinions.get(i),
                *((self.embeddings[i], self._before[i], self.panel.index) if asked.embeds else ()),
            )
            for i in shown
        }
        return {i: asked.score(evidence[i]) if i in evidence else UNREADABLE for i in who}

    def failed(self, i: int) -> bool:
        """Whether a filter has said no already."""
        return any(v.outcome == "fail" for v in self._sheets[i].values())

    def verdicts(self, i: int) -> tuple[Verdict, ...]:
        """One verdict per filter, in the order of the judge's."""
        return tuple(self._sheets[i][name] for name in self.court.filters)
