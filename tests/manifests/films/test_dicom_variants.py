"""One film in many DICOM files: however its greys are stored, it is read as it is, or refused in one line.

What each file shows is worked out here from PS3.3 alone, value by value, and its pixels are chosen so that
this is the film.
"""

from itertools import product

import numpy as np
import pytest
from drawn_files import write_dicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    EnhancedXAImageStorage,
    SecondaryCaptureImageStorage,
    XRayRadiofluoroscopicImageStorage,
)
from scipy import ndimage

from manifests.errors import DatasetError
from manifests.films.files import read_original, restore, working_image, write_edited
from manifests.films.views import check_frontal

SIZE, TOP = 96, 4095
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")
MODALITY = ("none", "slope 2", "slope -1", "table up", "table down")
VOI = (
    "none",
    "LINEAR",
    "LINEAR_EXACT",
    "SIGMOID",
    "table up",
    "table down",
    "table of bytes",
    "table 8",
    "both",
)
VARIANTS = list(product(PHOTOMETRIC, MODALITY, VOI))


def true_film():
    """(96, 96) in [0, 1]: a bright chest with two dark lungs, whose negative is far from it."""
    grey = np.full((SIZE, SIZE), 0.8)
    grey[20:75, 15:40] = grey[20:75, 56:81] = 0.25
    grey[45:70, 40:60] = 0.95
    grey[:, :6] = grey[:, -6:] = 0.02
    texture = np.random.default_rng(0).normal(0, 0.03, grey.shape)
    return np.clip(ndimage.gaussian_filter(grey, 2) + texture, 0, 1)


def table(entries, first, depth=16, as_bytes=False):
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 65536, first, depth])
    if as_bytes:
        item.add_new("LUTData", "OW", np.asarray(entries).astype("<u2").tobytes())
    else:
        item.add_new("LUTData", "US", [int(v) for v in entries])
    return [item]


def modality(kind, levels):
    """What Modality LUT makes of stored values, and the tags that say so."""
    if kind == "none":
        return levels, {}
    if kind.startswith("slope"):
        slope = int(kind.split()[1])
        return levels * slope + 100, {"RescaleSlope": slope, "RescaleIntercept": 100}
    share = (levels - levels[0]) / TOP
    entries = np.rint(500 + 20000 * (share if kind == "table up" else 1 - share) ** 1.2).astype(int)
    return entries, {"ModalityLUTSequence": table(entries, int(levels[0]))}


def voi(kind, modal):
    """What VOI LUT makes of those, in [0, 1], and the tags."""
    low, high = int(modal.min()), int(modal.max())
    centre, width = (low + high) / 2, (high - low) * 0.9
    window = {"WindowCenter": [centre, 1], "WindowWidth": [width, 1], "VOILUTFunction": kind}
    if kind == "none":
        return (modal - low) / (high - low), {}
    if kind == "LINEAR":
        return np.clip((modal - (centre - 0.5)) / (width - 1) + 0.5, 0, 1), window
    if kind == "LINEAR_EXACT":
        return np.clip((modal - centre) / width + 0.5, 0, 1), window
    if kind == "SIGMOID":
        window["WindowWidth"] = [width / 1.5, 1]
        return 1 / (1 + np.exp(-4 * (modal - centre) / (width / 1.5))), window
    share = np.arange(high - low + 1) / (high - low)
    share = 1 - share if kind == "table down" else share
    top = 255 if kind == "table 8" else 4095
    entries = np.rint(share**0.8 * top).astype(int)
    tags = {"VOILUTSequence": table(entries, low, 8 if top == 255 else 12, kind == "table of bytes")}
    if kind == "both":
        tags |= {"WindowCenter": centre, "WindowWidth": 10}
    return entries[modal - low] / top, tags


def write_variant(path, photometric, modal_kind, voi_kind, film):
    """The film as a file; what is free to be chosen goes round with the variant."""
    turn = VARIANTS.index((photometric, modal_kind, voi_kind))
    least = -2048 if turn % 3 == 0 else 0
    levels = np.arange(least, least + TOP + 1)
    modal, tags = modality(modal_kind, levels)
    shown, more = voi(voi_kind, modal)
    shown = 1 - shown if photometric == "MONOCHROME1" else shown
    order = np.argsort(shown, kind="stable")
    stored = levels[order][np.searchsorted(shown[order], film).clip(0, TOP)]
    tags |= more | {"PhotometricInterpretation": photometric, "ViewPosition": "PA"}
    if turn % 2:
        tags["PresentationLUTShape"] = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
        tags |= {"SOPClassUID": DigitalXRayImageStorageForPresentation, "Modality": "DX"}
        tags["PresentationIntentType"] = "FOR PRESENTATION"
    return write_dicom(path, stored.astype("<i2" if least else "<u2"), 12, **tags)


def likeness(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize(("photometric", "modal", "kind"), VARIANTS)
def test_each_is_read_as_the_film_and_edited_as_it(tmp_path, photometric, modal, kind):
    film = true_film()
    path = write_variant(tmp_path / "a.dcm", photometric, modal, kind, film)
    original = read_original(path)
    check_frontal(original)
    view = working_image(original, SIZE)
    assert likeness(view, film) >= 0.98
    mask = np.zeros((SIZE, SIZE), bool)
    mask[30:50, 20:34] = True
    wanted = np.clip(view + 0.3 * mask, 0, 1).astype(np.float32)
    pixels = restore(original, wanted, mask)
    write_edited(original, pixels, tmp_path / "b.dcm", "something added")
    again = read_original(tmp_path / "b.dcm")
    assert np.array_equal(again.pixels, pixels)
    seen = working_image(again, SIZE)
    assert likeness(seen, wanted) >= 0.98
    assert np.abs(seen - wanted)[35:45, 24:30].mean() < 0.03, "the change is as large as it was meant"
    outside = np.ones_like(mask)
    outside[26:54, 16:38] = False
    assert np.array_equal(again.pixels[outside], original.pixels[outside])


@pytest.mark.parametrize("photometric", PHOTOMETRIC)
def test_a_sigmoid_window_is_shown_as_the_standards_curve(tmp_path, photometric):
    film = true_film().clip(0.1, 0.9)
    path = write_variant(tmp_path / "a.dcm", photometric, "none", "SIGMOID", film)
    assert np.abs(working_image(read_original(path), SIZE) - film).mean() < 0.005


def wave():
    return table(np.rint(2000 + 2000 * np.sin(np.linspace(0, 12, 4096))), 0)


def short_table():
    (item,) = table(range(3), 0)
    item.LUTDescriptor = [4096, 0, 16]
    return [item]


REFUSED = {
    "shape against MONOCHROME2": (
        {"PresentationLUTShape": "INVERSE"},
        "INVERSE with MONOCHROME2, expected IDENTITY",
    ),
    "shape against MONOCHROME1": (
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"},
        "IDENTITY with MONOCHROME1, expected INVERSE",
    ),
    "shape of film": ({"PresentationLUTShape": "LIN OD"}, "LIN OD with MONOCHROME2, expected IDENTITY"),
    "presentation table": ({"PresentationLUTSequence": wave()}, "has a PresentationLUTSequence"),
    "raw by intent": ({"PresentationIntentType": "FOR PROCESSING"}, "is FOR PROCESSING, expected FOR PRES"),
    "raw by class": (
        {"SOPClassUID": DigitalXRayImageStorageForProcessing},
        "For Processing, expected for pres",
    ),
    "table without direction": ({"VOILUTSequence": wave()}, "rise and fall, expected one direction"),
    "modality without direction": ({"ModalityLUTSequence": wave()}, "rise and fall, expected one direction"),
    "table of one grey": ({"VOILUTSequence": table([7] * 4096, 0)}, "shows a film of one grey"),
    "black and white table": (
        {"VOILUTSequence": table([0] * 2000 + [9] * 2096, 0)},
        "shows a film of one grey",
    ),
    "short table": ({"VOILUTSequence": short_table()}, "has 3 entries of 16 bits, expected 4096"),
    "unknown window": ({"VOILUTFunction": "CUBIC"}, "VOILUTFunction is CUBIC, expected LINEAR"),
    "no slope": ({"RescaleSlope": 0, "RescaleIntercept": 0}, "RescaleSlope is 0, expected a number other"),
    "CT": ({"SOPClassUID": CTImageStorage}, "SOPClassUID is CT Image Storage, expected computed"),
    "tomosynthesis": (
        {"SOPClassUID": BreastTomosynthesisImageStorage},
        "is Breast Tomosynthesis Image Storage",
    ),
    "Enhanced XA": ({"SOPClassUID": EnhancedXAImageStorage}, "is Enhanced XA Image Storage, expected"),
    "fluoroscopy": ({"SOPClassUID": XRayRadiofluoroscopicImageStorage}, "is X-Ray Radiofluoroscopic Image"),
    "captured CT": (
        {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "CT"},
        "Modality is CT, expected",
    ),
    "hand": ({"BodyPartExamined": "HAND"}, "BodyPartExamined is HAND, expected CHEST"),
    "spine": ({"BodyPartExamined": "TSPINE"}, "BodyPartExamined is TSPINE, expected CHEST"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_film_or_leaves_open_how_it_is_shown_is_refused(tmp_path, name):
    tags, message = REFUSED[name]
    stored = np.rint(true_film() * TOP).astype("<u2")
    path = write_dicom(tmp_path / "a.dcm", stored, 12, **tags)
    with pytest.raises(DatasetError, match=message) as told:
        read_original(path)
    assert str(told.value).startswith(f"{path}: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("window", [(1, 0), (0, 1), (1, 1), (4095, 2), (90000, 10), (2048, -5)])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_that_shows_next_to_nothing_is_not_taken(tmp_path, window, function):
    film = true_film()
    tags = {"WindowCenter": window[0], "WindowWidth": window[1], "VOILUTFunction": function}
    path = write_dicom(tmp_path / "a.dcm", np.rint(film * TOP).astype("<u2"), 12, **tags)
    assert likeness(working_image(read_original(path), SIZE), film) >= 0.98


def test_padding_of_a_range_does_not_decide_how_bright_the_chest_is(tmp_path):
    stored = np.rint(true_film() * 1000).astype("<u2")
    stored[:, :20] = np.arange(4000, 4020)
    tags = {"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 3900}
    assert read_original(write_dicom(tmp_path / "a.dcm", stored, 12, **tags)).window[1] < 1100
