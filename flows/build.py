"""The build as a thin Prefect flow: which shard runs when. Everything else is in ``flows.building.shard``.

Prefect's caching is off and its database is no record: commits decide what is done.
"""

import os
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from httpx import TransportError
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.tasks import Task

from flows.building.history import is_kept, keep_history
from flows.building.hooks import Hooks, current_hooks, hooked
from flows.building.pipeline import Order
from flows.building.session import Session, claim, open_session, tally
from flows.building.shard import Watch, build_shard
from flows.config.image_model import settled
from flows.config.reading import parse_config, read_config
from flows.config.schema import BuildConfig
from flows.config.shards import Tally, missing_shards, shard
from flows.config.workers import pin_threads, worker_count
from flows.loading import shared_pipeline
from manifests.store import Store
from synth.errors import Interrupted, UserError, is_lasting

Done: TypeAlias = "queue.SimpleQueue[tuple[int, PrefectFuture[Tally]]]"

UNREACHED = "Failed to reach API"  # Prefect's RuntimeError where no server answers at the start
TABLE_ROWS = 200  # of the artifact: more than anyone reads


@flow(name="build-dataset", persist_result=False)
def build_dataset(config: dict[str, Any] | str) -> dict[str, Any]:
    """Builds or resumes the dataset that ``config`` (plain data, or a YAML file's path) describes.

    Returns the totals, in ``cut`` how many prompts of this run lost their end to the image model's length
    (and in ``length`` how many tokens that is), in ``shortfall`` why fewer were accepted than asked for
    (or None), in lines the cells of quotas that are ``short`` and the findings that ``vanished``, and in one
    line (or "") those that are ``seldom`` accepted.
    """
    with hooked(current_hooks()) as hooks, _kept_outcome(hooks):
        build = settled(read_config(Path(config)) if isinstance(config, str) else parse_config(config))
        with claim(build) as held:
            hooks.course.note_in(held.lock.note)
            pipeline = shared_pipeline(build)
            with open_session(build, pipeline.digests) as session:
                summary = _build(session, hooks)
        maker = pipeline.synthesizer
        hooks.outcome.summary = {**summary, "cut": len(maker.cut), "length": maker.length}
    if is_kept():
        _publish_table(session)
    return hooks.outcome.summary


def run_build(config: BuildConfig) -> dict[str, Any]:
    """The flow in this process; what it came to counts, not whether Prefect could be told of it.

    Raises UserError when no Prefect server answers at the start.
    """
    with hooked(current_hooks()) as hooks:
        try:
            return build_dataset(config.model_dump(mode="json"))
        except Exception as error:
            if hooks.outcome.error is not None:
                raise hooks.outcome.error from None
            if hooks.outcome.summary is not None:
                return hooks.outcome.summary
            if not (isinstance(error, TransportError) or str(error).startswith(UNREACHED)):
                raise
            url = os.environ.get("PREFECT_API_URL")
            raise UserError(f"PREFECT_API_URL: {url}, expected a Prefect server that answers") from error


@contextmanager
def _kept_outcome(hooks: Hooks) -> Iterator[None]:
    """Keeps how the block ends for a caller whom Prefect, its server gone, would only tell of that."""
    keep_history(hooks.tell)
    try:
        yield
    except BaseException as error:  # SIGTERM reaches a flow as an exception of Prefect's own
        hooks.stop.set()
        hooks.outcome.error = error
        is_kept()  # else the run's end waits for a server that is gone
        raise


def _build(session: Session, hooks: Hooks) -> dict[str, Any]:
    hooks.course.start(session.config, session.done)
    hooks.begun()
    while numbers := missing_shards(session.config, session.done):
        for number, counts in _build_shards(session.config, numbers, hooks):
            session.done[number] = counts
            hooks.course.finished(counts)
    hooks.course.finalising()
    return session.finalise()


def _worth_retrying(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    try:
        state.result()
    except Exception as error:
        return not is_lasting(error)
    return False


@task(
    name="build-shard",
    task_run_name="shard-{number:06d}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=_worth_retrying,
)
def build_one_shard(config: dict[str, Any], number: int) -> Tally:
    """One shard, wherever Prefect runs it: the models come from this process's own cache."""
    build = parse_config(config)
    hooks = current_hooks()
    pipeline = shared_pipeline(build)
    pin_threads(build.workers.threads)
    watch = Watch(hooks.stop.is_set, hooks.course.made)
    order, store = Order.of(build, pipeline), Store(build.output)
    commit = build_shard(shard(build, number), order, pipeline, store, watch)
    return tally(commit, store, build)


def _build_shards(build: BuildConfig, numbers: Sequence[int], hooks: Hooks) -> Iterator[tuple[int, Tally]]:
    """Submits shards so that as many as there are workers run at once; yields each as it commits.

    Raises the first error, once the other shards have stopped or committed.
    """
    done: Done = queue.SimpleQueue()
    config = build.model_dump(mode="json")
    shard_task = build_one_shard.with_options(retries=build.workers.retries)
    waiting, running = list(reversed(numbers)), 0
    try:
        while waiting or running:
            while waiting and running < worker_count(build):
                number = waiting.pop()
                future = shard_task.submit(config, number)
                future.add_done_callback(partial(_put, done, number))
                running += 1
            number, future = _next_done(done, hooks)
            running -= 1
            yield number, future.result()
    except BaseException:
        hooks.stop.set()  # and hold the output's lock until no one writes any more
        for _ in range(running):
            done.get()
        raise


def _put(done: Done, number: int, future: PrefectFuture[Tally]) -> None:
    done.put((number, future))


def _next_done(done: Done, hooks: Hooks) -> tuple[int, PrefectFuture[Tally]]:
    while True:
        try:
            # Short waits, so that a signal's handler gets its turn in this thread.
            return done.get(timeout=0.2)
        except queue.Empty:
            if hooks.stop.is_set():
                raise Interrupted from None


def _publish_table(session: Session) -> None:
    rows = [
        {
            "shard": number,
            "candidates": counts.candidates,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "failed": counts.failed,
        }
        for number, counts in sorted(session.done.items())[:TABLE_ROWS]
    ]
    create_table_artifact(rows, key="synthorax-build", description=session.config.output)
