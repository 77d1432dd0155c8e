r"""Proper scores of a forecast distribution: they are best, on average, for the true one alone.

CRPS (Gneiting & Raftery 2007, J Am Stat Assoc 102:359, eqs. 20, 21), the integral of the squared difference between
the forecast distribution function and the step at the truth; for a forecast without spread it is the absolute error.
"""

from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtr

_SQRT_PI = np.sqrt(np.pi)


def crps_gaussian(truth: Any, mean: Any, sd: Any) -> np.ndarray:
    r"""CRPS of Gaussians, $\sigma [z (2\Phi(z) - 1) + 2\varphi(z) - 1/\sqrt\pi]$ with $z = (t - \mu)/\sigma$.

    Args:
        truth: in any unit, any shape.
        mean: of the Gaussian.
        sd: its standard deviation, positive.
    """
    true, sigma = np.asarray(truth, np.float64), np.asarray(sd, np.float64)
    z = (true - np.asarray(mean, np.float64)) / sigma
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray(sigma * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / _SQRT_PI))


def crps_samples(truth: Any, samples: Any) -> np.ndarray:
    r"""CRPS from samples, $\overline{|x - t|} - \tfrac12 \overline{|x - x'|}$ over all pairs of different draws.

    Without pairs of a draw with itself it is fair: its expectation does not depend on the number of draws (Ferro 2014,
    Q J R Meteorol Soc 140:1917). It may be negative for a single spectrum.

    Args:
        truth: [...]
        samples: [draws, ...]
    """
    true, drawn = np.asarray(truth, np.float64), np.sort(np.asarray(samples, np.float64), axis=0)
    m = drawn.shape[0]
    weight = (2 * np.arange(m) - m + 1).reshape((-1,) + (1,) * true.ndim)
    apart = 2 * (weight * drawn).sum(axis=0) / (m * (m - 1))
    return np.abs(drawn - true[None]).mean(axis=0) - 0.5 * apart


def nll_gaussian(truth: Any, mean: Any, sd: Any) -> np.ndarray:
    """Negative logarithm of the density of Gaussians at the truth: smaller is better; any shape."""
    sigma = np.asarray(sd, np.float64)
    z = (np.asarray(truth, np.float64) - np.asarray(mean, np.float64)) / sigma
    return np.asarray(0.5 * z**2 + np.log(sigma) + 0.5 * np.log(2 * np.pi))


def nll_truncated(truth: Any, mean: Any, sd: Any) -> np.ndarray:
    """The same for Gaussians cut off below 0, as amplitudes that cannot be negative have."""
    ratio = np.asarray(mean, np.float64) / np.asarray(sd, np.float64)
    return np.asarray(nll_gaussian(truth, mean, sd) + log_ndtr(ratio))
