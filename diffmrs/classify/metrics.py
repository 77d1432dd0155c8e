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
    return float(_areas(label, score, weight[None])[0])


def measures(label: np.ndarray, probability: np.ndarray, patient: np.ndarray) -> dict[str, float]:
    """Measures of voxels and, from the mean probability over their voxels, of patients.

    Args:
        label: what is held to be true, 0 or 1. [spectra]
        probability: of tumour; above one half counts as tumour. [spectra]
        patient: [spectra]

    Returns:
        `MEASURES`; NaN where a class is empty. A patient counts as ill when most of its voxels are labelled so.
    """
    found = _measured(label, probability, patient, np.ones((1, np.unique(patient).size)))
    return dict(zip(MEASURES, found[0].tolist(), strict=True))


def _measured(label: np.ndarray, probability: np.ndarray, patient: np.ndarray, times: np.ndarray) -> np.ndarray:
    """`MEASURES` with each patient counted so many times: [draws, patients] to [draws, measures]."""
    _, which = np.unique(patient, return_inverse=True)
    found, ill = probability >= 0.5, label == 1
    mean, ill_patient = patient_means(probability, patient), patient_labels(label, patient)

    def of_patients(spectra: np.ndarray) -> np.ndarray:
        return times @ np.bincount(which, weights=spectra, minlength=times.shape[1])

    with np.errstate(invalid="ignore"):
        columns = (
            _areas(label, probability, times[:, which]),
            of_patients(found & ill) / of_patients(ill),
            of_patients(~found & ~ill) / of_patients(~ill),
            of_patients(found == ill) / of_patients(np.ones(label.size)),
            _areas(ill_patient, mean, times),
            times @ ((mean >= 0.5) == (ill_patient == 1)) / times.sum(axis=1),
        )
    return np.stack(columns, axis=1)


def _areas(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of weights, [draws, spectra]."""
    order = np.argsort(score, kind="stable")
    ranked, counted = label[order], weight[:, order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(score[order]) != 0]))
    ill, well = (np.add.reduceat(counted * (ranked == kind), starts, axis=1) for kind in (1, 0))
    above = np.sum(ill * (np.cumsum(well, axis=1) - 0.5 * well), axis=1)
    pairs = ill.sum(axis=1) * well.sum(axis=1)
    return np.where(pairs > 0, above / np.where(pairs > 0, pairs, 1), np.nan)


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
    set of patients would change the mean over these runs; `sd` and `gain_sd` say how the runs differ, which is the
    larger uncertainty when each run has training patients of its own.

    Args:
        label: what is held to be true. [spectra]
        probabilities: of each classifier, of one run or several. [spectra] or [runs, spectra]
        patient: [spectra]
        against: name of the classifier that the others are compared with.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        For each classifier and measure: `mean`, `sd`, `low`, `high`, and `gain`, `gain_sd`, `gain_low`, `gain_high`;
        standard deviations are NaN of one run, that of the gain also where the numbers of runs differ.

    Raises:
        InputError: there is no classifier of the name to compare with.
    """
    if against not in probabilities:
        raise InputError(f"there is no classifier {against!r} to compare with; there are {', '.join(probabilities)}")
    rng = np.random.default_rng(seed)
    count = np.unique(patient).size
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(float)
    times = np.concatenate([np.ones((1, count)), drawn])  # the sample itself first
    table = {
        name: np.stack([_measured(label, run, patient, times) for run in np.atleast_2d(rows)], axis=1)
        for name, rows in probabilities.items()
    }  # [draws + 1, runs, measures]
    base = table[against].mean(axis=1)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, values in table.items():
        mean = values.mean(axis=1)
        low, high = np.nanpercentile(mean[1:], [2.5, 97.5], axis=0) if draws else 2 * [np.full(len(MEASURES), np.nan)]
        gain = mean - base
        lower, upper = np.nanpercentile(gain[1:], [2.5, 97.5], axis=0) if draws else (low, high)
        spread = _over_runs(values[0])
        paired = _over_runs(values[0] - table[against][0]) if values.shape == table[against].shape else spread + np.nan
        found[name] = {
            measure: {
                "mean": float(mean[0, k]),
                "sd": float(spread[k]),
                "low": float(low[k]),
                "high": float(high[k]),
                "gain": float(gain[0, k]),
                "gain_sd": float(paired[k]),
                "gain_low": float(lower[k]),
                "gain_high": float(upper[k]),
            }
            for k, measure in enumerate(MEASURES)
        }
    return found


def _over_runs(values: np.ndarray) -> np.ndarray:
    """Standard deviation over runs, [runs, measures] to [measures]; NaN of one run."""
    return values.std(axis=0, ddof=1) if values.shape[0] > 1 else np.full(values.shape[1], np.nan)
