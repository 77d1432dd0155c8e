"""Classifiers of scikit-learn to compare with, as Lu et al. 2021 use them."""

import numpy as np

from diffmrs.classify.labelled import Labelled
from diffmrs.errors import InputError

BASELINES = ("svm", "forest")


def baseline_probability(name: str, spectra: Labelled, points: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Train a classifier and apply it.

    Args:
        name: `"svm"`: support vectors with the defaults of scikit-learn, of which the logistic function of the
            distance from the border stands for a probability; `"forest"`: 500 trees that part by entropy.
        spectra: with labels.
        points: of other spectra. [others, points]
        seed: of the forest.

    Returns:
        Probability of tumour. [others]

    Raises:
        InputError: there is no such classifier, only one class, or scikit-learn is missing.
    """
    if name not in BASELINES:
        raise InputError(f"there is no classifier {name!r}; there are {', '.join(BASELINES)}")
    if np.unique(spectra.label).size < 2:
        raise InputError("all spectra carry the same label; there is nothing to tell apart")
    check_sklearn()
    if name == "svm":
        from sklearn.svm import SVC

        distance = SVC().fit(spectra.points, spectra.label).decision_function(points)
        return 1 / (1 + np.exp(-distance))
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=500, criterion="entropy", random_state=seed)
    return forest.fit(spectra.points, spectra.label).predict_proba(points)[:, 1]


def check_sklearn() -> None:
    """Raise `InputError` when scikit-learn is missing."""
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        raise InputError(
            "classifiers to compare with need scikit-learn, which is missing: pip install 'diffmrs[classify]'"
        ) from None
