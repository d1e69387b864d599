"""A space in which radiographs of one patient lie together, whatever the day and the illness."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from filters.embedding import normalise
from flows.training.lesion_learning import auroc

#: Axes kept.
DIMENSIONS = 256


@dataclass(frozen=True)
class PatientSpace:
    """Fisher's linear discriminant of patients (Fisher, 1936): ``mean`` (F,), ``axes`` (F, D).

    Along its axes patients differ most for how much the films of one patient do, so that what changes from
    film to film (pose, exposure, illness) weighs little.
    """

    mean: np.ndarray
    axes: np.ndarray

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        patients: np.ndarray,
        illness: np.ndarray | None = None,
        dimensions: int = DIMENSIONS,
    ) -> "PatientSpace":
        """Of standardised ``features`` (N, F) and the patient (N,) of each.

        ``illness`` (M, F): how features differ between a film and the same film with a finding. The
        covariance within patients, of fewer films than features, is shrunk halfway to a sphere (Ledoit &
        Wolf, 2004, have the form). Raises ValueError where no patient has two films.
        """
        mean = features.mean(0)
        apart = []
        for patient in np.unique(patients):
            films = features[patients == patient]
            if len(films) > 1:
                apart.append((films - films.mean(0)) * np.sqrt(len(films) / (len(films) - 1)))
        if not apart:
            raise ValueError("patients: one film each, expected a patient with two")
        within = _scatter(np.concatenate(apart))
        if illness is not None:
            within += _scatter(illness) / 2  # of two films, as each of the others is of a film and a mean
        within = (within + np.eye(len(within)) * np.trace(within) / len(within)) / 2
        count = features.shape[1]
        chosen = count - min(dimensions, count), count - 1
        _, axes = eigh(np.cov((features - mean).T), within, subset_by_index=chosen)
        return cls(mean, axes)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(N, F) to unit vectors (N, D) float32."""
        return normalise((features - self.mean) @ self.axes)


def _scatter(gaps: np.ndarray) -> np.ndarray:
    return np.asarray(gaps.T @ gaps / len(gaps))


def patient_figures(vectors: np.ndarray, patients: np.ndarray) -> dict[str, float]:
    """How well a space tells patients apart, by films (N, D), unit, and their patients (N,).

    ``auroc``: of cosines between two films of one patient against those of two patients. ``nearest``: of
    films of patients with several, the share whose nearest other film is the same patient's.
    """
    cosines = vectors @ vectors.T
    same = patients[:, None] == patients
    first, second = np.triu_indices(len(patients), 1)
    np.fill_diagonal(cosines, -np.inf)
    several = same.sum(1) > 1
    nearest = patients[cosines.argmax(1)] == patients
    return {
        "auroc": round(auroc(cosines[first, second], same[first, second]), 3),
        "nearest": round(float(nearest[several].mean()), 3),
    }
