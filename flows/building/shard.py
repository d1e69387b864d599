"""One shard from prompts to its commit, as plain Python: no Prefect, no global state.

Prompt -> masks -> radiographs in batches of one fixed size -> verdicts -> records -> tar, Parquet,
commit. A candidate that raises is tried again alone; when it keeps raising it becomes a ``failed``
row that carries its error, and its neighbours are untouched. One that the filters refuse is drawn again with
other noise, where the order says so: once all of a shard are judged, those refused go into batches of their
own, and so on until none is left or the draws are spent.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from filters.verdicts import decide
from flows.building.pipeline import Maker, Order, Pipeline, ShardJury
from flows.config.shards import Shard
from flows.films import each
from manifests.commits import Commit
from manifests.records import Record, Refusal
from manifests.shards import write_shard
from manifests.store import Store
from synth.cases import Candidate, Case, MaskSet
from synth.errors import Interrupted, is_lasting

if TYPE_CHECKING:  # these bring torch; whoever made the tools has it already
    from filters.judge import Judgement

T = TypeVar("T")


@dataclass(frozen=True)
class Watch:
    """What the caller sees and steers: ``should_stop`` is asked often, ``made`` is told counts."""

    should_stop: Callable[[], bool] = lambda: False
    made: Callable[[int], None] = lambda count: None

    def check(self) -> None:
        """Raises :class:`Interrupted` once a stop is asked for."""
        if self.should_stop():
            raise Interrupted


def build_shard(shard: Shard, order: Order, pipeline: Pipeline, store: Store, watch: Watch) -> Commit:
    """Builds one shard and commits it last; the same arguments give the same bytes.

    Raises :class:`Interrupted` when ``watch`` asks to stop (nothing is committed then), and what
    the store raises. Errors of single candidates do not raise: they become failed rows.
    """
    records = make_records(shard, order, pipeline, watch)
    watch.check()
    return write_shard(store, shard.number, records, dict(order.provenance), own=pipeline.judge.own)


def make_records(shard: Shard, order: Order, pipeline: Pipeline, watch: Watch) -> list[Record]:
    """One record per candidate of the shard, by key: of its accepted draw, else of its last one."""
    records: dict[str, Record] = {}
    drafts = []
    for key in shard.keys:
        watch.check()
        draft = _draft(key, order, pipeline)
        if isinstance(draft, Record):
            records[key] = draft
            watch.made(1)
        else:
            drafts.append(draft)
    judge = pipeline.judge.for_shard()
    for left in range(order.redraws, -1, -1):
        refused = []
        for batch in _batches(drafts, order.batch_size):
            made = _finish(batch, order, pipeline, judge, watch)
            again = [d.again(r) for d, r in zip(batch, made, strict=True) if left and r.status == "rejected"]
            records |= {record.case.key: record for record in made}
            refused += again
            watch.made(len(batch) - len(again))
        if not (drafts := refused):
            break
        judge.forget([draft.case.key for draft in drafts])
    return [records[key] for key in shard.keys]


def make_draw(key: str, draw: int, order: Order, pipeline: Pipeline) -> Record:
    """The record of one draw of one candidate, without those before it, as if its shard held no other."""
    draft = _draft(key, order, pipeline)
    if isinstance(draft, Record):
        return draft
    drawn = replace(draft, case=replace(draft.case, draw=draw))
    (record,) = _finish([drawn], order, pipeline, pipeline.judge.for_shard(), Watch())
    return record


@dataclass(frozen=True)
class _Draft:
    case: Case
    masks: MaskSet
    earlier: tuple[Refusal, ...] = ()

    def again(self, record: Record) -> "_Draft":
        """The next draw after one that was refused: the same masks, other noise."""
        refusal = Refusal(self.case.draw, record.verdicts)
        return _Draft(replace(self.case, draw=self.case.draw + 1), self.masks, (*self.earlier, refusal))


def _draft(key: str, order: Order, pipeline: Pipeline) -> _Draft | Record:
    case = _attempt(lambda: pipeline.prompts.case(order.seed, key), order.retries)
    if isinstance(case, Exception):
        return _failed(Case(key, order.seed, prompt=""), "prompt", case)
    masks = _attempt(lambda: pipeline.synthesizer.masks(case), order.retries)
    if isinstance(masks, Exception):
        return _failed(case, "masks", masks)
    return _Draft(case, masks)


def _finish(
    batch: Sequence[_Draft], order: Order, pipeline: Pipeline, judge: ShardJury, watch: Watch
) -> list[Record]:
    """Draws and judges one batch; what raises as a batch is tried again candidate by candidate."""
    made = _each(batch, lambda drafts: _draw(drafts, pipeline.synthesizer, watch), order.retries)
    candidates = {c.case.key: c for c in made if not isinstance(c, Exception)}
    watch.check()
    judgements = dict(
        zip(candidates, _each(list(candidates.values()), judge.judge, order.retries), strict=True)
    )
    records = []
    for draft, candidate in zip(batch, made, strict=True):
        if isinstance(candidate, Exception):
            record = _failed(draft.case, "image", candidate)
        else:
            record = _record(candidate, judgements[draft.case.key])
        records.append(replace(record, earlier=draft.earlier))
    return records


def _draw(drafts: Sequence[_Draft], synthesizer: Maker, watch: Watch) -> Sequence[Candidate]:
    cases, masks = [d.case for d in drafts], [d.masks for d in drafts]
    return synthesizer.candidates(cases, masks, watch.should_stop)


def _record(candidate: Candidate, judgement: "Judgement | Exception") -> Record:
    if isinstance(judgement, Exception):
        return _failed(candidate.case, "verdicts", judgement)
    decision = decide(judgement.verdicts)
    return Record(
        case=candidate.case,
        status=decision.status,
        candidate=candidate,
        verdicts=judgement.verdicts,
        reasons=decision.reasons,
        embedding=judgement.embedding,
    )


def _failed(case: Case, stage: str, error: Exception) -> Record:
    message = " ".join(str(error).split())
    text = f"{stage}: {type(error).__name__}: {message}"
    return Record(case=case, status="failed", candidate=None, verdicts=(), reasons=(), error=text)


def _each(
    items: Sequence[Any], work: Callable[[Sequence[Any]], Sequence[T]], retries: int
) -> list[T | Exception]:
    """As :func:`flows.films.each`: any error counts, and one alone is tried ``retries`` times more."""

    def alone(item: Any) -> T:
        result = _attempt(lambda: work([item])[0], retries)
        if isinstance(result, Exception):
            raise result
        return result

    return each(items, work, Exception, alone)


def _attempt(work: Callable[[], T], retries: int) -> T | Exception:
    """The result, or the last error after ``retries`` more tries, fewer where another would end alike; a stop
    passes through."""
    error: Exception | None = None
    for _ in range(retries + 1):
        try:
            return work()
        except Interrupted:
            raise
        except Exception as caught:
            error = caught
            if is_lasting(caught):
                break
    assert error is not None
    return error


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
