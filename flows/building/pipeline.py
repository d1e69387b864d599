"""What builds candidates: who asks, who makes, who judges, and how a shard of them is ordered."""

from collections.abc import Collection, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from filters.filter import Filter
from flows.config.identity import config_hash
from flows.config.schema import BuildConfig
from synth.cases import Candidate, Case, MaskSet

if TYPE_CHECKING:  # these bring torch; whoever loads a pipeline has it already
    from filters.judge import Judgement
    from synth.images.protocol import ShouldStop
    from synth.prompts.sampler import PromptSource


class Maker(Protocol):
    """Makes candidates, e.g. :class:`synth.generate.Synthesizer`; threads share it.

    ``findings`` may be asked of it; ``length`` is how many tokens of a prompt it reads, and ``cut`` holds
    the cases whose prompts were longer. ``digests``: SHA-256 of each file that went in.
    """

    @property
    def findings(self) -> tuple[str, ...]: ...
    @property
    def length(self) -> int: ...
    @property
    def cut(self) -> Sized: ...
    @property
    def digests(self) -> dict[str, str]: ...

    def masks(self, case: Case) -> MaskSet:
        """Anatomy and lesions of a case, as far as they are known before its image is made."""
        ...

    def candidates(
        self, cases: Sequence[Case], masks: Sequence[MaskSet], should_stop: "ShouldStop" = None
    ) -> Sequence[Candidate]:
        """One candidate a case, at most a batch; case and masks are what came of them. Raises Interrupted."""
        ...


class ShardJury(Protocol):
    """Judges one shard's candidates, used by one thread at a time."""

    def judge(self, candidates: Sequence[Candidate]) -> "list[Judgement]":
        """One judgement a candidate, in the same order."""
        ...

    def forget(self, keys: Collection[str]) -> None:
        """Compare none with these candidates any more: they are drawn again."""
        ...


class Jury(Protocol):
    """Judges candidates, e.g. :class:`filters.judge.Judge`; threads share it. ``own``: filters that do not
    ship."""

    @property
    def digests(self) -> dict[str, str]: ...
    @property
    def own(self) -> Mapping[str, Filter]: ...

    def for_shard(self) -> ShardJury:
        """Who judges one shard, with nothing remembered yet."""
        ...


@dataclass(frozen=True)
class Pipeline:
    """What asks for, makes and judges candidates; loaded once per process and shared by its threads.

    ``digests``: SHA-256 of every file that went into it.
    """

    prompts: "PromptSource"
    synthesizer: Maker
    judge: Jury
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """How a shard is to be built, beyond the pipeline: seed, batch size and retries per candidate.

    ``retries``: of what raises; ``redraws``: of what the filters refuse, with other noise.
    """

    seed: int
    batch_size: int
    retries: int = 0
    provenance: Mapping[str, Any] = field(default_factory=dict)
    redraws: int = 0

    @classmethod
    def of(cls, config: BuildConfig, pipeline: Pipeline) -> "Order":
        """How each shard of a build is to be made."""
        return cls(
            config.seed,
            config.images.batch_size,
            config.workers.retries,
            {"config_hash": config_hash(config, pipeline.digests)},
            config.images.retry_draws,
        )
