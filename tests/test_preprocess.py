import jax
import jax.numpy as jnp
import numpy as np
from synthetic import ACQUISITION, fid

from diffmrs.preprocess import correct_eddy_currents

TIME = ACQUISITION.time_s(1024)


def eddy_phase():
    return 1.5 * np.exp(-TIME / 0.03) + 0.6


def test_eddy_currents_common_to_water_and_metabolites_vanish():
    clean = fid(phase_rad=0.0, shift_hz=0.0)
    water = 1e4 * np.exp(-20 * TIME)
    distorted = np.exp(1j * eddy_phase())
    corrected = correct_eddy_currents(jnp.asarray(clean * distorted), jnp.asarray(water * distorted))
    np.testing.assert_allclose(corrected, clean, atol=2e-5 * np.abs(clean).max())


def test_eddy_current_correction_has_a_derivative_and_survives_zeros():
    water = jnp.asarray(np.where(TIME < 0.3, np.exp(-20 * TIME), 0.0) * np.exp(0.4j), jnp.complex64)
    signal = jnp.asarray(fid(), jnp.complex64)
    corrected = correct_eddy_currents(signal, water)
    np.testing.assert_array_equal(corrected[-10:], signal[-10:])
    gradient = jax.grad(lambda w: jnp.abs(correct_eddy_currents(signal, w).real).sum())(water)
    assert np.isfinite(gradient).all()
