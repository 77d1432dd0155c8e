"""One fit of four spectra that several test files look at, in the shape each needs: compiling it takes seconds."""

from functools import cache

import jax
import numpy as np
import synthetic

from diffmrs.data import Basis, Header, MRSData
from diffmrs.fitting import FitResult, fit

NOISE_SD = 0.5
BAD_ROW = 1


def noisy(seed: int) -> np.ndarray:
    return synthetic.fid(noise_sd=NOISE_SD, seed=seed).astype(np.complex64)


BASIS: Basis = synthetic.basis(tuple(sorted(synthetic.LINES)))
_META = f'{{"SpectrometerFrequency": [{synthetic.ACQUISITION.spectrometer_frequency_mhz}], "ResonantNucleus": ["1H"]}}'


def water_fid() -> np.ndarray:
    """An unsuppressed water FID with eddy currents."""
    time = synthetic.ACQUISITION.time_s(synthetic.N_POINTS)
    return (2e4 * np.exp(-15 * time + 1j * np.exp(-time / 0.03))).astype(np.complex64)


def batch_data() -> MRSData:
    """Four transients, the second of which holds NaN."""
    fids = np.stack([noisy(seed) for seed in range(4)])
    fids[BAD_ROW, 7] = np.nan
    return MRSData(fids[None, None, None], synthetic.ACQUISITION, ("DIM_DYN",), Header(_META))


def volume() -> MRSData:
    """The same in 2 x 2 x 1 voxels."""
    return MRSData(batch_data().fid.reshape(2, 2, 1, -1), synthetic.ACQUISITION, (), Header(_META))


def single() -> MRSData:
    """The first of them alone."""
    return MRSData(batch_data().fid[:, :, :, 0], synthetic.ACQUISITION, (), Header(_META))


@cache
def batch() -> FitResult:
    return fit(batch_data(), BASIS)


def mrsi() -> FitResult:
    return _reshaped(batch(), volume())


def one() -> FitResult:
    return _reshaped(batch(), single())


def _reshaped(result: FitResult, data: MRSData) -> FitResult:
    lead = data.fid.shape[:-1]
    estimate = jax.tree.map(lambda leaf: leaf[: data.n_spectra].reshape(*lead, *leaf.shape[1:]), result.flat())
    return FitResult(data, result.basis, result.model, result.priors, estimate)
