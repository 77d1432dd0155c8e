"""Morlet filters of a wavelet scattering: centres, widths, responses, and how far their outputs can be thinned out.

Frequencies are in cycles per sample.
"""

from functools import lru_cache
from math import log, sqrt
from typing import NamedTuple

import numpy as np

# Distance from its centre at which the power of a Gaussian filter is one half, over its width.
HALF_POWER = sqrt(log(2))


class Filter(NamedTuple):
    """A Morlet wavelet."""

    centre: float
    width: float  # standard deviation of its response

    @property
    def edges(self) -> tuple[float, float]:
        """Where its power is one half."""
        return self.centre - HALF_POWER * self.width, self.centre + HALF_POWER * self.width


@lru_cache(maxsize=64)
def filters(per_octave: int, least: float) -> tuple[Filter, ...]:
    """Wavelets from the highest frequency down to where an average whose response has the width `least` takes over.

    Neighbours meet at half power. Centres fall geometrically while a wavelet is shorter than the average; below,
    all have the width of the average and stand at equal distances (Andén & Mallat 2014).
    """
    ratio = 2.0 ** (-1 / per_octave)
    # The wavelet above the first would be the mirror image, beyond the Nyquist frequency, of the first.
    centre = max(1 / (1 + 1 / ratio), 0.35)
    relative = (1 - ratio) / (1 + ratio) / HALF_POWER
    found = []
    while centre * relative > least:
        found.append(Filter(centre, centre * relative))
        centre *= ratio
    step = 2 * HALF_POWER * least
    centre = (found[-1].edges[0] if found else 0.5) - step / 2
    while centre > 0.75 * step:
        found.append(Filter(centre, least))
        centre -= step
    return tuple(found)


def _gaussian(n_points: int, centre: float, width: float) -> np.ndarray:
    """At the frequencies of a Fourier transform, repeated with the period 1 of sampled signals."""
    frequency = np.fft.fftfreq(n_points)
    return sum(np.exp(-((frequency - centre + turn) ** 2) / (2 * width**2)) for turn in range(-3, 4))


def average(n_points: int, least: float) -> np.ndarray:
    """Response of the average, a Gaussian. [points]"""
    return _gaussian(n_points, 0.0, least)


def _morlet(n_points: int, wavelet: Filter) -> np.ndarray:
    """A Gaussian, less the one at frequency zero that makes its mean vanish."""
    gabor, low = _gaussian(n_points, *wavelet), _gaussian(n_points, 0.0, wavelet.width)
    return gabor - gabor[0] / low[0] * low


@lru_cache(maxsize=16)
def responses(per_octave: int, least: float, n_points: int) -> np.ndarray:
    r"""Responses of `filters`, with one factor for all that makes them contract. [filters, points]

    $|\hat\phi(\omega)|^2 + \frac12 \sum_\lambda (|\hat\psi_\lambda(\omega)|^2 + |\hat\psi_\lambda(-\omega)|^2) \le 1$.
    """
    bank = np.stack([_morlet(n_points, wavelet) for wavelet in filters(per_octave, least)])
    power = littlewood_paley(bank)
    room = 1 - average(n_points, least) ** 2
    felt = power > 1e-6 * power.max()
    return bank * sqrt(np.min(room[felt] / power[felt]))


def littlewood_paley(bank: np.ndarray) -> np.ndarray:
    """Power that real signals have after a bank of filters, over that before, at each frequency. [points]"""
    power = np.sum(bank**2, axis=0)
    return (power + np.roll(power[::-1], 1)) / 2


def thinning(wavelet: Filter, averaging: int, oversampling: int) -> int:
    """How many times the modulus of a wavelet's output can be halved in length.

    The output lies within five widths to either side of its centre; where that is does not matter to its modulus. Each
    `oversampling` halves once less.
    """
    room = int(np.floor(np.log2(1 / (10 * wavelet.width)))) if wavelet.width < 0.1 else 0
    return int(np.clip(room - oversampling, 0, np.log2(averaging)))
