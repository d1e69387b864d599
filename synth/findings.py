"""The vocabulary: the 13 findings of ChestX-Det and the anatomy that they lie in.

Sources: ChestX-Det (Lian et al., 2021) for the findings; torchxrayvision (Cohen et al., 2022) for
the 18 pathology labels that they are mapped to where the two agree.
"""

from dataclasses import dataclass
from typing import Literal

Side = Literal["right", "left", "bilateral"]
Zone = Literal["upper", "mid", "lower"]
Severity = Literal["mild", "moderate", "severe"]
View = Literal["PA", "AP"]
Sex = Literal["F", "M"]
Region = Literal["lungs", "pleura", "heart", "bones"]

#: Anatomical structures, in the order of every mask stack. Sides are the patient's: the right lung
#: lies on the left of the image. Lungs stop at the heart border and the diaphragm.
ANATOMY = ("right_lung", "left_lung", "heart", "right_clavicle", "left_clavicle")


@dataclass(frozen=True)
class Finding:
    """One finding: its name, where it can lie, and what others call it."""

    name: str
    region: Region
    synonyms: tuple[str, ...]
    xrv: str | None = None  # torchxrayvision's label, None where none means the same
    lateral: bool = True  # can be on one side

    @property
    def title(self) -> str:
        """The name as words, e.g. ``pleural thickening``."""
        return self.name.replace("_", " ")


_ALL = (
    Finding(
        "atelectasis",
        "lungs",
        ("subsegmental atelectasis", "volume loss", "lung collapse", "collapse"),
        "Atelectasis",
    ),
    Finding("calcification", "lungs", ("calcified granuloma", "calcified lesion")),
    Finding(
        "cardiomegaly",
        "heart",
        ("enlarged heart", "cardiac enlargement", "enlarged cardiac silhouette"),
        "Cardiomegaly",
        False,
    ),
    Finding(
        "consolidation",
        "lungs",
        ("airspace opacity", "airspace disease", "infiltrate"),
        "Consolidation",
    ),
    Finding("diffuse_nodule", "lungs", ("diffuse nodules", "multiple nodules", "miliary nodules")),
    Finding("effusion", "pleura", ("pleural effusion", "pleural fluid"), "Effusion"),
    # hyperinflation only suggests it: the parser reports that as uncertain
    Finding("emphysema", "lungs", ("emphysematous change", "bullous change"), "Emphysema"),
    Finding("fibrosis", "lungs", ("fibrotic change", "interstitial fibrosis", "scarring"), "Fibrosis"),
    Finding("fracture", "bones", ("rib fracture", "fractured rib"), "Fracture"),
    Finding("mass", "lungs", ("lung mass", "mass lesion"), "Mass"),
    Finding("nodule", "lungs", ("lung nodule", "pulmonary nodule", "nodular opacity"), "Nodule"),
    Finding(
        "pleural_thickening",
        "pleura",
        ("thickened pleura", "pleural scarring"),
        "Pleural_Thickening",
    ),
    Finding("pneumothorax", "pleura", ("pleural air",), "Pneumothorax"),
)

#: Name to finding, in the order of every lesion channel and every table.
FINDINGS: dict[str, Finding] = {f.name: f for f in _ALL}
FINDING_NAMES = tuple(FINDINGS)

#: Findings that are opacities of the airspace or of the pleural space: what real labels call an opacity.
OPACITIES = ("atelectasis", "consolidation", "diffuse_nodule", "effusion", "fibrosis", "mass")
