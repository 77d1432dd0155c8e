"""Signal-to-noise ratio and width of a singlet, read off a spectrum without a fit."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

from diffmrs.axes import Acquisition
from diffmrs.quality.linewidth import width_at_half_height

_FILL = 8  # zero filling of the spectrum that the width is read off
_SIDE_PPM = 0.12  # beyond which, to either side, the ground that the line stands on is looked for


class Singlet(NamedTuple):
    """One line of a spectrum.

    Attributes:
        snr: height above its ground over the standard deviation of the noise in the real part of the spectrum.
        linewidth_hz: full width at half that height, Hz.
        ppm: where it stands.
        height: above its ground, as in the unscaled discrete Fourier transform.
        noise_sd: of the real part of the spectrum.
    """

    snr: float
    linewidth_hz: float
    ppm: float
    height: float
    noise_sd: float


def singlet_of(
    fid: Complex[np.ndarray, " points"], acquisition: Acquisition, window_ppm: tuple[float, float] = (1.9, 2.15)
) -> Singlet:
    """Look at the tallest line in a window, phased by itself.

    The ground is the mean of the spectrum 0.12 to 0.2 ppm to either side: broad signals below do not count. The noise
    is that of neighbouring points of the plain spectrum, whose differences are free of anything smooth.

    Args:
        fid: the FID, neither zero-filled nor apodised, or the noise comes out too small.
        acquisition: its sampling.
        window_ppm: where the line is looked for; the N-acetyl singlet of a 1H spectrum.

    Returns:
        `Singlet`; all NaN when the FID is not finite, or zero.
    """
    if not np.isfinite(fid).all() or not fid.any():
        return Singlet(*[float("nan")] * 5)
    halved = np.concatenate([0.5 * fid[:1], fid[1:]])
    n = _FILL * fid.size
    spectrum = np.fft.fft(halved, n)
    ppm = acquisition.hz_to_ppm(np.fft.fftfreq(n, acquisition.dwell_time_s))
    inside = np.flatnonzero((ppm > window_ppm[0]) & (ppm < window_ppm[1]))
    peak = int(inside[np.abs(spectrum[inside]).argmax()])
    line = (spectrum * np.exp(-1j * np.angle(spectrum[peak]))).real
    away = np.abs(ppm - ppm[peak])
    line = line - line[(away > _SIDE_PPM) & (away < 0.2)].mean()
    width = width_at_half_height(np.roll(line, n // 2 - peak), n // 2) * acquisition.bandwidth_hz / n
    noise = noise_of_spectrum(fid)
    return Singlet(float(line[peak] / noise), width, float(ppm[peak]), float(line[peak]), noise)


def noise_of_spectrum(fid: Complex[np.ndarray, " points"]) -> float:
    """Standard deviation of the noise in the real part of the unscaled spectrum of an FID.

    From second differences of neighbouring points, block by block; the median block counts.
    """
    spectrum = np.fft.fftshift(np.fft.fft(fid))
    second = (spectrum[:-2] - 2 * spectrum[1:-1] + spectrum[2:]) / np.sqrt(6.0)
    size = max(len(second) // 32, 8)
    blocks = second[: len(second) // size * size].reshape(-1, size)
    return float(np.sqrt(np.median(np.mean(np.abs(blocks) ** 2, axis=1)) / 2))
