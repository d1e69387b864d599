"""`synthorax reproduce`: makes one candidate of a build again and says whether it is the same."""

from collections.abc import Iterator, Sequence

from flows.building.reproduction import Comparison, check_inputs, compare, recorded_config, remake
from flows.commands.endings import USERS_MISTAKE, Ending
from flows.config.workers import pin_threads
from manifests.identity import read_build
from manifests.records import Record
from manifests.store import Store
from manifests.stored import StoredCandidate, stored_candidate
from synth.software import software
from synth.terminal import printable


def run(dataset: str, key: str, overrides: Sequence[str]) -> None:
    """Prints what the candidate is and what was compared; exit code 2 when pixels or scores differ."""
    store = Store(dataset)
    build, stored = read_build(store), stored_candidate(store, key)
    config = recorded_config(build, dataset, overrides)
    from flows.loading import shared_pipeline

    pipeline = shared_pipeline(config)
    check_inputs(build.get("weights", {}), pipeline.digests, dataset)
    pin_threads(config.workers.threads)
    made = remake(config, pipeline, key, stored.row.get("draw", 0))
    found = compare(stored, made)
    for line in summary(stored, made, found):
        print(printable(line))
    if found.differing or found.moved:
        began = build.get("software", {}) == software()
        why = "" if began else "; another version of synthorax began the build"
        names = ", ".join((*found.differing, *(f"{name}_score" for name in found.moved)))
        raise Ending(USERS_MISTAKE, f"synthorax: {key} of {dataset}: NOT THE SAME: {names}{why}")


def summary(stored: StoredCandidate, made: Record, found: Comparison) -> Iterator[str]:
    """Lines for a person."""
    row = stored.row
    reasons = f" ({', '.join(row['reasons'])})" if row["reasons"] else ""
    yield f"{row['key']}: {row['status']}{reasons}: {row['prompt']}"
    if row.get("draw"):
        yield f"draw {row['draw']}, made again without those before it"
    if made.candidate is None:
        yield f"made again, it fails: {made.error}"
    elif not found.pictures:
        yield "made again without failing: the build holds no pixels of it to compare with"
    elif not found.differing:
        yield f"the same pixels: {', '.join(found.pictures)}"
    if row["status"] == "rejected" and not stored.pictures:
        yield "no tar holds it: compared by what its row says"
    if found.scores and not found.moved:
        yield f"the same scores: {', '.join(found.scores)} (near-duplicates are of the whole shard)"
