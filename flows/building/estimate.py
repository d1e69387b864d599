"""What a build will take, measured on a small real sample of it rather than guessed."""

import math
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.building.pipeline import Order, Pipeline
from flows.building.session import tally
from flows.building.shard import Watch, build_shard
from flows.config.identity import frozen_fields
from flows.config.schema import BuildConfig
from flows.config.shards import KEY_DIGITS, Shard, shard, shard_count
from flows.config.workers import pin_threads, worker_count
from manifests.identity import open_build
from manifests.parts import read_part
from manifests.store import Store
from synth.scratch import scratch_folder

if TYPE_CHECKING:
    from synth.prompts.sampler import PromptSource

SAMPLE_BATCHES = 2
#: Cases that are looked at to see how often each cell is asked for.
DRAWN = 2000


@dataclass(frozen=True)
class Estimate:
    """``candidates``: expected to be made; ``seconds``: of the whole build with all its workers, if
    they do not slow each other; ``size``: bytes written; ``sample``: candidates measured; ``draws``: made of
    a candidate, on average."""

    sample: int
    share_accepted: float
    candidates: int
    reachable: bool
    shards: int
    seconds: float
    size: int
    draws: float = 1.0


def estimate(config: BuildConfig, pipeline: Pipeline) -> Estimate:
    """Builds the first candidates into a temporary folder and scales up their time and size."""
    pin_threads(config.workers.threads)
    whole = shard(config, 0)
    stop = min(whole.stop, SAMPLE_BATCHES * config.images.batch_size)
    sample = Shard(0, 0, stop)
    with scratch_folder() as scratch:
        folder = scratch / "plan"
        store = Store(folder)
        open_build(store, frozen_fields(config, pipeline.digests))
        begun = time.perf_counter()
        commit = build_shard(sample, Order.of(config, pipeline), pipeline, store, Watch())
        seconds = time.perf_counter() - begun
        drawn = read_part(store, commit, ["draw"])["draw"].to_pylist()
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        counts = tally(commit, store, config)
    share = counts.accepted / counts.candidates
    accepted = _accepted(config, pipeline.prompts)
    candidates = _candidates(config, accepted, share)
    rounds = [sum(draw >= n for draw in drawn) for n in range(max(drawn) + 1)]
    batch = config.images.batch_size
    batches = [sum(-(-made * each // (stop * batch)) for made in rounds) for each in (stop, len(whole.keys))]
    # A batch that is not full takes as long as one that is: a shard's further draws have fewer of those.
    shard_seconds = seconds * batches[1] / batches[0]
    return Estimate(
        sample=stop,
        share_accepted=share,
        candidates=candidates,
        reachable=accepted is None or candidates * share >= accepted,
        shards=math.ceil(candidates / config.shard_size),
        seconds=shard_seconds / len(whole.keys) * candidates / min(worker_count(config), shard_count(config)),
        size=round(size / stop * candidates),
        draws=sum(rounds) / stop,
    )


def _accepted(config: BuildConfig, prompts: "PromptSource") -> float | None:
    """Accepted samples that a build ends with at the least; None where all candidates are wanted.

    With quotas: those among which the cell that is asked for least often has enough, as though all cells were
    accepted alike; infinite where one is never asked for.
    """
    quotas = config.quotas
    if quotas is None:
        return config.accepted
    asked = Counter[int]()
    drawn = min(config.candidates, DRAWN)
    for index in range(drawn):
        asked.update(quotas.of_case(prompts.case(config.seed, f"{index:0{KEY_DIGITS}d}")))
    rarest = min(asked[cell] for cell in range(len(quotas.cells)))
    return quotas.count * drawn / rarest if rarest else math.inf


def _candidates(config: BuildConfig, accepted: float | None, share: float) -> int:
    """All, or as many whole shards as the accepted samples need at this share."""
    if accepted is None or share == 0 or math.isinf(accepted):
        return config.candidates
    shards = math.ceil(accepted / share / config.shard_size)
    return min(config.candidates, shards * config.shard_size)
