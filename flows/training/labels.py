"""What networks are taught of a real film: targets, and how far each is believed."""

from typing import Final

import numpy as np

from flows.material.films import RSNA_BOX, RealFilms
from synth.findings import FINDING_NAMES

OPACITY: Final = "opacity"
#: What a network says: the findings and any opacity.
SPOKEN: Final = (*FINDING_NAMES, OPACITY)
#: What it is taught besides, and forgets: these sharpen its features.
BESIDES: Final = ("infiltration", "pneumonia", "edema", "hernia", "normal", "female", "pa", "age")
TAUGHT: Final = (*SPOKEN, *BESIDES)

#: Findings that none of NIH's labels means.
UNLABELLED: Final = ("calcification", "diffuse_nodule", "fracture")
#: NIH's label of each target that has one of the same meaning.
NIH: Final = {
    name: "Pleural_Thickening" if name == "pleural_thickening" else name.title()
    for name in (*FINDING_NAMES, *BESIDES[:4])
    if name not in UNLABELLED
}
#: The labels that most ill films have.
COMMON: Final = ("Infiltration", "Effusion", "Atelectasis", "Pneumonia")
#: Labels of airspace disease, which reports seldom tell apart.
AIRSPACE: Final = ("Consolidation", "Infiltration", "Pneumonia", "Edema")
#: Which map each kind of box is drawn in.
BOXED: Final = {
    "Atelectasis": ("atelectasis",),
    "Cardiomegaly": ("cardiomegaly",),
    "Effusion": ("effusion",),
    "Infiltration": ("consolidation", OPACITY),
    "Mass": ("mass",),
    "Nodule": ("nodule",),
    "Pneumonia": ("consolidation", OPACITY),
    "Pneumothorax": ("pneumothorax",),
    RSNA_BOX: (OPACITY,),
}


def targets(films: RealFilms) -> tuple[np.ndarray, np.ndarray]:
    """What is true of N films, (N, len(TAUGHT)) float32 in [0, 1], and how far it counts, the same shape."""
    truth, weight = np.zeros((2, len(films), len(TAUGHT)), np.float32)
    for name, label in NIH.items():
        k = TAUGHT.index(name)
        truth[:, k], weight[:, k] = films.labelled(label), 1
    airspace, consolidation = films.labelled(*AIRSPACE), TAUGHT.index("consolidation")
    weight[airspace & (truth[:, consolidation] == 0), consolidation] = 0.4
    healthy = np.array([not labels for labels in films.labels], bool)
    graded = films.grades != ""
    _opacity(films, truth[:, TAUGHT.index(OPACITY)], weight[:, TAUGHT.index(OPACITY)], healthy, airspace)
    k = TAUGHT.index("normal")  # "other" is what RSNA's readers found not normal, whatever the report says
    truth[:, k] = np.where(graded, films.grades == "normal", 0.85 * healthy)
    weight[:, k] = np.where(graded, 2, 0.5)
    truth[:, TAUGHT.index("female")], truth[:, TAUGHT.index("pa")] = films.sexes == "F", films.views == "PA"
    truth[:, TAUGHT.index("age")] = np.clip(films.ages / 100, 0, 1)
    weight[:, -3:] = 0.3
    return truth, weight


def _opacity(
    films: RealFilms, truth: np.ndarray, weight: np.ndarray, healthy: np.ndarray, airspace: np.ndarray
) -> None:
    """RSNA's grade where there is one; else boxes; else what the report's words make likely."""
    seen = films.boxed("Pneumonia", "Infiltration", RSNA_BOX)
    truth[:] = np.where(airspace, 0.7, np.where(healthy, 0.03, 0.3))
    weight[:] = np.where(airspace, 0.4, np.where(healthy, 0.5, 0.0))
    truth[seen], weight[seen] = 1, 1
    graded = films.grades != ""
    truth[graded], weight[graded] = films.grades[graded] == "opacity", 2


def odds(films: RealFilms) -> np.ndarray:
    """(N,) how often each film is drawn, adding up to 1: the rare and the well-known more than the plain."""
    common = films.labelled(*COMMON)
    rare = films.labelled(*(set(NIH.values()) - {*COMMON, "Edema", "Hernia"}))
    weight = 0.6 + 0.5 * common + 1.0 * rare + 0.4 * (films.grades != "")
    return weight / weight.sum()
