"""Whether stated uncertainties are right: coverage, width, CRPS, NLL, PIT, and whether large ones go with large errors.

An interval of 95 % covers the truth in 95 % of spectra drawn from the prior when the posterior is right for that prior.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from diffmrs.errors import InputError
from diffmrs.scores.arrays import masked_mean, pair, posterior, probability
from diffmrs.scores.proper import crps_gaussian, crps_samples, nll_gaussian

LEVELS = (0.5, 0.68, 0.9, 0.95)
_EXPECTED_DRAWS = 32


@dataclass(frozen=True)
class Calibration:
    """Scores of the uncertainties of each metabolite, over the spectra that have one.

    Attributes:
        levels: nominal coverage. [levels]
        coverage: share of truths inside the interval of each level, limits included. [levels, metabolites]
        coverage_se: standard error of that, binomial, at the nominal level: what the coverage of perfect intervals
            scatters by. [levels, metabolites]
        width: mean width of the intervals, in units of the truth. [levels, metabolites]
        crps: mean continuous ranked probability score, in units of the truth; less is better. [metabolites]
        nll: mean negative log density of the Gaussian with the stated mean and SD at the truth. [metabolites]
        z_mean: mean of (truth - mean) / SD; 0 when right. [metabolites]
        z_sd: root mean square of the same; 1 when right, above for SDs that are too small. [metabolites]
        error_correlation: rank correlation (Spearman) of SD and modulus of the error; NaN where all SDs are alike.
        error_correlation_expected: the same if errors were Gaussian with exactly these SDs. [metabolites]
        pit: probability that the stated distribution puts below each truth; NaN where there is none.
            [spectra, metabolites]
        n: spectra that count. [metabolites]
        failed: share of spectra without a finite mean and a finite, positive SD. [metabolites]
    """

    levels: tuple[float, ...]
    coverage: np.ndarray
    coverage_se: np.ndarray
    width: np.ndarray
    crps: np.ndarray
    nll: np.ndarray
    z_mean: np.ndarray
    z_sd: np.ndarray
    error_correlation: np.ndarray
    error_correlation_expected: np.ndarray
    pit: np.ndarray
    n: np.ndarray
    failed: np.ndarray


def gaussian_calibration(truth: Any, mean: Any, sd: Any, *, levels: Sequence[float] = LEVELS) -> Calibration:
    """Calibration of Gaussians: means with standard deviations.

    Args:
        truth: finite. [spectra, metabolites]
        mean: estimate. [spectra, metabolites]
        sd: its stated standard deviation; what is not finite and positive counts as failed. [spectra, metabolites]
        levels: nominal coverages, each between 0 and 1.

    Raises:
        InputError: shapes do not fit, the truth is not finite, or a level makes no sense.
    """
    true, centre = pair(truth, mean, "mean")
    _, sigma = pair(truth, sd, "sd")
    good = np.isfinite(centre) & np.isfinite(sigma) & (sigma > 0)
    centre, sigma = np.where(good, centre, true), np.where(good, sigma, 1.0)
    half = ndtri(0.5 + 0.5 * np.array(_levels(levels)))[:, None, None] * sigma[None]
    pit = ndtr((true - centre) / sigma)
    return _calibration(true, centre, sigma, good, levels, centre - half, centre + half, pit, crps_gaussian)


def sample_calibration(truth: Any, samples: Any, *, levels: Sequence[float] = LEVELS) -> Calibration:
    """Calibration of posterior samples.

    Intervals are central quantiles; NLL is that of the Gaussian with the moments of the samples. Quantiles are those at
    p(m + 1) of m sorted draws: the interval between two of them covers exactly as often as it says when the truth is
    exchangeable with the draws. With few draws the widest intervals reach from the smallest to the largest draw and
    cover (m - 1)/(m + 1): for 95 % take at least 40, better 100 or more.

    Args:
        truth: finite. [spectra, metabolites]
        samples: draws; a spectrum with one that is not finite counts as failed. [draws, spectra, metabolites]
        levels: nominal coverages, each between 0 and 1.

    Raises:
        InputError: shapes do not fit, the truth is not finite, or a level makes no sense.
    """
    true, drawn = posterior(truth, samples)
    good = np.isfinite(drawn).all(axis=0)
    drawn = np.where(good[None], drawn, true[None])
    centre, sigma = drawn.mean(axis=0), drawn.std(axis=0, ddof=1)
    good &= sigma > 0
    tails = 0.5 - 0.5 * np.array(_levels(levels))
    low = np.quantile(drawn, tails, axis=0, method="weibull")
    high = np.quantile(drawn, 1 - tails, axis=0, method="weibull")
    less, equal = (drawn < true[None]).sum(axis=0), (drawn == true[None]).sum(axis=0)
    pit = (less + 0.5 * equal + 0.5) / (len(drawn) + 1)
    sigma = np.where(good, sigma, 1.0)

    def crps(true: np.ndarray, *_: np.ndarray) -> np.ndarray:
        return crps_samples(true, drawn)

    return _calibration(true, centre, sigma, good, levels, low, high, pit, crps)


def _calibration(
    true: np.ndarray,
    centre: np.ndarray,
    sigma: np.ndarray,
    good: np.ndarray,
    levels: Sequence[float],
    low: np.ndarray,
    high: np.ndarray,
    pit: np.ndarray,
    crps: Any,
) -> Calibration:
    count = good.sum(axis=0)
    nominal = np.array(_levels(levels))[:, None]
    inside = (true[None] >= low) & (true[None] <= high)
    z = (true - centre) / sigma
    correlation, expected = _error_correlation(np.abs(true - centre), sigma, good)
    with np.errstate(divide="ignore"):
        scatter = np.where(count > 0, np.sqrt(nominal * (1 - nominal) / count[None]), np.nan)
    return Calibration(
        levels=_levels(levels),
        coverage=np.stack([masked_mean(one, good) for one in inside]),
        coverage_se=scatter,
        width=np.stack([masked_mean(one, good) for one in high - low]),
        crps=masked_mean(crps(true, centre, sigma), good),
        nll=masked_mean(nll_gaussian(true, centre, sigma), good),
        z_mean=masked_mean(z, good),
        z_sd=np.sqrt(masked_mean(z**2, good)),
        error_correlation=correlation,
        error_correlation_expected=expected,
        pit=np.where(good, pit, np.nan),
        n=count,
        failed=1 - count / len(true),
    )


def _error_correlation(error: np.ndarray, sigma: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spearman's correlation of SD and |error|, and its mean over Gaussian errors with these SDs. [metabolites]"""
    random = np.random.default_rng(0)
    found, expected = [], []
    for mine, sd, kept in zip(error.T, sigma.T, good.T, strict=True):
        own = sd[kept]
        if own.size < 3 or np.ptp(own) == 0:
            found.append(np.nan)
            expected.append(np.nan)
            continue
        draws = np.abs(random.standard_normal((_EXPECTED_DRAWS, own.size))) * own[None]
        ranks = rankdata(np.concatenate([mine[kept][None], draws]), axis=-1)
        ranks -= ranks.mean(axis=-1, keepdims=True)
        wanted = rankdata(own) - (own.size + 1) / 2
        size = np.sqrt((ranks**2).sum(axis=-1) * (wanted @ wanted))
        with np.errstate(invalid="ignore"):
            each = np.where(size > 0, (ranks @ wanted) / size, np.nan)
        found.append(each[0])
        expected.append(each[1:].mean())
    return np.array(found), np.array(expected)


def _levels(levels: Sequence[float]) -> tuple[float, ...]:
    if not len(levels):
        raise InputError("levels is empty; at least one nominal coverage is needed")
    return tuple(probability(level, "a level") for level in levels)
