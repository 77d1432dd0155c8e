"""Repair of stated uncertainties on a validation set: one factor on every SD, or intervals that need no distribution.

Both make coverage right on average over spectra like those of the validation set, and promise nothing for other
spectra, nor for any single kind among them.
"""

from typing import Any

import numpy as np
from scipy.special import ndtri

from diffmrs.errors import InputError
from diffmrs.scores.arrays import pair, probability


def sd_factor(truth: Any, mean: Any, sd: Any, *, level: float | None = None) -> np.ndarray:
    """What each stated SD must be multiplied with ("temperature").

    Args:
        truth: of the validation set. [spectra, metabolites]
        mean: estimates. [spectra, metabolites]
        sd: stated standard deviations, positive. [spectra, metabolites]
        level: nominal level whose central Gaussian interval shall cover as often as it says; None for the factor of
            greatest likelihood, the root mean square of (truth - mean) / SD.

    Returns:
        One factor per metabolite; above 1 where SDs are too small. Infinite where the validation set is too small for
        the level. [metabolites]

    Raises:
        InputError: shapes do not fit, nothing finite is left, or the level is not between 0 and 1.
    """
    if level is None:
        z = _size(truth, mean, sd)
        return np.sqrt(np.nanmean(z**2, axis=0))
    return conformal_radius(truth, mean, sd, level=level) / ndtri(0.5 + 0.5 * probability(level, "level"))


def conformal_radius(truth: Any, mean: Any, sd: Any = None, *, level: float = 0.95) -> np.ndarray:
    """Half-width of split-conformal intervals, in units of the stated SD: mean ± radius * SD.

    The ceil((n + 1) level)-th smallest |truth - mean| / SD of the validation set (Vovk, Gammerman, Shafer 2005; Lei et
    al. 2018, J Am Stat Assoc 113:1094, section 5.2). A spectrum exchangeable with those of the set is covered with a
    probability between the level and level + 1/(n + 1), whatever the errors are like. NaN and infinite estimates are
    left out of the set.

    Args:
        truth: of the validation set. [spectra, metabolites]
        mean: estimates. [spectra, metabolites]
        sd: stated standard deviations; 1 when absent, for intervals of one width. [spectra, metabolites]
        level: coverage.

    Returns:
        One radius per metabolite; infinite where the set is too small for the level. [metabolites]

    Raises:
        InputError: shapes do not fit, nothing finite is left, or the level is not between 0 and 1.
    """
    share = probability(level, "level")
    sizes = np.sort(_size(truth, mean, np.ones_like(np.asarray(mean, np.float64)) if sd is None else sd), axis=0)
    count = (~np.isnan(sizes)).sum(axis=0)
    rank = np.ceil((count + 1) * share - 1e-9).astype(np.int64)
    found = np.take_along_axis(sizes, np.minimum(rank, count)[None] - 1, axis=0)[0]
    return np.where(rank > count, np.inf, found)


def _size(truth: Any, mean: Any, sd: Any) -> np.ndarray:
    """|truth - mean| / SD, NaN where that is not known."""
    true, centre = pair(truth, mean, "mean")
    _, sigma = pair(truth, sd, "sd")
    good = np.isfinite(centre) & np.isfinite(sigma) & (sigma > 0)
    if not good.any(axis=0).all():
        raise InputError("a metabolite of the validation set has no finite estimate with a finite, positive SD")
    return np.where(good, np.abs(true - np.where(good, centre, 0.0)) / np.where(good, sigma, 1.0), np.nan)
