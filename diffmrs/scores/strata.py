"""Spectra sorted into strata: by signal-to-noise ratio, linewidth or the place of the truth in its range."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from diffmrs.errors import InputError


def strata(values: Any, edges: Sequence[float], name: str) -> dict[str, np.ndarray]:
    """Masks of spectra between neighbouring edges; the first and the last stratum reach beyond the edges.

    Args:
        values: one number per spectrum. [spectra]
        edges: rising; k edges make k + 1 strata.
        name: what the values are, with the unit: the beginning of every label.

    Returns:
        For each label, such as "SNR 10 to 20", which spectra belong to it. [spectra] Each belongs to exactly one, but
        for values that are NaN, which belong to none.

    Raises:
        InputError: the values are not one per spectrum, or the edges do not rise.
    """
    array, limits = np.asarray(values, np.float64), np.asarray(edges, np.float64)
    if array.ndim != 1:
        raise InputError(f"values have shape {array.shape}; strata need one number per spectrum")
    if limits.ndim != 1 or not limits.size or not (np.diff(limits) > 0).all():
        raise InputError(f"edges are {list(edges)}; they must be at least one number, rising")
    which = np.where(np.isnan(array), -1, np.digitize(array, limits))
    told = [f"{limit:.4g}" for limit in limits]
    middle = [f"{name} {low} to {high}" for low, high in pairwise(told)]
    labels = [f"{name} below {told[0]}", *middle, f"{name} from {told[-1]}"]
    return {label: which == number for number, label in enumerate(labels)}


def thirds(values: Any, name: str) -> dict[str, np.ndarray]:
    """Masks of the lower, middle and upper third of the spectra, by one number per spectrum."""
    return strata(values, list(np.nanquantile(np.asarray(values, np.float64), [1 / 3, 2 / 3])), name)


def position(truth: Any, low: Any, high: Any) -> np.ndarray:
    """Where each truth lies in its range: 0 at the lower limit, 1 at the upper. [spectra, metabolites]"""
    below, above = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return (np.asarray(truth, np.float64) - below) / np.where(above > below, above - below, np.nan)
