"""A small basis and spectra with known truth, for tests: written in plain NumPy, sharing no code with the library."""

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData

ACQUISITION = Acquisition(dwell_time_s=5e-4, spectrometer_frequency_mhz=123.2)
N_POINTS = 1024
LINES = {  # ppm, protons, splitting in Hz (0: singlet), Gaussian width in Hz
    "NAA": [(2.008, 3, 0, 0), (2.59, 1, 9, 0), (4.38, 1, 6, 0)],
    "Cr": [(3.027, 3, 0, 0), (3.913, 2, 0, 0)],
    "PCr": [(3.029, 3, 0, 0), (3.930, 2, 0, 0)],
    "GPC": [(3.212, 9, 0, 0), (3.66, 4, 6, 0)],
    "Ins": [(3.52, 3, 8, 0), (3.61, 2, 9, 0), (4.05, 1, 3, 0)],
    "Glu": [(2.34, 2, 7, 0), (2.08, 2, 8, 0), (3.75, 1, 6, 0)],
    "Lac": [(1.31, 3, 7, 0)],
    "MM09": [(0.91, 3, 0, 18), (1.4, 3, 0, 20), (2.05, 3, 0, 25)],
}
TRUTH = {"NAA": 12.0, "Cr": 4.5, "PCr": 3.5, "GPC": 1.4, "Ins": 6.0, "Glu": 9.0, "Lac": 0.6, "MM09": 8.0}


def lines_fid(lines, acquisition=ACQUISITION, n_points=N_POINTS) -> np.ndarray:
    time = np.arange(n_points) * acquisition.dwell_time_s
    fid = np.zeros(n_points, complex)
    for ppm, protons, splitting_hz, gauss_hz in lines:
        rotation = np.exp(-2j * np.pi * (ppm - 4.65) * acquisition.spectrometer_frequency_mhz * time)
        envelope = np.exp(-np.pi * 1.0 * time - (np.pi * gauss_hz * time) ** 2 / (4 * np.log(2)))
        fid += protons * rotation * np.cos(np.pi * splitting_hz * time) * envelope
    return fid


def basis(names=tuple(LINES), acquisition=ACQUISITION, n_points=N_POINTS) -> Basis:
    return Basis(np.stack([lines_fid(LINES[name], acquisition, n_points) for name in names]), acquisition, names)


def fid(
    *,
    lorentz_hz=3.0,
    gauss_hz=4.0,
    shift_hz=2.5,
    phase_rad=0.4,
    noise_sd=0.0,
    seed=0,
    truth=TRUTH,
    acquisition=ACQUISITION,
    n_points=N_POINTS,
) -> np.ndarray:
    """One FID; `noise_sd` is that of the real part of a sample."""
    time = np.arange(n_points) * acquisition.dwell_time_s
    total = sum(value * lines_fid(LINES[name], acquisition, n_points) for name, value in truth.items())
    decay = np.exp(-np.pi * lorentz_hz * time - (np.pi * gauss_hz * time) ** 2 / (4 * np.log(2)))
    clean = total * decay * np.exp(2j * np.pi * shift_hz * time + 1j * phase_rad)
    noise = np.random.default_rng(seed).normal(size=(n_points, 2)) @ np.array([1, 1j])
    return clean + noise_sd * noise


def data(**kwargs) -> MRSData:
    return MRSData(fid(**kwargs), kwargs.get("acquisition", ACQUISITION))


def truth_vector(names=tuple(LINES)) -> np.ndarray:
    return np.array([TRUTH[name] for name in names])
