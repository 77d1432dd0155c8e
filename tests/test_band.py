"""The band-limited FID against the whole one: the same spectrum in the window, whatever is shifted into it."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ACQUISITION, basis, fid, lines_fid

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.fitting import estimate, fit_fid, fit_table
from diffmrs.model import Lineshape, PolynomialBaseline, model_for, parameters_for, predict
from diffmrs.model.band import band_around

SHIFT_PPM = 0.3
SKEWED = Lineshape(asymmetric=True)
FAST = Acquisition(dwell_time_s=2e-4, spectrometer_frequency_mhz=123.2)


def a_model(the_basis, *, baseline=PolynomialBaseline(2), ppm_range=(0.5, 4.2), lineshape=SKEWED):
    members = len(the_basis.names)
    return model_for(
        the_basis,
        ppm_range=ppm_range,
        groups=tuple(range(members)),
        shims=(0,) * members,
        baseline=baseline,
        lineshape=lineshape,
    )


def with_lines_beside_the_window(acquisition, n_points) -> Basis:
    """Members in the window, on its edge, just outside, and at the water line."""
    lines = [[(2.0, 3, 0, 0)], [(4.19, 2, 5, 0)], [(4.4, 3, 0, 0)], [(0.3, 3, 6, 0)], [(4.65, 3, 0, 0)]]
    fids = np.stack([lines_fid(each, acquisition, n_points) for each in lines])
    return Basis(fids, acquisition, ("in", "edge", "above", "below", "water"))


predict_jit = jax.jit(predict, static_argnames="model")
SAMPLINGS = [(ACQUISITION, 1024), (ACQUISITION, 1023), (FAST, 2048), (FAST, 4095)]


@pytest.mark.parametrize(("acquisition", "n_points"), SAMPLINGS)
def test_the_band_shows_the_spectrum_of_the_whole_fid(acquisition, n_points):
    the_basis = with_lines_beside_the_window(acquisition, n_points)
    whole = a_model(the_basis)
    narrow = whole.banded(SHIFT_PPM + 0.15)  # as a fit leaves
    assert narrow.time_s.size < 0.9 * n_points
    fids = jnp.asarray(the_basis.fid, jnp.complex64)
    reduced = narrow.reduce_fid(fids)
    reach = SHIFT_PPM * acquisition.spectrometer_frequency_mhz

    @given(lorentz=st.floats(0, 15), gauss=st.floats(0, 15), shift=st.floats(-reach, reach), skewness=st.floats(-1, 1))
    @settings(deadline=None, max_examples=30, derandomize=True)
    def agrees(lorentz, gauss, shift, skewness):
        parameters = replace(
            parameters_for(
                whole,
                jnp.ones(5),
                lorentzian_fwhm_hz=lorentz,
                gaussian_fwhm_hz=gauss,
                frequency_shift_hz=shift,
                phase0_rad=0.7,
                delay_s=1e-4,
            ),
            third_moment_hz3=jnp.asarray([skewness * (gauss / 2.3548) ** 3]),
        )
        expected = np.asarray(predict_jit(parameters, fids, whole))
        got = np.asarray(predict_jit(parameters, reduced, narrow))
        assert np.abs(got - expected).max() < 2e-3 * np.abs(expected).max()

    agrees()


def test_each_member_alone_keeps_its_spectrum(x64):
    the_basis = with_lines_beside_the_window(FAST, 2048)
    whole = a_model(the_basis)
    narrow = whole.banded(SHIFT_PPM)
    fids = jnp.asarray(the_basis.fid)
    for member in range(4):
        amplitude = jnp.zeros(5).at[member].set(1.0)
        parameters = parameters_for(whole, amplitude, lorentzian_fwhm_hz=2.0, gaussian_fwhm_hz=3.0)
        expected = np.asarray(predict_jit(parameters, fids, whole))
        got = np.asarray(predict_jit(parameters, narrow.reduce_fid(fids), narrow))
        peak = np.abs(np.fft.fft(np.asarray(the_basis.fid[member]) * np.exp(-5 * np.pi * FAST.time_s(2048)))).max()
        assert np.abs(got - expected).max() < 1e-3 * peak, the_basis.names[member]


@pytest.mark.slow
def test_a_fit_on_the_band_is_the_fit_on_the_whole(monkeypatch):
    the_basis = basis(("NAA", "Cr", "GPC", "Ins"))
    model = a_model(the_basis, lineshape=Lineshape())
    fids = jnp.asarray(the_basis.fid, jnp.complex64)
    truth = {"NAA": 12.0, "Cr": 8.0, "GPC": 1.4, "Ins": 6.0}
    data = jnp.asarray(fid(truth=truth, noise_sd=0.35, shift_hz=30.0), jnp.complex64)

    def answer():
        return jax.jit(lambda y: fit_fid(y, fit_table(fids, model), model))(data)

    assert estimate.banded(model, estimate.Bounds()).band is not None
    narrow = answer()
    monkeypatch.setattr(estimate, "banded", lambda model, bounds: model)
    whole = answer()
    gap = (narrow.parameters.amplitude - whole.parameters.amplitude) / whole.sd.amplitude
    assert np.abs(gap).max() < 0.1
    assert np.abs(narrow.parameters.frequency_shift_hz - whole.parameters.frequency_shift_hz).max() < 0.02
    np.testing.assert_allclose(narrow.sd.amplitude, whole.sd.amplitude, rtol=0.01)


@pytest.mark.parametrize(
    "window",
    [
        (0, 300),  # begins where the spectrum does: no room for a margin
        (724, 1024),
        (200, 700),  # half of the spectrum with its margins: nothing to gain
    ],
)
def test_there_is_no_band_where_it_saves_nothing(window):
    assert band_around(ACQUISITION, 1024, window, 20.0) is None
    assert band_around(FAST, 4096, (1900, 2300), 20.0) is not None


def test_a_model_without_a_band_leaves_fids_as_they_are():
    the_basis = basis(("NAA", "Cr"))
    model = a_model(the_basis, ppm_range=(-2.0, 11.0)).banded(SHIFT_PPM)
    assert model.band is None
    fids = jnp.asarray(the_basis.fid)
    assert model.reduce_fid(fids) is fids
