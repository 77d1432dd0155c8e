"""Transients with known offsets, for tests of registration: plain NumPy, sharing no code with the library."""

import numpy as np
from synthetic import ACQUISITION, fid

from diffmrs.axes import Acquisition

POINTS = 512
TIME = np.arange(POINTS) * ACQUISITION.dwell_time_s
CLEAN = fid(shift_hz=0.0, phase_rad=0.0, lorentz_hz=6.0, n_points=POINTS)


def moved(shift_hz, phase_rad, clean=CLEAN, acquisition: Acquisition = ACQUISITION):
    time = np.arange(clean.shape[-1]) * acquisition.dwell_time_s
    shift, phase = np.asarray(shift_hz)[..., None], np.asarray(phase_rad)[..., None]
    return clean * np.exp(1j * (2 * np.pi * shift * time + phase))


def noise(shape, sd, seed=0):
    return sd * (np.random.default_rng(seed).normal(size=(*shape, 2)) @ np.array([1, 1j]))


def drawn(count, *, span_hz=40.0, span_rad=np.pi, noise_sd=2.0, seed=0, clean=CLEAN):
    """FIDs [count, points] with uniform shifts and phases, and both."""
    rng = np.random.default_rng(seed)
    shift, phase = rng.uniform(-span_hz, span_hz, count), rng.uniform(-span_rad, span_rad, count)
    return moved(shift, phase, clean) + noise((count, clean.size), noise_sd, seed + 1), shift, phase


def bounds(noise_sd, clean=CLEAN):
    """Cramér-Rao bounds of shift, Hz, and phase, rad, with the amplitude unknown."""
    columns = np.stack([2j * np.pi * TIME[: clean.size] * clean, 1j * clean, clean])
    fisher = (columns.conj() @ columns.T).real / noise_sd**2
    return np.sqrt(np.diag(np.linalg.inv(fisher)))[:2]


def off(found, shift, phase):
    """Errors in Hz and rad, less what is common to all."""
    hz = np.asarray(found.shift_hz) - shift
    turn = np.exp(1j * (np.asarray(found.phase_rad) - phase))
    return hz - np.median(hz), np.angle(turn * np.conj(turn.mean()))
