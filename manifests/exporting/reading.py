"""The films of one committed shard, with their labels held against the manifest's rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from manifests import layout
from manifests.annotations import decode_rle
from manifests.commits import Commit
from manifests.errors import DatasetError
from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.settings import ALL, SEEN, ExportSettings
from manifests.exporting.splits import Split
from manifests.exporting.trust import Trust, lesion_trusts
from manifests.members import ANATOMY_MASKS, IMAGE, LESION_MASKS
from manifests.parts import read_part
from manifests.store import Store
from manifests.tars import read_samples

_NEEDED = (IMAGE, ANATOMY_MASKS, LESION_MASKS)


@dataclass
class Tally:
    """What became of samples and lesions: ``films`` by split, ``lesions`` by finding, ``doubted`` by reason
    and finding as ``reason/finding``, ``left_out`` samples by reason."""

    films: Counter[str] = field(default_factory=Counter)
    lesions: Counter[str] = field(default_factory=Counter)
    doubted: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, film: LabelledFilm) -> None:
        """Count one film that is written."""
        self.films[film.split] += 1
        self.lesions.update(lesion.finding for lesion in film.lesions)
        self.doubted.update(f"{lesion.trust.doubt}/{lesion.finding}" for lesion in film.doubted)


DUPLICATE, EMPTY = "resembles samples of two splits", "without a lesion"
#: Such a film would teach that what nobody understood is not there.
INCOMPLETE = "text not understood whole"


def shard_films(
    store: Store, commit: Commit, splits: Mapping[str, Split | None], settings: ExportSettings, tally: Tally
) -> Iterator[LabelledFilm]:
    """Accepted samples of a shard in the order of their keys, counted in ``tally``.

    :raises DatasetError: where tar and rows do not speak of the same samples, or a mask is none.
    """
    table = read_part(store, commit, embedding=False)
    rows = {row["key"]: row for row in table.to_pylist() if row["status"] == "accepted"}
    path = layout.tar_path(commit.shard)
    for key, members in read_samples(store, path) if path in commit.files else ():
        row = rows.pop(key, None)
        if row is None:
            raise DatasetError(f"{path}/{key}: has no accepted row, expected one in {commit.part}")
        check_members(f"{path}/{key}", members)
        split = splits[key]
        if split is None:
            tally.left_out[DUPLICATE] += 1
            continue
        if not teaches(row, settings):
            tally.left_out[INCOMPLETE] += 1
            continue
        trusts = lesion_trusts(row, settings.labels == SEEN)
        film = labelled(row, trusts, members, split, settings)
        if not (settings.empty or film.lesions or film.doubted):
            tally.left_out[EMPTY] += 1
            continue
        tally.add(film)
        yield film
    if rows:
        raise DatasetError(f"{path}: lacks {min(rows)}, expected every accepted sample of {commit.part}")


def check_members(sample: str, members: Mapping[str, bytes]) -> None:
    """Raises DatasetError where pictures are missing of the ``sample``, which is a tar's path and a key."""
    if absent := [name for name in _NEEDED if name not in members]:
        raise DatasetError(f"{sample}.{absent[0]}: is missing, expected in every sample")


def teaches(row: Mapping[str, Any], settings: ExportSettings) -> bool:
    """Whether a sample says of each finding whether it is there, or all labels are to be taken anyway."""
    return settings.labels == ALL or bool(row.get("complete", True))


def labelled(
    row: Mapping[str, Any],
    trusts: Sequence[Trust],
    members: Mapping[str, bytes],
    split: Split,
    settings: ExportSettings,
) -> LabelledFilm:
    """A sample with its lesions, those in doubt apart; ``trusts``: of each instance of its row.

    :raises DatasetError: for a mask that is none.
    """
    lesions = list(_lesions(row, trusts))
    return LabelledFilm(
        row["key"],
        split,
        row,
        members,
        tuple(x for x in lesions if settings.labels == ALL or not x.trust.doubt),
        tuple(x for x in lesions if settings.labels == SEEN and x.trust.doubt),
    )


def _lesions(row: Mapping[str, Any], trusts: Sequence[Trust]) -> Iterator[LabelledLesion]:
    """Those with a pixel: nothing else has a box."""
    for instance, trust in zip(row["instances"], trusts, strict=True):
        try:
            mask = decode_rle(instance["rle"], (row["height"], row["width"]))
        except DatasetError as error:
            raise DatasetError(f"instances of {row['key']}: {error}") from None
        if mask.any():
            yield LabelledLesion(instance["finding"], mask, instance["rle"], trust)
