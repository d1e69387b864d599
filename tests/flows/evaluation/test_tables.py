"""Tables say every figure once, and a figure that misses its bar is bold."""

import copy

from flows.evaluation.tables import tables

ATTRIBUTES = {
    "sex": {"auroc": 0.81, "interval": [0.73, 0.88]},
    "view": {"auroc": 1.0, "interval": [1.0, 1.0]},
    "age": {
        "correlation": 0.2,
        "interval": [0.05, 0.3],
        "error": 13.0,
        "error_without_looking": 15.0,
        "error_of_the_best_constant": 14.0,
    },
}
PART = {
    "accepted": {"images": 128, "accepted": 113, "refused_by": {"lesion_agreement": 15, "integrity": 0}},
    "lungs": {
        "evaluator": {"lung_dice": 0.96, "5th_percentile": 0.92},
        "expert": {"lung_dice": 0.97},
    },
    "attributes": ATTRIBUTES,
}
NEAR = {
    "frechet_sample": 120,
    "frechet_ratio": 2.4,
    "sample": 203,
    "density": 0.9,
    "coverage": 0.8,
    "two_sample_auc": 0.9,
}
LUNGS = {"lung_dice": 0.954, "worst": 0.93, "images": 18}
FIGURES = {
    **PART,
    "alike": copy.deepcopy(PART),
    "aged": {"pairs": 64, "asked": 50, "years": 4.2, "interval": [3.0, 5.5], "share": 0.8},
    "codec": {"psnr_db": 36.34, "ssim": 0.955, "images": 128},
    "anatomy_expert": {"first": LUNGS, "both": LUNGS | {"lung_dice": 0.957}},
    "attributes_of_real": {
        "images": 241,
        "sex_auroc": 0.88,
        "view_auroc": 1.0,
        "age_error": 10.0,
        "age_error_of_the_mean": 14.6,
        "age_correlation": 0.7,
        "age_correlation_of_adults": 0.55,
    },
    "moved_lesions": {"mass": {"pairs": 6, "ratio": 19.6}, "diffuse_nodule": {"pairs": 6, "ratio": 4.2}},
    "requested_lesions": {
        "placed": 0.9,
        "present": 0.86,
        "by_finding": {
            "mass": {"placed": 0.9, "present": 0.87},
            "diffuse_nodule": {"placed": 0.9, "present": 0.85},
        },
    },
    "spectrum": {"decades": -0.08, "worst": -0.15},
    "fidelity": {"random_densenet": {"all": dict(NEAR), "accepted": dict(NEAR)}},
    "memorisation": {"pixels": {"share": 0.003, "generated": 316}},
    "copies": {"anatomy": {"auroc": 0.853, "nearest": 0.31, "moved": 0.979, "with_lesions": 0.97}},
    "masks": {
        "distances": {
            "mass": {"ratio": {"area": 1.1, "x": 1.2, "y": 1.3}},
            "effusion": {"ratio": {"area": 1.52, "x": 1.2, "y": 1.61}},
        },
        "findings_that_fit": 10,
        "findings_that_fit_with_other_seeds": [11, 9],
        "co_occurrence_correlation": 0.98,
        "side_right": 0.999,
        "zone_right": 0.99,
        "inside_lungs": {"made": {"5th_percentile": 0.97}, "real": {"5th_percentile": 0.72}},
        "same_prompt_iou": 0.3,
    },
}


def test_what_meets_its_bars_is_not_bold():
    text = tables(FIGURES)
    assert "**" not in text
    assert "effusion (area 1.52, y 1.61)" in text
    assert "mass 19.6, diffuse nodule 4.2" in text, "the greatest first"
    assert "10 of 2 (other seeds: 11, 9)" in text
    assert "anatomy expert, 18 human masks: lung Dice | 0.954" in text
    assert "both anatomy experts, as the filter asks them, 18 human masks: lung Dice | 0.957" in text
    assert "moved 98%, with lesions 97% (0.85; 31%)" in text
    assert "113 of 128 (refused: lesion agreement 15)" in text
    assert all(line.count("|") == 4 for line in text.splitlines() if line.startswith("|"))


def test_each_figure_that_misses_its_bar_is_bold():
    worse = copy.deepcopy(FIGURES)
    worse["moved_lesions"]["diffuse_nodule"]["ratio"] = 3.4
    worse["requested_lesions"]["placed"] = 0.82
    worse["alike"]["attributes"]["age"]["interval"] = [-0.1, 0.3]
    worse["aged"]["interval"] = [-0.5, 3.0]
    worse["fidelity"]["random_densenet"]["all"]["coverage"] = 0.5
    worse["memorisation"]["pixels"]["share"] = 0.012
    worse["masks"]["findings_that_fit"] = 9
    worse["spectrum"]["decades"] = -0.31
    worse["codec"]["ssim"] = 0.94
    worse["anatomy_expert"]["both"]["lung_dice"] = 0.949
    bold = tables(worse).split("**")[1::2]
    assert bold == [
        "0.940",
        "0.949",
        "9 of 2",
        "diffuse nodule 3.4",
        "0.820",
        "-0.31",
        "0.90, 0.50",
        "1.2% of 316",
        "0.20",
        "+4.2 years",
    ]
