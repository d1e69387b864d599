"""Map-style datasets for torch's ``DataLoader``, over one build or several: one for each task."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Unpack

from manifests.exporting.film import LabelledFilm
from manifests.loaders import tensors
from manifests.loaders.choice import Choice, Options
from manifests.loaders.films import Builds, Films
from manifests.selection import Acceptance


class FilmDataset:
    """What all tasks share: ``dataset[place]`` is one sample, read from the tar that it lies in.

    ``builds``: a path or fsspec URL, or several. ``transform`` gets a sample and returns what is given in its
    place. Further keywords: the fields of :class:`manifests.loaders.choice.Choice`.

    :raises DatasetError: one line, for keywords and builds that cannot be used, and where no sample fits.
    """

    def __init__(
        self, builds: Builds, *, transform: Callable[..., Any] | None = None, **options: Unpack[Options]
    ) -> None:
        self.films = Films(builds, Choice(**options))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, place: int) -> Any:
        sample = self._sample(self.films[place], self.films.name(place)._asdict())
        return sample if self.transform is None else self._transformed(sample, self.transform)

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    @property
    def seldom(self) -> dict[str, dict[str, Acceptance]]:
        """Findings that are not to be trusted at this size: by finding and by the hash of each build that
        seldom accepted it, how many candidates were judged and accepted. Their lesions are labels all the
        same (docs/dataset-format.md, "Seldom accepted")."""
        return self.films.seldom

    def row(self, place: int) -> dict[str, Any]:
        """What the manifest says of a sample: prompt, findings asked for, age, sex, view, instances."""
        return self.films.row(place)

    @staticmethod
    def collate(samples: Sequence[Any]) -> Any:
        """A batch of samples; ``DataLoader``'s own way unless the task wants another."""
        from torch.utils.data import default_collate

        return default_collate(list(samples))

    def _sample(self, film: LabelledFilm, name: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _transformed(self, sample: Any, transform: Callable[..., Any]) -> Any:
        return transform(sample)


class SegmentationDataset(FilmDataset):
    """Samples are dicts: ``image`` (1, H, W) float32, 0 to 1; ``mask`` and ``ignore`` (13, H, W) uint8, 1
    where a finding is, and where nobody knows; ``key``, ``build`` and ``image_id``. With ``anatomy`` masks
    have 18 channels."""

    def __init__(self, builds: Builds, *, anatomy: bool = False, **keywords: Any) -> None:
        super().__init__(builds, **keywords)
        self.anatomy = anatomy

    def _sample(self, film: LabelledFilm, name: dict[str, Any]) -> dict[str, Any]:
        return {**tensors.segmentation(film, self.anatomy), **name}


class DetectionDataset(FilmDataset):
    """Samples are pairs as torchvision's detectors take them: image (1, H, W) float32, 0 to 1, and target, a
    dict of ``boxes``, ``labels``, ``masks``, ``area``, ``iscrowd``, ``ignore_boxes``, ``ignore_labels``
    (:func:`manifests.loaders.tensors.detection`), ``key``, ``build`` and ``image_id``. ``transform`` gets
    both."""

    @staticmethod
    def collate(samples: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """List of images and list of targets: films have different numbers of lesions."""
        return [image for image, _ in samples], [target for _, target in samples]

    def _sample(self, film: LabelledFilm, name: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        image, target = tensors.detection(film)
        return image, {**target, **name}

    def _transformed(self, sample: Any, transform: Callable[..., Any]) -> Any:
        return transform(*sample)


class ClassificationDataset(FilmDataset):
    """Samples are dicts: ``image`` (1, H, W) float32, 0 to 1; ``labels`` and ``known`` (13,) float32, 1 where
    a finding is there, and where anybody knows; ``key``, ``build`` and ``image_id``."""

    def _sample(self, film: LabelledFilm, name: dict[str, Any]) -> dict[str, Any]:
        return {**tensors.classification(film), **name}
