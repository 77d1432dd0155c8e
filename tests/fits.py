"""Fits that several test files look at; each is made once."""

from functools import cache

import numpy as np
import synthetic

from diffmrs.data import Header, MRSData
from diffmrs.fit import FitResult, fit

NOISE_SD = 0.5
BAD_ROW = 1


def noisy(seed: int) -> np.ndarray:
    return synthetic.fid(noise_sd=NOISE_SD, seed=seed).astype(np.complex64)


@cache
def one() -> FitResult:
    return fit(MRSData(noisy(0), synthetic.ACQUISITION), synthetic.basis())


@cache
def batch() -> FitResult:
    """Four transients, the second of which holds NaN."""
    fids = np.stack([noisy(seed) for seed in range(4)])
    fids[BAD_ROW, 7] = np.nan
    return fit(MRSData(fids[None, None, None], synthetic.ACQUISITION, ("DIM_DYN",)), synthetic.basis())


def volume() -> MRSData:
    """2 x 2 x 1 voxels with two spectra each; one of the eight holds NaN."""
    fids = np.stack([noisy(seed) for seed in range(8)])
    fids[BAD_ROW, 7] = np.nan
    meta = f'{{"SpectrometerFrequency": [{synthetic.ACQUISITION.spectrometer_frequency_mhz}], "ResonantNucleus": ["1H"]}}'
    return MRSData(fids.reshape(2, 2, 1, 2, -1), synthetic.ACQUISITION, ("DIM_DYN",), Header(meta))


@cache
def mrsi() -> FitResult:
    return fit(volume(), synthetic.basis())
