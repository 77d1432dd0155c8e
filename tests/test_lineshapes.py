"""Lines that are not Voigt: a free kernel finds what they look like, and the amplitudes with it."""

from functools import cache

import numpy as np
import pytest
from synthetic import ACQUISITION, LINES, N_POINTS, basis, lines_fid

from diffmrs.data import MRSData
from diffmrs.fitting import fit
from diffmrs.model import Lineshape, PolynomialBaseline

pytestmark = pytest.mark.slow  # kernels and several models: mostly compilation

TRUTH = {"NAA": 12.0, "Cr": 8.0, "GPC": 1.4, "Ins": 6.0, "Glu": 9.0}
KERNEL = Lineshape(kernel_half_width_hz=12.0, kernel_spacing_hz=2.0)
TIME = np.arange(N_POINTS) * ACQUISITION.dwell_time_s
VOIGT, THREE, SKEWED, EDDY = range(4)


def shapes() -> np.ndarray:
    """What multiplies the FIDs of four spectra, over a Lorentzian of 2 Hz."""
    voigt = np.exp(-((np.pi * 5 * TIME) ** 2) / (4 * np.log(2)))
    three = np.array([0.5, 0.3, 0.2]) @ np.exp(2j * np.pi * np.array([-4.0, 2.0, 8.0])[:, None] * TIME)
    skewed = np.exp(2j * np.pi * -3 * TIME) / (1 - 2j * np.pi * 4.0 * TIME)  # an exponential distribution of fields
    eddy = voigt * np.exp(0.8j * np.exp(-TIME / 0.06))
    return np.stack([voigt, three, skewed, eddy]) * np.exp(-np.pi * 2 * TIME)


@cache
def answer(lineshape: Lineshape):
    clean = sum(value * lines_fid(LINES[name]) for name, value in TRUTH.items())
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(4, N_POINTS, 2)) @ np.array([0.25, 0.25j])
    data = MRSData(clean * shapes() + noise, ACQUISITION, ("DIM_DYN",))
    return fit(data, basis(tuple(TRUTH)), priors="none", baseline=PolynomialBaseline(1), lineshape=lineshape).estimate


def error(estimate) -> np.ndarray:
    """Relative errors of the amplitudes, root of the mean square. [spectra]"""
    truth = np.array(list(TRUTH.values()))
    return np.sqrt(np.mean((np.asarray(estimate.parameters.amplitude) / truth - 1) ** 2, axis=1))


@pytest.mark.thorough
def test_a_kernel_finds_amplitudes_that_voigt_lines_miss():
    plain, free = error(answer(Lineshape())), error(answer(KERNEL))
    assert plain[THREE] > 0.02 and plain[SKEWED] > 0.02
    assert free[THREE] < 0.55 * plain[THREE]
    assert free[SKEWED] < 0.5 * plain[SKEWED]


def test_a_kernel_follows_lines_that_eddy_currents_distort():
    plain, free = answer(Lineshape()), answer(KERNEL)
    assert float(free.chi2_reduced[EDDY]) < 0.3 * float(plain.chi2_reduced[EDDY])
    assert error(free)[EDDY] < 0.04


def test_a_kernel_is_a_distribution():
    kernel = np.asarray(answer(KERNEL).parameters.lineshape)
    assert kernel.shape == (4, KERNEL.n_kernel) and KERNEL.n_kernel == 13
    assert (kernel >= 0).all()
    np.testing.assert_allclose(kernel.sum(axis=1), 1.0, atol=0.01)


def test_a_kernel_does_little_harm_to_voigt_lines():
    plain, free = answer(Lineshape()), answer(KERNEL)
    gap = np.asarray(free.parameters.amplitude - plain.parameters.amplitude)[VOIGT]
    assert np.abs(gap / np.asarray(free.sd.amplitude)[VOIGT]).max() < 2
    assert error(free)[VOIGT] < 0.01
    assert (np.asarray(free.sd.amplitude)[VOIGT] > 0.99 * np.asarray(plain.sd.amplitude)[VOIGT]).all()
