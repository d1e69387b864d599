"""The films of one committed shard, with their labels held against the manifest's rows."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from manifests import layout
from manifests.annotations import decode_rle
from manifests.commits import Commit
from manifests.errors import DatasetError
from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.settings import ALL, SEEN, ExportSettings
from manifests.exporting.splits import Split
from manifests.exporting.trust import lesion_trusts
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
    rows = {
        row["key"]: row
        for row in read_part(store, commit, embedding=False).to_pylist()
        if row["status"] == "accepted"
    }
    path = layout.tar_path(commit.shard)
    for key, members in read_samples(store, path) if path in commit.files else ():
        row = rows.pop(key, None)
        if row is None:
            raise DatasetError(f"{path}/{key}: has no accepted row, expected one in {commit.part}")
        if absent := [name for name in _NEEDED if name not in members]:
            raise DatasetError(f"{path}/{key}.{absent[0]}: is missing, expected in every sample")
        split = splits[key]
        if split is None:
            tally.left_out[DUPLICATE] += 1
            continue
        if settings.labels == SEEN and not row.get("complete", True):
            tally.left_out[INCOMPLETE] += 1
            continue
        film = _labelled(row, members, split, settings)
        if not (settings.empty or film.lesions or film.doubted):
            tally.left_out[EMPTY] += 1
            continue
        tally.add(film)
        yield film
    if rows:
        raise DatasetError(f"{path}: lacks {min(rows)}, expected every accepted sample of {commit.part}")


def _labelled(
    row: Mapping[str, Any], members: Mapping[str, bytes], split: Split, settings: ExportSettings
) -> LabelledFilm:
    lesions = list(_lesions(row, settings))
    return LabelledFilm(
        row["key"],
        split,
        row,
        members,
        tuple(x for x in lesions if settings.labels == ALL or not x.trust.doubt),
        tuple(x for x in lesions if settings.labels == SEEN and x.trust.doubt),
    )


def _lesions(row: Mapping[str, Any], settings: ExportSettings) -> Iterator[LabelledLesion]:
    """Those with a pixel: nothing else has a box."""
    trusts = lesion_trusts(row, settings.labels == SEEN)
    for instance, trust in zip(row["instances"], trusts, strict=True):
        try:
            mask = decode_rle(instance["rle"], (row["height"], row["width"]))
        except DatasetError as error:
            raise DatasetError(f"instances of {row['key']}: {error}") from None
        if mask.any():
            yield LabelledLesion(instance["finding"], mask, instance["rle"], trust)
