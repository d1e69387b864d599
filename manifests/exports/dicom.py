"""DICOM: ``SPLIT/KEY/image.dcm``, a digital radiograph, and ``SPLIT/KEY/lesions.dcm``, its segmentation.

A segment is a lesion, so that lesions may overlap; its label names the finding. A film without a lesion has
no segmentation. The format has no place for what is to be ignored.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from manifests.errors import DatasetError
from manifests.exporting.film import LabelledFilm, LabelledLesion
from manifests.exporting.format import Batch, Format, NewFile, Note, Put
from manifests.exporting.pictures import pixels
from manifests.exporting.settings import ExportSettings
from manifests.films.derivation import MAKER, equipment_item
from manifests.films.synthetic import DAY, TIME, encoded, synthetic_radiograph, uid
from synth.findings import FINDINGS


def instances(batch: Batch, put: Put) -> Iterator[Note]:
    """Writes the image of each film, and the segmentation of its lesions; its note counts them.

    :raises DatasetError: where highdicom is not installed.
    """
    highdicom = _highdicom()
    for film in batch.films:
        row = film.row
        image = synthetic_radiograph(
            pixels(film), batch.build_hash, film.key, row["sex"], row["view"], row["edit"] or ""
        )
        put(f"{film.split}/{film.key}/image.dcm", encoded(image))
        if film.lesions:
            masks = _segmentation(highdicom, image, film, batch.build_hash)
            put(f"{film.split}/{film.key}/lesions.dcm", encoded(masks))
        yield {"key": film.key, "split": film.split, "lesions": len(film.lesions)}


def files(notes: Iterable[Note], settings: ExportSettings, content: str) -> Iterator[NewFile]:
    """``splits.csv``: key, split and number of lesions of each film."""
    lines = (f"{note['key']},{note['split']},{note['lesions']}\n".encode() for note in notes)
    yield "splits.csv", _headed(b"key,split,lesions\n", lines)


def _headed(head: bytes, lines: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from lines


def _highdicom() -> Any:
    try:
        import highdicom  # no dependency: it is needed here alone
    except ImportError as error:
        raise DatasetError(
            "format: 'dicom' needs highdicom, expected it installed: pip install highdicom"
        ) from error
    return highdicom


def _segmentation(highdicom: Any, image: Dataset, film: LabelledFilm, build: str) -> Dataset:
    """The segmentation instance of a film's lesions, with the radiograph as its source."""
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=MAKER, version="1", family=codes.DCM.ArtificialIntelligence
    )
    segments = [
        _segment(highdicom, number, lesion, algorithm, (build, film.key))
        for number, lesion in enumerate(film.lesions, start=1)
    ]
    masks = np.stack([lesion.mask for lesion in film.lesions], axis=-1)[None]
    found = highdicom.seg.Segmentation(
        source_images=[image],
        pixel_array=masks.astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=segments,
        series_instance_uid=uid(build, film.key, "segmentations"),
        series_number=2,
        sop_instance_uid=uid(build, film.key, "segmentation"),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions="1",
        device_serial_number="none",
        content_label="LESIONS",
        content_description="Lesions that were drawn",
        omit_empty_frames=False,
    )
    found.SyntheticData, found.PatientOrientation = image.SyntheticData, image.PatientOrientation
    found.ContributingEquipmentSequence = [equipment_item()]
    found.SeriesDescription = f"SYNTHETIC: lesions by {MAKER}"
    found.ContentDate = found.SeriesDate = found.InstanceCreationDate = DAY  # the same bytes each time
    found.ContentTime = found.SeriesTime = found.InstanceCreationTime = TIME
    for item in (*found.DimensionOrganizationSequence, *found.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid(build, film.key, "dimensions")
    return found


def _segment(
    highdicom: Any, number: int, lesion: LabelledLesion, algorithm: Any, names: tuple[str, str]
) -> Any:
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=FINDINGS[lesion.finding].title,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=uid(*names, f"lesion {number}"),
        tracking_id=f"{lesion.finding} {number}",
    )


EXPORT = Format("dicom", instances, files)
