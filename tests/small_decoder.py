"""A decoder of two singlets and a third close by, small enough for tests of learned estimators."""

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.learn.decoder import decoder_for
from diffmrs.learn.latent import latent_for
from diffmrs.model import NoBaseline, SignalModel
from diffmrs.simulate import LogNormal, Normal, Population, Uniform

ACQUISITION = Acquisition(1 / 1200, 123.2)
POINTS = 64
NOISE = 0.5
PPM = (2.0, 3.0, 3.2)


def small_decoder(*, gain=False, ranges=False):
    """Amplitudes 1 ± 0.3, one width, shift and phase; Gaussian or uniform."""
    time_s = np.arange(POINTS) * ACQUISITION.dwell_time_s
    hz = np.array([ACQUISITION.ppm_to_hz(ppm) for ppm in PPM])
    fid = np.exp((2j * np.pi * hz[:, None] - 30.0) * time_s[None]).astype(np.complex64)
    model = SignalModel(ACQUISITION, POINTS, (0, POINTS), (0,) * 3, (0,) * 3, NoBaseline())

    def spread(low, high):
        return Uniform(low, high) if ranges else Normal((low + high) / 2, (high - low) / 4)

    population = Population(
        amplitude=spread(0.4, 1.6),
        frequency_shift_hz=spread(-4.0, 4.0),
        lorentzian_fwhm_hz=spread(2.0, 6.0),
        gaussian_fwhm_hz=Uniform(0.0, 0.0),
        phase0_rad=spread(-0.4, 0.4),
    )
    latent = latent_for(population, model, gain=LogNormal(1.0, 0.5) if gain else None)
    return decoder_for(Basis(fid, ACQUISITION, ("A", "B", "C")), latent)


def spectra(decoder, count, seed):
    """Coordinates from the prior, spectra without noise, and noise of standard deviation 1."""
    rng = np.random.default_rng(seed)
    z = jnp.asarray(rng.normal(size=(count, decoder.latent.size)), jnp.zeros(()).dtype)
    clean = jax.jit(jax.vmap(decoder.spectrum))(z)
    white = rng.normal(size=(2, *clean.shape))
    return z, clean, jnp.asarray(white[0] + 1j * white[1], clean.dtype)
