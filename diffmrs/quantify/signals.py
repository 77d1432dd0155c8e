"""How large the signal of water and of one proton of the basis is at time zero, whatever the lines look like.

An FID extrapolated to its first moment counts every proton once: no line shape, no limits of integration and no
baseline enter. It is what a fitted amplitude means, and so the default of this library (`AtTimeZero`).
"""

from dataclasses import dataclass

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError

# Methyl singlets, not coupled to anything, that tell what one proton weighs in a basis: member, ppm, protons.
_SINGLETS = (
    ("Cr", 3.027, 3),
    ("PCr", 3.029, 3),
    ("NAA", 2.008, 3),
    ("GPC", 3.212, 9),
    ("PCh", 3.208, 9),
    ("Ace", 1.904, 3),
)
_SINGLET_WINDOW_S = 0.06


@dataclass(frozen=True)
class AtTimeZero:
    """Signals are those of the FIDs at time zero."""

    words = "FIDs extrapolated to time zero"

    def water(self, fid: np.ndarray, acquisition: Acquisition) -> float:
        """Signal of the water (see `water_signal`)."""
        return water_signal(fid, acquisition)

    def proton(self, basis: Basis) -> float:
        """Signal of one proton of the basis (see `proton_signal`)."""
        return proton_signal(basis)


def water_signal(fid: np.ndarray, acquisition: Acquisition) -> float:
    """Magnitude of a water FID at time zero.

    The logarithm of the magnitude is followed by a parabola (a Voigt line decays so) from the second point, as the
    first may be halved or filtered, to where half of the signal is left, and extended to zero. The magnitude does
    not see eddy currents.

    Raises:
        InputError: the FID is not finite or does not start with its largest signal, as water does.
    """
    magnitude = np.abs(fid)
    if not np.isfinite(magnitude).all() or not magnitude.any():
        raise InputError("the water scan holds NaN, infinite samples or only zeros")
    start = magnitude[1:6].max()
    low = np.flatnonzero(magnitude[1:] < 0.5 * start)
    stop = int(low[0]) + 1 if low.size else magnitude.size
    if stop < 8:
        raise InputError(
            f"the water scan falls to half of its signal within {stop} points; this is not an unsuppressed water FID"
        )
    time = acquisition.time_s(magnitude.size)[1:stop]
    return float(np.exp(np.polynomial.polynomial.polyfit(time, np.log(magnitude[1:stop]), 2)[0]))


def proton_signal(basis: Basis) -> float:
    """Signal of one proton in the basis at time zero, from the first methyl singlet found in it.

    Raises:
        InputError: the basis has none of the members whose singlets are known.
    """
    for name, ppm, protons in _SINGLETS:
        if name in basis.names:
            fid = np.asarray(basis.fid)[basis.index(name)]
            return singlet_signal(fid, basis.acquisition, ppm) / protons
    known = ", ".join(name for name, _, _ in _SINGLETS)
    raise InputError(
        f"the basis holds none of {known}, whose methyl singlets tell the signal of one proton; "
        "without one, water cannot give concentrations"
    )


def singlet_signal(fid: np.ndarray, acquisition: Acquisition, ppm: float) -> float:
    """Magnitude at time zero of the singlet at `ppm`, other lines of the FID left out.

    Rotated to rest and averaged under Blackman windows of 60 ms at several times, every line more than about 50 Hz away
    vanishes. A parabola through the logarithms of the averages, as a Voigt line decays, is extended to zero: basis sets
    come with Lorentzian and with Gaussian lines.
    """
    length = min(round(_SINGLET_WINDOW_S / acquisition.dwell_time_s), fid.size // 4)
    rest = fid * np.exp(-2j * np.pi * acquisition.ppm_to_hz(ppm) * acquisition.time_s(fid.size))
    window = np.blackman(length + 2)[1:-1]
    starts = np.arange(9) * (length // 4)
    averages = np.array([np.abs(rest[first : first + length] @ window) for first in starts]) / window.sum()
    time = acquisition.dwell_time_s * (starts + (length - 1) / 2)
    return float(np.exp(np.polynomial.polynomial.polyfit(time, np.log(averages), 2)[0]))
