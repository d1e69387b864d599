"""Which labels of each public table stand for which of the 13 findings (docs/prompts.md)."""

from typing import Final

PADCHEST: Final[dict[str, tuple[str, ...]]] = {
    "atelectasis": (
        "atelectasis",
        "atelectasis basal",
        "laminar atelectasis",
        "lobar atelectasis",
        "round atelectasis",
        "segmental atelectasis",
        "total atelectasis",
        "volume loss",
    ),
    "calcification": (
        "calcified adenopathy",
        "calcified densities",
        "calcified granuloma",
        "calcified mediastinal adenopathy",
        "calcified pleural plaques",
        "calcified pleural thickening",
    ),
    "cardiomegaly": ("cardiomegaly",),
    "consolidation": (
        "air bronchogram",
        "alveolar pattern",
        "atypical pneumonia",
        "consolidation",
        "infiltrates",
        "pneumonia",
    ),
    "diffuse_nodule": ("lung metastasis", "miliary opacities", "multiple nodules"),
    "effusion": (
        "empyema",
        "hydropneumothorax",
        "loculated fissural effusion",
        "loculated pleural effusion",
        "pleural effusion",
    ),
    "emphysema": ("bullas", "emphysema"),
    "fibrosis": ("fibrotic band", "pulmonary fibrosis"),
    # ribs and clavicles: fractures of spine and humerus lie outside the lung fields
    "fracture": ("callus rib fracture", "clavicle fracture", "fracture", "rib fracture"),
    "mass": ("mass", "pulmonary mass"),
    "nodule": ("nodule",),
    "pleural_thickening": (
        "apical pleural thickening",
        "calcified pleural plaques",
        "calcified pleural thickening",
        "pleural plaques",
        "pleural thickening",
    ),
    "pneumothorax": ("hydropneumothorax", "pneumothorax"),
}

#: Labels that say nothing about what is to be seen: rows with only these are left out.
PADCHEST_UNUSABLE: Final = frozenset({"", "exclude", "suboptimal study", "unchanged"})

#: NIH's infiltration and pneumonia are what reports call airspace opacity.
NIH: Final[dict[str, tuple[str, ...]]] = {
    "atelectasis": ("Atelectasis",),
    "cardiomegaly": ("Cardiomegaly",),
    "consolidation": ("Consolidation", "Infiltration", "Pneumonia"),
    "effusion": ("Effusion",),
    "emphysema": ("Emphysema",),
    "fibrosis": ("Fibrosis",),
    "mass": ("Mass",),
    "nodule": ("Nodule",),
    "pleural_thickening": ("Pleural_Thickening",),
    "pneumothorax": ("Pneumothorax",),
}

CHEXPERT: Final[dict[str, tuple[str, ...]]] = {
    "atelectasis": ("Atelectasis",),
    "cardiomegaly": ("Cardiomegaly",),
    "consolidation": ("Consolidation", "Pneumonia"),
    "effusion": ("Pleural Effusion",),
    "fracture": ("Fracture",),
    "pneumothorax": ("Pneumothorax",),
}

VINBIGDATA: Final[dict[str, tuple[str, ...]]] = {
    "atelectasis": ("Atelectasis",),
    "calcification": ("Calcification",),
    "cardiomegaly": ("Cardiomegaly",),
    "consolidation": ("Consolidation", "Infiltration"),
    "effusion": ("Pleural effusion",),
    "fibrosis": ("Pulmonary fibrosis",),
    "nodule": ("Nodule/Mass",),
    "pleural_thickening": ("Pleural thickening",),
    "pneumothorax": ("Pneumothorax",),
}
