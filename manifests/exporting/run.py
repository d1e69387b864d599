"""One export from its beginning to its end; the same command goes on where it was interrupted."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from manifests.canonical import digest
from manifests.commits import Commit, read_commits
from manifests.errors import DatasetError
from manifests.exporting.folder import ExportFolder, Shard
from manifests.exporting.format import Batch, Format, Note, content
from manifests.exporting.reading import Tally, shard_films
from manifests.exporting.settings import ExportSettings
from manifests.exporting.splits import SPLITS, Split, plan_splits
from manifests.identity import build_hash, read_build
from manifests.layout import tar_path
from manifests.seldom import read_seldom
from manifests.selection import Seldom
from manifests.store import Store


@dataclass(frozen=True)
class Exported:
    """What an export holds, as :class:`manifests.exporting.reading.Tally` has it; ``losses`` are lines.

    ``seldom``: findings that the build accepts too seldom to be trusted; what passed are labels all the same.
    """

    films: dict[str, int]
    lesions: dict[str, int]
    doubted: dict[str, int]
    left_out: dict[str, int]
    losses: list[str]
    seldom: Seldom


def export(
    source: Store,
    target: Store,
    form: Format,
    settings: ExportSettings,
    behind: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write the accepted samples of a build into a folder of that format; ``behind`` hears of progress.

    :raises DatasetError: for a build that cannot be read, a choice that the format does not give, or a folder
        that holds something else.
    """
    settings = _chosen(form, settings)
    build, commits = read_build(source), list(read_commits(source).values())
    total = sum(commit.accepted for commit in commits)
    if not total:
        raise DatasetError(f"{source.url}: no sample is accepted yet, expected at least one")
    about = {"format": form.name, "build_hash": build_hash(build), **asdict(settings)}
    with target.lock():
        folder = ExportFolder(target)
        folder.begin(about)
        folder.keep({commit.shard for commit in commits})
        splits, seldom, done = plan_splits(source, commits, settings), read_seldom(source), 0
        for commit in commits:
            _export_shard(source, commit, folder, form, settings, splits)
            done += commit.accepted
            behind(done, total)
        found = _summary(folder, form, seldom)
        folder.finish(form.closing(_Notes(folder), settings, content(seldom)), {**about, **asdict(found)})
    return found


def _chosen(form: Format, settings: ExportSettings) -> ExportSettings:
    """The settings with the format's usual choice where none was made."""
    masks = settings.masks or (form.masks[0] if form.masks else "")
    if masks and masks not in form.masks:
        expected = f"one of {', '.join(form.masks)}" if form.masks else "none: it has one kind only"
        raise DatasetError(f"masks: {masks!r} of {form.name}, expected {expected}")
    if settings.channels not in form.channels:
        expected = " or ".join(map(str, form.channels))
        raise DatasetError(f"channels: {settings.channels} of {form.name}, expected {expected}")
    return replace(settings, masks=masks)


def _export_shard(
    source: Store,
    commit: Commit,
    folder: ExportFolder,
    form: Format,
    settings: ExportSettings,
    splits: Mapping[str, Split | None],
) -> None:
    made_from = _digest(commit, splits)
    if folder.has(commit.shard, made_from):
        return

    def make(shard: Shard) -> Iterator[Note]:
        tally = Tally()
        films = shard_films(source, commit, splits, settings, tally)
        yield from form.films(Batch(commit.build_hash, commit.shard, films, settings), shard.put)
        shard.counts = {name: dict(counts) for name, counts in vars(tally).items()}

    folder.write(commit.shard, made_from, make)


def _digest(commit: Commit, splits: Mapping[str, Split | None]) -> str:
    """Of what a shard's files follow from, beside the settings of the whole export."""
    keys = range(int(commit.first_key), int(commit.last_key) + 1)
    files = {
        path: commit.files[path].sha256
        for path in (tar_path(commit.shard), commit.part)
        if path in commit.files
    }
    return digest({"files": files, "splits": [splits.get(f"{key:09d}") for key in keys]})


class _Notes:
    """All notes, read again each time they are iterated."""

    def __init__(self, folder: ExportFolder) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[Note]:
        return self._folder.notes()


def _summary(folder: ExportFolder, form: Format, seldom: Seldom) -> Exported:
    sums: dict[str, Counter[str]] = {name: Counter() for name in vars(Tally())}
    for head in folder.heads():
        for name, counts in head.counts.items():
            sums[name].update(counts)
    films: dict[str, int] = {split: sums["films"][split] for split in SPLITS}
    others: dict[str, Any] = {name: dict(sorted(sums[name].items())) for name in sums if name != "films"}
    return Exported(films=films, **others, losses=form.losses(_Notes(folder)), seldom=seldom)
