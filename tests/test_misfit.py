"""Data that the model does not explain: uncertainties that grow, and regions that count for less."""

from functools import cache

import jax
import numpy as np
import pytest
from synthetic import ACQUISITION, N_POINTS, basis, fid

from diffmrs.data import MRSData
from diffmrs.fitting import fit
from diffmrs.model import PolynomialBaseline

pytestmark = pytest.mark.slow  # kernels and several models: mostly compilation

TRUTH = {"NAA": 12.0, "Cr": 8.0, "GPC": 1.4}
REGION = (0.5, 1.75)
CLEAN, SPOILT = 0, 1


def both() -> MRSData:
    """A spectrum, and the same with a line at 1.3 ppm that no member has."""
    plain = fid(truth=TRUTH, noise_sd=0.5, seed=5)
    time = np.arange(N_POINTS) * ACQUISITION.dwell_time_s
    frequency = (4.65 - 1.3) * ACQUISITION.spectrometer_frequency_mhz
    unknown = 3 * np.exp(2j * np.pi * frequency * time - (20 * time) ** 2)
    return MRSData(np.stack([plain, plain + unknown]), ACQUISITION, ("DIM_DYN",))


@cache
def answer(**options):
    return fit(both(), basis(tuple(TRUTH)), priors="none", baseline=PolynomialBaseline(3), **options).estimate


def test_uncertainties_grow_by_the_residual_over_the_noise_and_never_shrink():
    plain, grown = answer(), answer(inflate=True)
    chi2 = np.asarray(plain.chi2_reduced)
    assert chi2[CLEAN] < 1 and chi2[SPOILT] > 1.5
    factor = np.sqrt(np.maximum(chi2, 1.0))
    for before, after in zip(jax.tree.leaves(plain.sd), jax.tree.leaves(grown.sd), strict=True):
        expected = np.asarray(before) * factor.reshape((-1,) + (1,) * (before.ndim - 1))
        np.testing.assert_allclose(after, expected, rtol=1e-4)
    for name in ("amplitude_covariance", "crlb_covariance"):
        expected = np.asarray(getattr(plain, name)) * factor[:, None, None] ** 2
        np.testing.assert_allclose(getattr(grown, name), expected, rtol=1e-4)
    np.testing.assert_allclose(grown.parameters.amplitude, plain.parameters.amplitude, rtol=1e-6)
    np.testing.assert_allclose(grown.noise_sd, plain.noise_sd, rtol=1e-6)


def test_what_lies_in_a_region_of_large_noise_does_no_harm():
    scaled, plain = answer(noise_scale=((*REGION, 100.0),)), answer()

    def gap(estimate):
        amplitude = np.asarray(estimate.parameters.amplitude)
        return np.abs((amplitude[SPOILT] - amplitude[CLEAN]) / np.asarray(plain.sd.amplitude)[CLEAN]).max()

    assert gap(plain) > 3 * gap(scaled)
    assert gap(scaled) < 1
    assert np.asarray(scaled.chi2_reduced)[SPOILT] < 1.2
    # A little less is known: only the feet of these lines lay there.
    lost = np.asarray(scaled.sd.amplitude)[CLEAN] / np.asarray(plain.sd.amplitude)[CLEAN]
    assert (lost > 0.99).all() and (lost < 1.3).all()
    np.testing.assert_allclose(scaled.noise_sd, plain.noise_sd, rtol=1e-6)


@pytest.mark.thorough
def test_noise_that_counts_twice_everywhere_doubles_every_uncertainty():
    doubled, plain = answer(noise_scale=((-5.0, 15.0, 2.0),)), answer()
    np.testing.assert_allclose(doubled.parameters.amplitude, plain.parameters.amplitude, rtol=1e-3)
    ratio = np.asarray(doubled.sd.amplitude) / np.asarray(plain.sd.amplitude)
    assert ratio == pytest.approx(2.0, rel=1e-2)
    np.testing.assert_allclose(doubled.chi2_reduced, np.asarray(plain.chi2_reduced) / 4, rtol=1e-2)
