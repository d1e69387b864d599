"""The formats that every dataset is finalised with; a new one is a file and a line here."""

from manifests.exports import coco
from manifests.exports.export import Export

EXPORTS: tuple[Export, ...] = (coco.EXPORT,)
