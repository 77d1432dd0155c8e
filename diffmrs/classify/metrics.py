"""How well voxels and patients are told apart, and intervals from patients drawn again."""

from collections.abc import Mapping

import numpy as np

from diffmrs.classify.labelled import patient_labels, patient_means
from diffmrs.errors import InputError

MEASURES = ("auc", "sensitivity", "specificity", "accuracy", "patient_auc", "patient_accuracy")


def weighted_auc(label: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve: the chance that a tumour scores above another spectrum, ties counted half.

    Args:
        label: 0 or 1. [spectra]
        score: higher for tumour. [spectra]
        weight: how often each counts; once when absent. [spectra]

    Returns:
        The area; NaN where there is only one class.
    """
    weight = np.ones(label.size) if weight is None else weight
    _, rank = np.unique(score, return_inverse=True)
    ill = np.bincount(rank, weights=weight * (label == 1))
    well = np.bincount(rank, weights=weight * (label == 0))
    pairs = ill.sum() * well.sum()
    return float(ill @ (np.cumsum(well) - 0.5 * well) / pairs) if pairs > 0 else float("nan")


def measures(
    label: np.ndarray, probability: np.ndarray, patient: np.ndarray, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Measures of voxels and, from the mean probability over their voxels, of patients.

    Args:
        label: what is held to be true, 0 or 1. [spectra]
        probability: of tumour; above one half counts as tumour. [spectra]
        patient: [spectra]
        weight: how often each patient counts, in the order of the sorted patients; once when absent. [patients]

    Returns:
        `MEASURES`; NaN where a class is empty. A patient counts as ill when most of its voxels are labelled so.
    """
    names, which = np.unique(patient, return_inverse=True)
    times = np.ones(names.size) if weight is None else weight
    each = times[which]
    found, mean = probability >= 0.5, patient_means(probability, patient)
    ill = patient_labels(label, patient)
    return {
        "auc": weighted_auc(label, probability, each),
        "sensitivity": _share(found, each * (label == 1)),
        "specificity": _share(~found, each * (label == 0)),
        "accuracy": _share(found == (label == 1), each),
        "patient_auc": weighted_auc(ill, mean, times),
        "patient_accuracy": _share((mean >= 0.5) == (ill == 1), times),
    }


def compared(
    label: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    patient: np.ndarray,
    *,
    against: str,
    draws: int = 500,
    seed: int = 0,
) -> dict[str, dict[str, dict[str, float]]]:
    """Measures of several classifiers, and how far they differ from one of them, with 95 % intervals.

    Patients are drawn again with all their spectra, the same ones for all classifiers (paired bootstrap; Efron &
    Tibshirani 1993). Of several runs of one classifier the measures are averaged first: the interval says how another
    set of patients would change the mean over runs; `sd` how the runs differ.

    Args:
        label: what is held to be true. [spectra]
        probabilities: of each classifier, of one run or several. [spectra] or [runs, spectra]
        patient: [spectra]
        against: name of the classifier that the others are compared with.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        For each classifier and measure: `mean`, `sd` over runs, `low`, `high`, and `gain`, `gain_low`, `gain_high`.

    Raises:
        InputError: there is no classifier of the name to compare with.
    """
    if against not in probabilities:
        raise InputError(f"there is no classifier {against!r} to compare with; there are {', '.join(probabilities)}")
    rng = np.random.default_rng(seed)
    count = np.unique(patient).size
    weights = [None, *(rng.multinomial(count, np.full(count, 1 / count)).astype(float) for _ in range(draws))]
    table = {}  # [draws + 1, runs, measures]; the first row is the sample itself
    for name, rows in probabilities.items():
        runs = np.atleast_2d(rows)
        table[name] = np.array(
            [[list(measures(label, run, patient, weight).values()) for run in runs] for weight in weights]
        )
    base = table[against].mean(axis=1)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, values in table.items():
        mean = values.mean(axis=1)
        low, high = np.nanpercentile(mean[1:], [2.5, 97.5], axis=0) if draws else 2 * [np.full(len(MEASURES), np.nan)]
        gain = mean - base
        lower, upper = np.nanpercentile(gain[1:], [2.5, 97.5], axis=0) if draws else (low, high)
        spread = values[0].std(axis=0, ddof=1) if values.shape[1] > 1 else np.full(len(MEASURES), np.nan)
        found[name] = {
            measure: {
                "mean": float(mean[0, k]),
                "sd": float(spread[k]),
                "low": float(low[k]),
                "high": float(high[k]),
                "gain": float(gain[0, k]),
                "gain_low": float(lower[k]),
                "gain_high": float(upper[k]),
            }
            for k, measure in enumerate(MEASURES)
        }
    return found


def _share(right: np.ndarray, weight: np.ndarray) -> float:
    whole = weight.sum()
    return float(weight[right].sum() / whole) if whole > 0 else float("nan")
