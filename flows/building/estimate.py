"""What a build will take, measured on a small real sample of it rather than guessed."""

import math
import time
from dataclasses import dataclass

from flows.building.pipeline import Order, Pipeline
from flows.building.session import tally
from flows.building.shard import Watch, build_shard
from flows.config.identity import frozen_fields
from flows.config.schema import BuildConfig
from flows.config.shards import Shard, shard, shard_count
from flows.config.workers import pin_threads, worker_count
from manifests.identity import open_build
from manifests.parts import read_part
from manifests.store import Store
from synth.scratch import scratch_folder

SAMPLE_BATCHES = 2


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
    counts = tally(commit)
    share = counts.accepted / counts.candidates
    candidates = _candidates(config, share)
    rounds = [sum(draw >= n for draw in drawn) for n in range(max(drawn) + 1)]
    batch = config.images.batch_size
    batches = [sum(-(-made * each // (stop * batch)) for made in rounds) for each in (stop, len(whole.keys))]
    # A batch that is not full takes as long as one that is: a shard's further draws have fewer of those.
    shard_seconds = seconds * batches[1] / batches[0]
    return Estimate(
        sample=stop,
        share_accepted=share,
        candidates=candidates,
        reachable=config.accepted is None or candidates * share >= config.accepted,
        shards=math.ceil(candidates / config.shard_size),
        seconds=shard_seconds / len(whole.keys) * candidates / min(worker_count(config), shard_count(config)),
        size=round(size / stop * candidates),
        draws=sum(rounds) / stop,
    )


def _candidates(config: BuildConfig, share: float) -> int:
    """All, or as many whole shards as the accepted samples need at this share."""
    if config.accepted is None or share == 0:
        return config.candidates
    shards = math.ceil(config.accepted / share / config.shard_size)
    return min(config.candidates, shards * config.shard_size)
