"""Signals whose answer is known, for the tests of files: decaying lines at chosen chemical shifts."""

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis

ACQUISITION = Acquisition(dwell_time_s=0.00025, spectrometer_frequency_mhz=123.25)


def line(acquisition: Acquisition, n_points: int, ppm: float, fwhm_hz: float = 3.0) -> np.ndarray:
    """One Lorentzian line of amplitude 1, in the orientation of `diffmrs.axes`."""
    time = acquisition.time_s(n_points)
    return np.exp(2j * np.pi * acquisition.ppm_to_hz(ppm) * time - np.pi * fwhm_hz * time)


def peak_ppm(fid: np.ndarray, acquisition: Acquisition, ppm_range: tuple[float, float] = (-5.0, 15.0)) -> float:
    """Chemical shift of the largest peak of an FID within a range, zero-filled for a fine axis."""
    n_points = 8 * fid.shape[-1]
    halved = np.array(fid, dtype=np.complex128)
    halved[0] /= 2
    spectrum = np.abs(np.fft.fftshift(np.fft.fft(halved, n_points)))
    ppm = acquisition.ppm(n_points)
    return float(ppm[np.argmax(spectrum * ((ppm > ppm_range[0]) & (ppm < ppm_range[1])))])


def naa_and_creatine(acquisition: Acquisition = ACQUISITION, n_points: int = 512) -> Basis:
    """Two members whose main lines lie at 2.01 and 3.03 ppm."""
    naa = 3 * line(acquisition, n_points, 2.01, 12.0)
    creatine = 3 * line(acquisition, n_points, 3.03, 12.0) + 2 * line(acquisition, n_points, 3.91, 12.0)
    return Basis(np.stack([naa, creatine]), acquisition, ("NAA", "Cr"), "two lines")
