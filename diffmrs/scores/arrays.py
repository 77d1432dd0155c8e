"""What every score is given: tables of numbers, one row per spectrum and one column per metabolite."""

from typing import Any

import numpy as np

from diffmrs.errors import InputError


def table(values: Any, name: str) -> np.ndarray:
    """An array [spectra, metabolites] in float64.

    Raises:
        InputError: it is not that, or holds no spectra.
    """
    array = np.asarray(values)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{name} has shape {array.shape}; it must be [spectra, metabolites], neither of them 0")
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise InputError(f"{name} holds {array.dtype}; it must hold real numbers")
    return array.astype(np.float64)


def pair(truth: Any, estimate: Any, name: str = "estimate") -> tuple[np.ndarray, np.ndarray]:
    """Truth and what shall be held against it, in float64.

    Raises:
        InputError: their shapes differ or are not [spectra, metabolites], or the truth is not finite.
    """
    true, other = table(truth, "truth"), table(estimate, name)
    if true.shape != other.shape:
        raise InputError(f"{name} has shape {other.shape}, but truth {true.shape}; they must be alike")
    if not np.isfinite(true).all():
        raise InputError(f"truth holds {int((~np.isfinite(true)).sum())} numbers that are not finite; all must be")
    return true, other


def posterior(truth: Any, samples: Any) -> tuple[np.ndarray, np.ndarray]:
    """Truth and posterior samples [draws, spectra, metabolites], in float64.

    Raises:
        InputError: the shapes do not fit, there are fewer than two draws, or the truth is not finite.
    """
    array = np.asarray(samples)
    if array.ndim != 3 or array.shape[0] < 2:
        raise InputError(f"samples have shape {array.shape}; they must be [draws, spectra, metabolites], draws > 1")
    true, _ = pair(truth, array[0], "samples[0]")
    return true, array.astype(np.float64)


def probability(value: float, name: str) -> float:
    """A number between 0 and 1, both excluded.

    Raises:
        InputError: it is not.
    """
    if not 0 < value < 1:
        raise InputError(f"{name} is {value!r}; it must lie between 0 and 1")
    return float(value)


def masked_mean(values: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Mean over the rows that are good; NaN where none is. [metabolites]"""
    count = good.sum(axis=0)
    total = np.where(good, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
