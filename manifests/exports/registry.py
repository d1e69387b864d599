"""The formats that there are; a new one is a file and a line here."""

from manifests.errors import DatasetError
from manifests.exporting.format import Format
from manifests.exports import coco, coco_json, dicom, hf, monai, nnunet, yolo
from manifests.exports.export import Export

#: Files that every dataset is finalised with.
EXPORTS: tuple[Export, ...] = (coco_json.EXPORT,)

#: Folders that are made of a build when they are asked for.
_FOLDERS = (coco.EXPORT, yolo.EXPORT, hf.EXPORT, monai.EXPORT, nnunet.EXPORT, dicom.EXPORT)
FORMATS: dict[str, Format] = {form.name: form for form in _FOLDERS}


def find_format(name: str) -> Format:
    """The format of that name. Raises DatasetError for another."""
    if name not in FORMATS:
        raise DatasetError(f"format: {name[:80]!r}, expected one of {', '.join(FORMATS)}")
    return FORMATS[name]
