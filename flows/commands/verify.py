"""`synthorax verify`: every problem of a dataset, one line each; exit code 2 when there is any."""

from flows.commands.endings import USERS_MISTAKE, Ending
from manifests.commits import read_commits
from manifests.store import Store
from manifests.verify import verify


def run(dataset: str) -> None:
    """Prints problems and notes, then the verdict."""
    store = Store(dataset)
    found = verify(store)
    for problem in found:
        print(problem)
    damage = [problem for problem in found if not problem.note]
    if damage:
        raise Ending(USERS_MISTAKE, f"synthorax: {dataset}: {len(damage)} problems")
    commits = read_commits(store).values()
    print(f"{dataset}: whole, {len(commits)} shards, {sum(c.candidates for c in commits)} candidates")
