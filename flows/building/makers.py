"""What building a shard asks of those who make its candidates and of those who judge them."""

from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING, Protocol

from synth.cases import Candidate, Case, MaskSet

if TYPE_CHECKING:  # these bring torch; whoever made the tools has it already
    from filters.judge import Judgement
    from synth.images.protocol import ShouldStop


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
        """One candidate a case, at most a batch; case and masks are what came of them. Raises Stopped."""
        ...


class ShardJury(Protocol):
    """Judges one shard's candidates, used by one thread at a time."""

    def judge(self, candidates: Sequence[Candidate]) -> "list[Judgement]":
        """One judgement a candidate, in the same order."""
        ...


class Jury(Protocol):
    """Judges candidates, e.g. :class:`filters.judge.Judge`; threads share it."""

    @property
    def digests(self) -> dict[str, str]: ...

    def for_shard(self) -> ShardJury:
        """Who judges one shard, with nothing remembered yet."""
        ...
