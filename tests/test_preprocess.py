import jax
import jax.numpy as jnp
import numpy as np
import pytest
from synthetic import ACQUISITION, fid, lines_fid

from diffmrs.axes import spectrum_of
from diffmrs.errors import InputError
from diffmrs.preprocess import correct_eddy_currents, remove_water

METABOLITES = {"Cr": 4.0, "GPC": 1.5, "Glu": 8.0, "Ins": 5.0}  # nothing between 4.3 and 5 ppm
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


def water_line():
    return 3000 * lines_fid([(4.66, 1, 0, 6)]) * np.exp(0.7j) + 800 * lines_fid([(4.62, 1, 0, 0)]) * np.exp(-8 * TIME)


def test_water_goes_and_metabolites_stay():
    clean = fid(noise_sd=0.3, truth=METABOLITES)
    cleaned = remove_water(clean + water_line(), ACQUISITION)
    ppm = ACQUISITION.ppm(1024)
    window = (ppm > 0.5) & (ppm < 4.1)
    left = np.asarray(spectrum_of(jnp.asarray(cleaned - clean)))
    signal = np.abs(np.asarray(spectrum_of(jnp.asarray(clean))))[window].max()
    water = np.abs(np.asarray(spectrum_of(jnp.asarray(water_line())))).max()
    assert np.abs(left[window]).max() < 0.02 * signal
    assert np.abs(left).max() < 0.02 * water


def test_without_water_next_to_nothing_is_removed():
    clean = fid(noise_sd=0.3, truth=METABOLITES)
    quiet = ACQUISITION.ppm(1024)
    changed = np.abs(np.asarray(spectrum_of(jnp.asarray(remove_water(clean, ACQUISITION) - clean))))
    original = np.abs(np.asarray(spectrum_of(jnp.asarray(clean))))
    window = (quiet > 0.5) & (quiet < 4.1)
    assert changed[window].max() < 0.02 * original[window].max()


def test_the_result_is_the_same_every_run_and_keeps_its_precision():
    measured = (fid(noise_sd=0.3) + water_line()).astype(np.complex64)
    first, second = remove_water(measured, ACQUISITION), remove_water(measured, ACQUISITION)
    assert first.dtype == np.complex64
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "says"), [({"band_ppm": (5.0, 4.0)}, "first limit"), ({"components": 0}, "components")]
)
def test_unusable_options_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        remove_water(fid(), ACQUISITION, **options)


def test_nan_is_refused():
    with pytest.raises(InputError, match="NaN"):
        remove_water(np.full(256, np.nan + 0j), ACQUISITION)
