"""Simulation-based calibration: the rank of the truth among posterior draws is uniform when the posterior is right.

Talts, Betancourt, Simpson, Vehtari, Gelman 2018 (arXiv:1804.06788). A heap in the middle says that posteriors are too
wide, one at both ends that they are too narrow, a slope that they are biased. Draws must be independent (thin chains).
"""

from typing import Any

import numpy as np
from scipy.stats import binom, chi2

from diffmrs.errors import InputError
from diffmrs.scores.arrays import posterior, probability, table

_BAND_DRAWS = 2000


def sbc_ranks(truth: Any, samples: Any, *, seed: int = 0) -> np.ndarray:
    """How many draws lie below each truth, 0 to draws; equal ones are put in random order.

    Args:
        truth: finite; drawn from the prior. [spectra, metabolites]
        samples: finite, independent draws of the posterior of each. [draws, spectra, metabolites]
        seed: of the order of equal ones.

    Raises:
        InputError: the shapes do not fit, or something is not finite.
    """
    true, drawn = posterior(truth, samples)
    if not np.isfinite(drawn).all():
        raise InputError("samples hold numbers that are not finite; leave those spectra out, and tell how many")
    below, equal = (drawn < true[None]).sum(axis=0), (drawn == true[None]).sum(axis=0)
    return below + np.random.default_rng(seed).integers(0, equal + 1)


def rank_test(ranks: Any, draws: int, *, bins: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Chi-square test of uniform ranks.

    Args:
        ranks: from `sbc_ranks`. [spectra, metabolites]
        draws: how many posterior draws there were.
        bins: into which the draws + 1 possible ranks are put as evenly as they go; fewer where there are fewer ranks or
            fewer than 5 spectra in a bin.

    Returns:
        Statistic and p value. [metabolites] each. A small p value (below 0.01, say) speaks against the posterior.

    Raises:
        InputError: a rank is not between 0 and `draws`, or there are too few spectra for two bins.
    """
    found = table(ranks, "ranks")
    if found.min() < 0 or found.max() > draws:
        raise InputError(
            f"ranks reach from {found.min():g} to {found.max():g}; with {draws} draws they lie within 0 to {draws}"
        )
    count = _bins(len(found), min(bins, draws + 1))
    bin_of_rank = np.arange(draws + 1) * count // (draws + 1)
    share = np.bincount(bin_of_rank, minlength=count) / (draws + 1)
    return _chi_square(bin_of_rank[found.astype(np.int64)], share)


def pit_test(pit: Any, *, bins: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Chi-square test of uniform probability integral transforms, as `Calibration.pit` holds them for Gaussians.

    Args:
        pit: between 0 and 1; NaN is left out. [spectra, metabolites]
        bins: equal ones; fewer where there would be fewer than 5 spectra in one.

    Returns:
        Statistic and p value. [metabolites] each.

    Raises:
        InputError: a value is not between 0 and 1, or there are too few spectra.
    """
    values = table(pit, "pit")
    known = values[~np.isnan(values)]
    if known.size and (known.min() < 0 or known.max() > 1):
        raise InputError(f"pit reaches from {known.min():g} to {known.max():g}; it must lie between 0 and 1")
    tests = []
    for column in values.T:
        own = column[~np.isnan(column)]
        count = _bins(own.size, bins)
        where = np.minimum((own * count).astype(np.int64), count - 1)
        tests.append(_chi_square(where[:, None], np.full(count, 1 / count)))
    return np.concatenate([test[0] for test in tests]), np.concatenate([test[1] for test in tests])


def ecdf_band(n: int, *, level: float = 0.95, points: int = 100, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Where the empirical distribution function of n uniform values stays as a whole with a probability.

    Pointwise binomial intervals, all at one level that makes them hold at every point at once; that level is found by
    simulation (Säilynoja, Bürkner, Vehtari 2022, Stat Comput 32:32, section 2).

    Args:
        n: values.
        level: probability that the whole curve stays inside.
        points: where it is looked at, evenly between 0 and 1.
        seed: of the simulation.

    Returns:
        Where, lower and upper limit of the distribution function. [points - 1] each, without 0 and 1.

    Raises:
        InputError: the level is not between 0 and 1, or there are no values or fewer than two points.
    """
    probability(level, "level")
    if n < 1 or points < 2:
        raise InputError(f"n is {n} and points {points}; a band needs at least 1 value and 2 points")
    where = np.arange(1, points) / points
    counts = np.random.default_rng(seed).multinomial(n, np.full(points, 1 / points), size=_BAND_DRAWS)
    curve = np.cumsum(counts, axis=1)[:, :-1]
    known = binom.cdf(np.arange(-1, n + 1)[:, None], n, where[None])  # [count + 1, points]
    column = np.arange(points - 1)[None]
    tail = 2 * np.minimum(known[curve + 1, column], 1 - known[curve, column])
    pointwise = np.quantile(tail.min(axis=1), 1 - level)
    low, high = binom.ppf(pointwise / 2, n, where), binom.ppf(1 - pointwise / 2, n, where)
    return where, low / n, high / n


def _bins(n: int, most: int) -> int:
    count = min(most, n // 5)
    if count < 2:
        raise InputError(f"there are {n} spectra; a test of uniformity needs at least 10, 5 in each of two bins")
    return count


def _chi_square(which: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Test of the bin numbers [spectra, metabolites] against the share that each bin should have."""
    expected = len(which) * share
    found = np.stack([np.bincount(column, minlength=share.size) for column in which.T])
    statistic = ((found - expected[None]) ** 2 / expected[None]).sum(axis=1)
    return statistic, chi2.sf(statistic, share.size - 1)
