"""Which DICOM headers are taken for frontal films of a chest, and which are refused by what tag."""

import numpy as np
import pytest
from drawn_files import gradient, write_dicom
from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from manifests.errors import DatasetError
from manifests.films.files import read_original
from manifests.films.views import check_frontal, view_of


def code(value, scheme, meaning, modifier=None):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    if modifier is not None:
        item.ViewModifierCodeSequence = modifier
    return [item]


def read(tmp_path, **tags):
    return read_original(write_dicom(tmp_path / "a.dcm", gradient(70, 70, 12), 12, **tags))


# Values of Open-i's and PadChest's headers among them.
FRONTAL = [
    ({"ViewPosition": "PA"}, "PA"),
    ({"ViewPosition": "AP "}, "AP"),
    ({"ViewPosition": "POSTEROANTERIOR"}, "PA"),
    ({"ViewPosition": "ANTEROPOSTERIOR"}, "AP"),
    ({"ViewPosition": "AP_SUPINE"}, "AP"),
    ({"ViewPosition": "PORTABLE AP"}, "AP"),
    ({"ViewPosition": "GENERICA"}, None),
    ({"ViewPosition": "", "PatientOrientation": ["L", "F"]}, None),
    ({"BodyPartExamined": "NON GRID CHEST"}, None),
    ({"BodyPartExamined": "PORTABLE CHEST"}, None),
    ({"BodyPartExamined": "THORAX"}, None),
    ({"BodyPartExamined": ""}, None),
    ({"Modality": "DX"}, None),
    ({"AnatomicRegionSequence": code("T-D3000", "SNM3", "Chest")}, None),
    ({"AnatomicRegionSequence": code("816094009", "SCT", "Brustkorb")}, None),
    ({"ViewCodeSequence": code("272479007", "SCT", "postero-anterior")}, "PA"),
    ({"ViewCodeSequence": code("R-10214", "SNM3", "postero-anterior", code("", "SNM3", ""))}, "PA"),
    ({"ViewCodeSequence": code("399348003", "SCT", "anteroposterior, Aufnahme im Liegen")}, "AP"),
    ({"ViewPosition": "PA", "SeriesDescription": "CHEST PA AND LATERAL"}, "PA"),
    ({"SeriesDescription": "Chest frontal/lateral"}, None),
    ({"SeriesDescription": "Flat panel"}, None),
]


@pytest.mark.parametrize(("tags", "view"), FRONTAL)
def test_a_frontal_film_of_a_chest_is_taken(tmp_path, tags, view):
    original = read(tmp_path, **tags)
    check_frontal(original)
    assert view_of(original.header) == view


OTHERS = [
    ({"ViewPosition": "LL"}, "ViewPosition is LL, expected PA or AP"),
    ({"ViewPosition": "LAT"}, "ViewPosition is LAT, expected PA or AP"),
    ({"ViewPosition": "lateral"}, "ViewPosition is LATERAL, expected PA or AP"),
    ({"ViewPosition": "LARGE LATERAL"}, "ViewPosition is LARGE LATERAL"),
    ({"ViewPosition": "XTABLE LATERAL"}, "ViewPosition is XTABLE LATERAL"),
    ({"ViewPosition": "X-TABLE LAT"}, "ViewPosition is X TABLE LAT"),
    ({"ViewPosition": "L LAT"}, "ViewPosition is L LAT"),
    ({"ViewPosition": "OBLICUA"}, "ViewPosition is OBLICUA"),
    ({"ViewPosition": "LLD"}, "ViewPosition is LLD"),
    ({"ViewPosition": "RT DECUB"}, "ViewPosition is RT DECUB"),
    ({"ViewPosition": "AP DECUBITUS"}, "ViewPosition is AP DECUBITUS"),
    ({"ViewPosition": "PA OBLIQUE"}, "ViewPosition is PA OBLIQUE"),
    ({"ViewPosition": "AP LORDOTIC"}, "ViewPosition is AP LORDOTIC"),
    ({"ViewPosition": "RAO"}, "ViewPosition is RAO"),
    ({"ViewCodeSequence": code("399173006", "SCT", "left lateral")}, "ViewCodeSequence is LEFT LATERAL"),
    ({"ViewCodeSequence": code("399173006", "SCT", "PA")}, "ViewCodeSequence is LEFT LATERAL"),
    ({"ViewCodeSequence": code("R-10236", "SNM3", "")}, "ViewCodeSequence is LEFT LATERAL"),
    ({"ViewCodeSequence": code("272479007", "SCT", "left lateral")}, "ViewCodeSequence is LEFT LATERAL"),
    ({"ViewCodeSequence": code("X1", "99LOCAL", "decubitus")}, "ViewCodeSequence is DECUBITUS"),
    (
        {"ViewPosition": "AP", "ViewCodeSequence": code("260499007", "SCT", "")},
        "ViewCodeSequence is OCCLUSAL PROJECTION",
    ),
    (
        {"ViewCodeSequence": code("399348003", "SCT", "AP", code("111069", "DCM", "Crosstable"))},
        "ViewModifierCodeSequence is CROSSTABLE",
    ),
    ({"PatientOrientation": ["A", "F"]}, r"PatientOrientation is A\\F, expected L\\F"),
    ({"PatientOrientation": ["P", "F"], "ViewPosition": "PA"}, r"PatientOrientation is P\\F"),
    (
        {"PatientOrientation": ["R", "F"], "ViewPosition": "PA"},
        r"PatientOrientation is R\\F, .*right on the left",
    ),
    ({"PatientOrientation": ["L", "H"]}, r"PatientOrientation is L\\H"),
    ({"SeriesDescription": "Chest LAT"}, "SeriesDescription is CHEST LAT, expected a frontal view"),
    ({"ImageType": ["ORIGINAL", "PRIMARY", "LATERAL"]}, "ImageType is ORIGINAL PRIMARY LATERAL"),
    ({"ProtocolName": "thorax_lateral"}, "ProtocolName is THORAX LATERAL"),
]


@pytest.mark.parametrize(("tags", "message"), OTHERS)
def test_another_view_is_told_by_its_tag(tmp_path, tags, message):
    original = read(tmp_path, **tags)
    with pytest.raises(DatasetError, match=message) as told:
        check_frontal(original)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(f"{original.path}: ")


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"BodyPartExamined": "EXTREMETY"}, "BodyPartExamined is EXTREMETY, expected CHEST"),
        ({"BodyPartExamined": "ABDOMEN"}, "BodyPartExamined is ABDOMEN, expected CHEST"),
        ({"BodyPartExamined": "BREAST"}, "BodyPartExamined is BREAST"),
        ({"AnatomicRegionSequence": code("85562004", "SCT", "")}, "AnatomicRegionSequence is HAND"),
        ({"AnatomicRegionSequence": code("85562004", "SCT", "Chest")}, "AnatomicRegionSequence is HAND"),
        ({"AnatomicRegionSequence": code("Y9", "99X", "Thoracic spine")}, "is THORACIC SPINE"),
        ({"Modality": "MG"}, "Modality is MG, expected CR, DX"),
        ({"SOPClassUID": MediaStorageDirectoryStorage}, "is a DICOMDIR, an index without pixels"),
        ({"SOPClassUID": "1.2.3.4"}, "SOPClassUID is 1.2.3.4, expected computed"),
    ],
)
def test_another_part_or_kind_is_told_by_its_tag(tmp_path, tags, message):
    with pytest.raises(DatasetError, match=message) as told:
        read(tmp_path, **tags)
    assert "\n" not in str(told.value)


def test_other_files_have_no_header_that_could_say_so(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((70, 70), np.uint8)).save(tmp_path / "a.png")
    check_frontal(read_original(tmp_path / "a.png"))
