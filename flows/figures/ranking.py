"""How well scores rank."""

import numpy as np
from scipy.stats import rankdata


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve (Mann-Whitney U), ties counted half."""
    positive = int(truth.sum())
    if positive in (0, len(truth)):
        return float("nan")
    ranks = rankdata(scores)
    u = ranks[truth].sum() - positive * (positive + 1) / 2
    return float(u / (positive * (len(truth) - positive)))
