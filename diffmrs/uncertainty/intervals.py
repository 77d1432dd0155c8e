r"""Intervals for what cannot be negative: where the posterior density is highest, cut off at zero.

The density of a normal $N(c, s^2)$ above zero falls to both sides of $\max(c, 0)$, so the shortest interval of a given
mass lies symmetrically about $c$ where it has room to, and begins at zero where it has not (highest posterior density,
Box & Tiao 1973, section 2.8).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri, ndtri_exp

from diffmrs.errors import InputError


class Interval(NamedTuple):
    """Lower and upper limits, alike in shape."""

    low: np.ndarray
    high: np.ndarray


def truncated_normal_interval(centre: float | np.ndarray, sd: float | np.ndarray, level: float = 0.95) -> Interval:
    """Highest-density interval of the part of a normal that lies above zero.

    Args:
        centre: mean of the normal before it is cut, such as `Estimate.amplitude_centre`; may be negative. [...]
        sd: its standard deviation, such as `Estimate.amplitude_spread`. [...]
        level: mass inside the interval, between 0 and 1.

    Returns:
        Limits, at least 0; the lower one is exactly 0 where zero is not excluded. NaN where an input is NaN. [...]

    Raises:
        InputError: the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must be between 0 and 1")
    middle, width = np.broadcast_arrays(np.asarray(centre, np.float64), np.asarray(sd, np.float64))
    known = width > 0
    with np.errstate(invalid="ignore"):
        above = np.where(known, middle, 0.0) / np.where(known, width, 1.0)
        mass = ndtr(above)  # above zero
        reach = ndtri(0.5 * (1 + level * mass))
        # One side, from zero: the mass beyond the limit is what the interval leaves out; logarithms, as it may be tiny.
        one_sided = np.maximum(above - ndtri_exp(np.log1p(-level) + log_ndtr(above)), 0.0)
        room = above >= reach
        low = np.where(room, middle - reach * width, 0.0)
        high = np.where(room, middle + reach * width, one_sided * width)
    exact = width == 0
    missing = np.isnan(middle) | np.isnan(width)
    return Interval(
        np.where(missing, np.nan, np.where(exact, np.maximum(middle, 0.0), low)),
        np.where(missing, np.nan, np.where(exact, np.maximum(middle, 0.0), high)),
    )


def ratio_moments(
    value: float | np.ndarray,
    variance: float | np.ndarray,
    reference: float | np.ndarray,
    reference_variance: float | np.ndarray,
    covariance: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Centre and standard deviation of a ratio of two estimates, to first order (the delta method).

    $$\mathrm{var}\frac{a}{b} \approx \frac{\sigma_a^2 - 2\,r\,\sigma_{ab} + r^2 \sigma_b^2}{b^2}, \qquad r = \frac ab$$

    Args:
        value: the numerator. [...]
        variance: its variance. [...]
        reference: the denominator; the ratio is NaN where it is not positive. [...]
        reference_variance: its variance. [...]
        covariance: of the two. [...]

    Returns:
        The ratio and its standard deviation. [...] each
    """
    a, b = np.asarray(value, np.float64), np.asarray(reference, np.float64)
    positive = b > 0
    below = np.where(positive, b, 1.0)
    ratio = a / below
    spread = np.asarray(variance) - 2 * ratio * np.asarray(covariance) + ratio**2 * np.asarray(reference_variance)
    sd = np.sqrt(np.maximum(spread, 0.0)) / below
    return np.where(positive, ratio, np.nan), np.where(positive, sd, np.nan)
