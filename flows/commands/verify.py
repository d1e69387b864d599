"""`synthorax verify`: every problem of a dataset, one line each; exit code 2 when there is any."""

from flows.commands.endings import USERS_MISTAKE, Ending
from flows.config.identity import stored_hash
from manifests.commits import read_commits
from manifests.identity import read_build
from manifests.layout import BUILD
from manifests.problems import Problem
from manifests.store import Store
from manifests.verify import repair, verify
from synth.terminal import printable


def run(dataset: str, mend: bool = False) -> None:
    """Prints problems and notes, then the verdict; ``mend`` takes back the shards that are damaged."""
    store = Store(dataset)
    build, found = read_build(store), verify(store)
    if build["config_hash"] != stored_hash(build):
        found = [Problem(BUILD, "its config is not the one of config_hash"), *found]
    for problem in found:
        print(printable(problem))
    damage = [problem for problem in found if not problem.note]
    if not damage:
        commits = read_commits(store).values()
        print(
            f"{printable(dataset)}: whole, {len(commits)} shards, "
            f"{sum(c.candidates for c in commits)} candidates"
        )
        return
    if mend:
        shards = repair(store, found)
        raise Ending(
            USERS_MISTAKE,
            f"synthorax: {dataset}: {len(damage)} problems; {len(shards)} shards and the index were taken "
            "back, the same build makes them again",
        )
    raise Ending(USERS_MISTAKE, f"synthorax: {dataset}: {len(damage)} problems")
