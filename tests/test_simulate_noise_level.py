"""Noise is as strong as each definition of the signal-to-noise ratio says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmrs.axes import spectrum_of
from diffmrs.errors import InputError
from diffmrs.model import NoBaseline, model_for
from diffmrs.simulate import SNR_DEFINITIONS, Population, Uniform, noise_sd_for, simulate_spectra, snr_of

N, DWELL, RATE, SIZE = 512, 5e-4, 20.0, 3.0
SINGLET = jnp.asarray(SIZE * np.exp(-RATE * DWELL * np.arange(N)))  # phased, at zero frequency
GEOMETRIC = (1 - np.exp(-RATE * DWELL * N)) / (1 - np.exp(-RATE * DWELL))
SPECTRUM_NOISE = np.sqrt(N - 0.75)


def complex_of(values):
    return values.astype(jnp.result_type(values.dtype, jnp.complex64))


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("peak", SIZE * (GEOMETRIC - 0.5) / SPECTRUM_NOISE),
        ("magnitude", SIZE * (GEOMETRIC - 0.5) / SPECTRUM_NOISE),
        ("lcmodel", SIZE * (GEOMETRIC - 0.5) / SPECTRUM_NOISE / 2),
        ("first-point", SIZE),
        (
            "power-db",
            10 * np.log10(SIZE**2 * (1 - np.exp(-2 * RATE * DWELL * N)) / (1 - np.exp(-2 * RATE * DWELL)) / N / 2),
        ),
    ],
)
def test_a_singlet_has_the_ratio_of_the_formula(definition, expected):
    assert float(snr_of(1.0, complex_of(SINGLET), definition=definition)) == pytest.approx(expected, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(value=st.floats(1.0, 200.0), definition=st.sampled_from(sorted(SNR_DEFINITIONS)), scale=st.floats(1e-3, 1e3))
def test_there_and_back_is_where_it_began_at_any_scale(value, definition, scale):
    fid = complex_of(SINGLET * scale)
    noise_sd = noise_sd_for(value, fid, definition=definition)
    assert float(snr_of(noise_sd, fid, definition=definition)) == pytest.approx(value, rel=1e-3, abs=1e-3)


def test_modulus_and_power_do_not_see_the_phase_and_the_peak_does():
    upright, turned = complex_of(SINGLET), complex_of(SINGLET) * jnp.exp(1j * 2.0)
    for definition in ("magnitude", "first-point", "power-db"):
        assert float(snr_of(1.0, turned, definition=definition)) == pytest.approx(
            float(snr_of(1.0, upright, definition=definition)), rel=1e-5
        )
    assert float(snr_of(1.0, turned)) < float(snr_of(1.0, upright))


def test_noise_of_the_spectrum_is_what_the_formula_says():
    parts = jax.random.normal(jax.random.key(0), (2, 400, N))
    measured = np.asarray(spectrum_of(jax.lax.complex(parts[0], parts[1]))).real.std()
    assert measured == pytest.approx(SPECTRUM_NOISE, rel=0.01)


def test_spectra_have_the_ratio_that_was_asked_for():
    definition = "power-db"
    basis = synthetic.basis(("NAA", "Cr"), n_points=N)
    model = model_for(basis, ppm_range=(0.5, 4.2), groups=(0, 0), shims=(0, 0), baseline=NoBaseline())
    truth = np.array([12.0, 8.0])
    population = Population(amplitude=Uniform(truth, truth), phase0_rad=Uniform(0.0, 0.0))
    key = jax.random.key(2)
    asked = {"snr": Uniform(20.0, 20.0), "snr_definition": definition}
    made = simulate_spectra(key, population, basis, model, 2, **asked)
    without = simulate_spectra(key, population, basis, model, 2, snr=Uniform(1e6, 1e6))
    sample_sd = made.noise_sd / SPECTRUM_NOISE
    noise = np.asarray(made.fid - without.fid)[:, 1:]
    np.testing.assert_allclose(noise.real.std(axis=1), sample_sd, rtol=0.12)
    found = snr_of(sample_sd, without.fid, definition=definition, window=model.window)
    np.testing.assert_allclose(found, 20.0, rtol=0.01)


def test_an_unknown_definition_is_refused():
    with pytest.raises(InputError, match="SNR definition is 'loud'; it must be one of peak, magnitude"):
        noise_sd_for(10.0, complex_of(SINGLET), definition="loud")
