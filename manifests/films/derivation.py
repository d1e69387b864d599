"""What a DICOM header says of an image that was made from another one (PS3.3 C.7.6.1 and C.12)."""

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGExtended12Bit, generate_uid

MAKER = "synthorax"

#: Shown in every viewer's list of series: not all know the tag Synthetic Data yet.
SERIES_DESCRIPTION = "SYNTHETIC: edited by synthorax"

#: Fixed, so that a newer pydicom does not change the bytes.
_IMPLEMENTATION = generate_uid(entropy_srcs=[MAKER])

#: True of the source's pixels or bytes only. Earlier steps are in the source, which is referenced; the
#: time of writing is left out because a rebuild must be byte-identical.
_DROPPED = (
    "DataSetTrailingPadding",
    "DerivationCodeSequence",
    "DigitalSignaturesSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "IconImageSequence",
    "InstanceCreationDate",
    "InstanceCreationTime",
    "LargestImagePixelValue",
    "MACParametersSequence",
    "SmallestImagePixelValue",
)

#: Limit of the representation ST (PS3.5 6.2).
_LONGEST_DESCRIPTION = 1024


def derive(header: FileDataset, digest: str, description: str) -> None:
    """Turn a source's header, in place, into that of an image derived from it.

    ``digest``: hash of the edited pixels; ``description``: what was done (other signs than ASCII become
    ``?``, because the source's character set may lack them).

    - General Image (C.7.6.1.1.2): Image Type DERIVED\\SECONDARY, further values kept.
    - General Reference (C.12.4): Derivation Description; Source Image Sequence with the source.
    - SOP Common (C.12.1): Synthetic Data (0008,001C) YES; Contributing Equipment Sequence with the purpose
      Synthesizing Equipment, added to what the source has.
    - New SOP Instance and Series Instance UIDs, repeatable from the source's and, for the instance,
      ``digest`` and ``description``: all edits of one series make one new series of the same study.
    """
    source_class, source_uid = header.SOPClassUID, header.SOPInstanceUID
    was_lossy = header.file_meta.TransferSyntaxUID in (JPEGBaseline8Bit, JPEGExtended12Bit)
    for name in _DROPPED:
        if name in header:
            delattr(header, name)
    text = f"Synthetic: edited by {MAKER}. {description}".encode("ascii", "replace").decode()
    header.ImageType = ["DERIVED", "SECONDARY", *_image_type(header)[2:]]
    header.DerivationDescription = " ".join(text.split())[:_LONGEST_DESCRIPTION]
    header.SourceImageSequence = [_source_item(source_class, source_uid)]
    header.SyntheticData = "YES"
    equipment = list(header.get("ContributingEquipmentSequence") or [])
    header.ContributingEquipmentSequence = [*equipment, equipment_item()]
    header.SeriesDescription = SERIES_DESCRIPTION
    if was_lossy:
        header.LossyImageCompression = "01"  # C.7.6.1.1.5: once lossy, always said
    series = str(header.get("SeriesInstanceUID") or source_uid)
    header.SeriesInstanceUID = generate_uid(entropy_srcs=[series, MAKER, "series"])
    header.SOPInstanceUID = generate_uid(entropy_srcs=[str(source_uid), digest, description])
    header.preamble = b"\0" * 128
    header.file_meta = file_meta(header)


def _image_type(header: Dataset) -> list[str]:
    value = header.get("ImageType") or []
    return [value] if isinstance(value, str) else list(value)


def _source_item(sop_class: str, sop_instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
    item.PurposeOfReferenceCodeSequence = [coded(codes.DCM.SourceImageForImageProcessingOperation)]
    return item


def equipment_item() -> Dataset:
    """The item of Contributing Equipment Sequence that says what synthesised the pixels."""
    item = Dataset()
    item.Manufacturer = MAKER
    item.PurposeOfReferenceCodeSequence = [coded(codes.DCM.SynthesizingEquipment)]
    return item


def coded(code: Code) -> Dataset:
    """The item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def file_meta(header: Dataset) -> FileMetaDataset:
    """The file meta information of an instance that is written here."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = header.SOPClassUID
    meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = MAKER.upper()
    return meta
