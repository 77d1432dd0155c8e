"""Flags for spectra unlike those of the training: thresholds with a known rate of false alarms.

A score is any number per spectrum that is large for strange ones: a residual, a spread, a distance. Scores that are not
finite count as infinitely strange.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta, rankdata

from diffmrs.errors import InputError
from diffmrs.scores.arrays import probability


@dataclass(frozen=True)
class Rate:
    """A share of spectra with an exact binomial interval (Clopper & Pearson 1934).

    Attributes:
        value: share, 0 to 1.
        low: lower limit of the interval.
        high: upper limit of the interval.
        n: spectra.
    """

    value: float
    low: float
    high: float
    n: int


def threshold(scores: Any, false_alarms: float = 0.05) -> float:
    """The score above which a spectrum is flagged, from spectra like those of the training but not among them.

    The ceil((n + 1)(1 - false_alarms))-th smallest: a new spectrum like these exceeds it with a probability of at most
    `false_alarms`, averaged over sets of n. Infinite where n is too small for so few false alarms.

    Args:
        scores: of spectra in distribution. [spectra]
        false_alarms: wanted rate.

    Raises:
        InputError: there are no scores, or the rate is not between 0 and 1.
    """
    rising = np.sort(_scores(scores, "scores"))
    rank = int(np.ceil((rising.size + 1) * (1 - probability(false_alarms, "false_alarms")) - 1e-9))
    return float(rising[rank - 1]) if rank <= rising.size else np.inf


def flag_rate(scores: Any, limit: float, *, level: float = 0.95) -> Rate:
    """Share of spectra whose score exceeds a threshold: detections, or false alarms.

    Args:
        scores: [spectra]
        limit: from `threshold`.
        level: of the interval.

    Raises:
        InputError: there are no scores, or the level is not between 0 and 1.
    """
    found = np.asarray(scores, np.float64)
    n = _scores(found, "scores").size
    # What is not finite is flagged even where the threshold is infinite.
    k = int(((found > limit) | ~np.isfinite(found)).sum())
    tail = (1 - probability(level, "level")) / 2
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return Rate(k / n, low, high, n)


def auc(inside: Any, outside: Any) -> float:
    """Probability that a strange spectrum scores above a usual one, ties counting half (area under the ROC curve).

    Args:
        inside: scores in distribution. [spectra]
        outside: scores out of distribution. [spectra]

    Raises:
        InputError: there are no scores.
    """
    usual, strange = _scores(inside, "inside"), _scores(outside, "outside")
    ranks = rankdata(np.concatenate([strange, usual]))[: strange.size].sum()
    return float((ranks - strange.size * (strange.size + 1) / 2) / (strange.size * usual.size))


def tail_p(reference: Any, scores: Any) -> np.ndarray:
    """Share of reference scores at least as large, (1 + k)/(1 + n): a p value for each spectrum, never 0.

    Args:
        reference: of spectra in distribution. [spectra] or [spectra, scores]
        scores: of others. [others] or [others, scores]

    Raises:
        InputError: the shapes do not fit.
    """
    known, asked = np.asarray(reference, np.float64), np.asarray(scores, np.float64)
    if known.ndim not in (1, 2) or asked.ndim != known.ndim or asked.shape[1:] != known.shape[1:] or not known.size:
        raise InputError(f"reference has shape {known.shape} and scores {asked.shape}; they must hold the same scores")
    rows, columns = known.reshape(len(known), -1), asked.reshape(len(asked), -1)
    known_columns = [np.sort(_not_finite_last(column)) for column in rows.T]
    below = [np.searchsorted(old, _not_finite_last(new)) for old, new in zip(known_columns, columns.T, strict=True)]
    return ((1 + len(known) - np.stack(below, axis=-1)) / (1 + len(known))).reshape(asked.shape)


def combined(reference: Any, scores: Any) -> np.ndarray:
    """One score from several: the number of scores times the smallest p value (Bonferroni), as -log10.

    Above -log10(false alarms) a spectrum is flagged with at most that rate of false alarms, however the scores hang
    together; with a lower rate where they do so strongly. `threshold` on the combined scores of a second set in
    distribution makes the rate exact. Fisher's sum of logarithms is not used: it takes the scores to be independent,
    and they are not.

    Args:
        reference: of spectra in distribution. [spectra, scores]
        scores: of others. [others, scores]

    Raises:
        InputError: the shapes do not fit.
    """
    p = tail_p(reference, scores)
    if p.ndim != 2:
        raise InputError(f"scores have shape {p.shape}; to combine them they must be [spectra, scores]")
    return -np.log10(np.minimum(p.shape[1] * p.min(axis=1), 1.0))


def _scores(scores: Any, name: str) -> np.ndarray:
    array = np.asarray(scores, np.float64)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} have shape {array.shape}; one number per spectrum is needed")
    return _not_finite_last(array)


def _not_finite_last(array: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(array), array, np.inf)
