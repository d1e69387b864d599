"""A sample's radiograph as a new DICOM instance: a digital X-ray image for presentation (PS3.3 A.26)."""

import io
from datetime import date

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset
from pydicom.sr.codedict import codes
from pydicom.uid import DigitalXRayImageStorageForPresentation, generate_uid

from manifests.films.derivation import MAKER, coded, equipment_item, file_meta
from manifests.marks import COMPOSITE, REAL, SYNTHETIC, Source, source_of

#: Of every instance: nothing was ever acquired, and a rebuild has to give the same bytes.
DAY, TIME = date(2000, 1, 1).strftime("%Y%m%d"), "000000"

#: Millimetres between pixels of a film of 35 cm: the true size of a body that nobody has is unknown.
FILM = 350.0

#: Patient, and how the series' description begins: shown in every viewer's lists.
_NAMES: dict[Source, tuple[str, str]] = {
    SYNTHETIC: ("Synthetic", f"SYNTHETIC: made by {MAKER}"),
    COMPOSITE: ("Anonymous", f"SYNTHETIC: edited by {MAKER}"),
    REAL: ("Anonymous", f"REAL: framed by {MAKER}"),
}

_VIEWS = {"PA": codes.SCT.PosteroAnterior, "AP": codes.SCT.AnteroPosterior}


def synthetic_radiograph(
    pixels: np.ndarray,
    build: str,
    key: str,
    sex: str | None = None,
    view: str | None = None,
    edit: str = "",
) -> FileDataset:
    """The instance of (H, W) uint8 ``pixels``, brighter is denser; ``build`` is the hash of its build.

    Its identifiers follow from ``build`` and ``key``. ``sex`` is F or M, ``view`` PA or AP. ``edit`` as of
    its case: a real radiograph is not called synthetic.
    """
    header = FileDataset("", Dataset(), preamble=b"\0" * 128)
    source = source_of(edit)
    _describe_patient(header, build, key, sex, source)
    _describe_series(header, build, key, view)
    _describe_source(header, build, key, source)
    _describe_pixels(header, pixels)
    header.file_meta = file_meta(header)
    return header


def encoded(header: Dataset) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    dcmwrite(out, header, enforce_file_format=True)
    return out.getvalue()


def uid(*names: str) -> str:
    """An identifier that is the same for the same names."""
    return str(generate_uid(entropy_srcs=[MAKER, *names]))


def _describe_patient(header: Dataset, build: str, key: str, sex: str | None, source: Source) -> None:
    name = _NAMES[source][0]
    header.PatientName, header.PatientID = f"{name}^{key}", f"{name.lower()}-{build[:12]}-{key}"
    header.PatientBirthDate, header.PatientSex = "", sex or ""
    header.StudyInstanceUID = uid(build, key, "study")
    header.StudyDate, header.StudyTime = DAY, TIME
    header.StudyID, header.AccessionNumber, header.ReferringPhysicianName = key, "", ""


def _describe_series(header: Dataset, build: str, key: str, view: str | None) -> None:
    header.SOPClassUID = DigitalXRayImageStorageForPresentation
    header.SOPInstanceUID = uid(build, key, "image")
    header.Modality, header.PresentationIntentType = "DX", "FOR PRESENTATION"
    header.SeriesInstanceUID, header.SeriesNumber = uid(build, key, "series"), 1
    header.Manufacturer, header.InstanceNumber = MAKER, 1
    header.ContentDate = header.AcquisitionDate = DAY
    header.ContentTime = header.AcquisitionTime = TIME
    header.ViewPosition, header.BodyPartExamined, header.PositionerType = view or "", "CHEST", ""
    if view is not None:
        header.ViewCodeSequence = [coded(_VIEWS[view])]
    header.PatientOrientation = ["L", "F"]
    header.ImageLaterality, header.AcquisitionContextSequence = "U", []
    header.AnatomicRegionSequence = [coded(codes.SCT.Chest)]
    header.ImageType = ["DERIVED", "PRIMARY", ""]
    header.DetectorType = ""


def _describe_source(header: Dataset, build: str, key: str, source: Source) -> None:
    header.SyntheticData = "NO" if source is REAL else "YES"
    if source is not REAL:
        header.ContributingEquipmentSequence = [equipment_item()]
    header.SeriesDescription = _NAMES[source][1]
    header.DerivationDescription = f"{source.words} {MAKER}, build {build}, sample {key}."


def _describe_pixels(header: Dataset, pixels: np.ndarray) -> None:
    header.Rows, header.Columns = pixels.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 8, 8, 7, 0
    header.PixelIntensityRelationship, header.PixelIntensityRelationshipSign = "LOG", -1
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = "0", "1", "US"
    header.PresentationLUTShape = "IDENTITY"
    header.WindowCenter, header.WindowWidth = "128", "256"
    header.ImagerPixelSpacing = [round(FILM / max(pixels.shape), 6)] * 2
    header.LossyImageCompression, header.BurnedInAnnotation = "00", "NO"
    raw = np.ascontiguousarray(pixels).tobytes()
    header.PixelData = raw + b"\0" * (len(raw) % 2)
    header["PixelData"].VR = "OW"
