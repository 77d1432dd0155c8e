"""How wide lines are: those of a basis set by themselves, and those that a lineshape kernel has spread."""

import numpy as np

from diffmrs.data import Basis, is_macromolecule
from diffmrs.lineshape import GAUSSIAN_EXPONENT

_DURATION_S, _BANDWIDTH_HZ = 8.0, 512.0  # of the line that is measured: more than any kernel spans


def basis_linewidth_hz(basis: Basis) -> float:
    """Full width at half maximum of the narrowest line in a basis, Hz.

    Each member's tallest line is measured on a zero-filled spectrum, phased to it. A short exponential is applied
    before and its width subtracted after, so that the end of the FID does not broaden the line.

    Macromolecules do not count, unless there is nothing else.
    """
    light = np.array([not is_macromolecule(name) for name in basis.names])
    fid = np.asarray(basis.fid)[light if light.any() else slice(None)]
    time_s = basis.acquisition.time_s(basis.n_points)
    added_hz = 2.0 / (basis.n_points * basis.acquisition.dwell_time_s)
    n_filled = 16 * basis.n_points
    bin_hz = basis.acquisition.bandwidth_hz / n_filled
    widths = []
    for row in fid * np.exp(-np.pi * added_hz * time_s):
        spectrum = np.fft.fft(row - 0.5 * row[0] * (time_s == 0), n_filled)
        peak = int(np.abs(spectrum).argmax())
        line = np.roll((spectrum * np.conj(spectrum[peak])).real, n_filled // 2 - peak)
        widths.append(width_at_half_height(line, n_filled // 2) * bin_hz - added_hz)
    return max(min(widths), 0.0)


def kernel_line_width_hz(lorentz_hz: float, gauss_hz: float, kernel_hz: np.ndarray, weights: np.ndarray) -> float:
    """Full width at half maximum, around its tallest point, of a Voigt line convolved with a lineshape kernel, Hz.

    The kernel counts as the curve through its points, not as points.

    Args:
        lorentz_hz: Lorentzian width, Hz.
        gauss_hz: Gaussian width, Hz.
        kernel_hz: frequency of each point of the kernel, evenly spaced, Hz.
        weights: of each point.
    """
    n = int(_DURATION_S * _BANDWIDTH_HZ)
    time_s = np.arange(n) / _BANDWIDTH_HZ
    decay = np.exp(-np.pi * lorentz_hz * time_s - GAUSSIAN_EXPONENT * (gauss_hz * time_s) ** 2)
    spread = weights @ np.exp(2j * np.pi * kernel_hz[:, None] * time_s)
    spread = spread * np.sinc((kernel_hz[1] - kernel_hz[0]) * time_s) ** 2
    fid = decay * spread
    fid[0] *= 0.5
    line = np.fft.fft(fid).real
    peak = int(line.argmax())
    return width_at_half_height(np.roll(line, n // 2 - peak), n // 2) / _DURATION_S


def width_at_half_height(line: np.ndarray, peak: int) -> float:
    """Distance between the two crossings of half the height of `line[peak]`, in points."""
    half = 0.5 * line[peak]

    def reach(outward: np.ndarray) -> float:
        below = np.flatnonzero(outward < half)
        if below.size == 0:
            return float(outward.size)
        k = int(below[0])
        return float(k - 1 + (outward[k - 1] - half) / (outward[k - 1] - outward[k]))

    return reach(line[peak:]) + reach(line[peak::-1])
