from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import check_derivative
from synthetic import ACQUISITION, fid, lines_fid

from diffmrs.errors import InputError
from diffmrs.preprocess import (
    correct_eddy_currents,
    correct_eddy_currents_smoothly,
    reference_mismatch,
    smooth_eddy_phase,
)

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


def noisy_water(signal_to_noise, seed=0):
    noise = np.random.default_rng(seed).normal(size=(1024, 2)) @ np.array([1, 1j])
    return np.exp(-20 * TIME) * np.exp(1j * (eddy_phase() + 2 * np.pi * 7 * TIME)) + noise / signal_to_noise


def test_smoothed_phase_follows_eddy_currents_as_long_as_water_is_seen():
    phase = np.asarray(smooth_eddy_phase(jnp.asarray(noisy_water(1e4)), ACQUISITION))
    error = phase - eddy_phase() - 2 * np.pi * 7 * TIME
    error -= 2 * np.pi * np.round(error[0] / (2 * np.pi))
    assert np.abs(error[:300]).max() < 2e-3  # water decays to 1/20 of itself
    assert np.abs(error[:600]).max() < 0.05  # and to 1/400


def test_smoothing_corrects_eddy_currents_and_adds_less_noise():
    clean, turn = fid(phase_rad=0.0, shift_hz=0.0), np.exp(1j * (eddy_phase() + 2 * np.pi * 7 * TIME))
    left = {"as measured": 0.0, "smoothed": 0.0}
    smoothly = jax.jit(correct_eddy_currents_smoothly, static_argnums=2)
    for seed in range(4):
        water = jnp.asarray(noisy_water(300, seed))
        for name, corrected in (
            ("as measured", correct_eddy_currents(jnp.asarray(clean * turn), water)),
            ("smoothed", smoothly(jnp.asarray(clean * turn), water, ACQUISITION)),
        ):
            left[name] += float(np.linalg.norm(np.asarray(corrected) - clean) / np.linalg.norm(clean))
    assert left["smoothed"] / 4 < 0.01
    assert left["smoothed"] < 0.35 * left["as measured"]


def test_metabolites_beneath_the_water_are_not_stamped_on_the_data():
    water = np.exp(-20 * TIME) + 2e-3 * lines_fid([(2.008, 1, 0, 0)]) * np.exp(-5 * TIME)
    for noise in (0.0, 1e-5):
        phase = smooth_eddy_phase(jnp.asarray(water + noise * noisy_water(1)), ACQUISITION)
        assert np.abs(phase[:200]).max() < 1e-3
    assert np.abs(np.angle(water[:200])).max() > 5e-3


def test_smoothed_phase_of_nothing_is_zero_and_precision_is_kept():
    nothing = jnp.zeros(1024, jnp.complex64)
    assert not np.asarray(smooth_eddy_phase(nothing, ACQUISITION)).any()
    signal = jnp.asarray(fid(), jnp.complex64)
    both = jnp.stack([nothing, jnp.asarray(noisy_water(1e3), jnp.complex64), nothing * jnp.nan])
    corrected = jax.jit(jax.vmap(lambda w: correct_eddy_currents_smoothly(signal, w, ACQUISITION)))(both)
    assert corrected.dtype == jnp.complex64
    np.testing.assert_allclose(corrected[0], signal)
    one = correct_eddy_currents_smoothly(signal, both[1], ACQUISITION)
    np.testing.assert_allclose(corrected[1, :600], one[:600], atol=1e-2 * np.abs(signal).max())


def test_smoothed_phase_has_the_derivative_of_finite_differences_beside_an_empty_voxel(x64):
    water, direction = noisy_water(1e3)[:256], 1e-3 * noisy_water(1, seed=3)[:256]
    water, direction = (jnp.asarray(np.stack([part, 0 * part])) for part in (water, direction))
    signal = jnp.asarray(fid())[:256]

    def corrected(step):
        moved = water + step * direction
        return jax.vmap(lambda each: correct_eddy_currents_smoothly(signal, each, ACQUISITION))(moved)

    check_derivative(corrected, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "n_points", "told"),
    [
        ({"dwell_time_s": 1e-3}, 1024, "every 1 ms, the data every 0.5 ms"),
        ({"spectrometer_frequency_mhz": 297.2}, 1024, "at 297.2 MHz"),
        ({"nucleus": "31P"}, 1024, "is of 31P"),
        ({}, 512, "has 512 points, the data 1024"),
        ({}, 2048, None),
        ({"spectrometer_frequency_mhz": 123.2001}, 1024, None),
    ],
)
def test_a_water_scan_that_does_not_fit_is_told_in_words(change, n_points, told):
    found = reference_mismatch(ACQUISITION, 1024, replace(ACQUISITION, **change), n_points)
    assert found is None if told is None else told in found


@pytest.mark.parametrize(
    ("water", "told"),
    [
        (noisy_water(1e3), None),
        (0 * noisy_water(1), "only zeros"),
        (np.nan * noisy_water(1), "NaN"),
        (noisy_water(1e-3), "no signal"),
    ],
)
def test_a_water_scan_without_signal_is_told_in_words(water, told):
    found = reference_mismatch(ACQUISITION, 1024, ACQUISITION, 1024, water=water)
    assert found is None if told is None else told in found


def test_unusable_smoothness_is_refused():
    with pytest.raises(InputError, match="change_rad is 0"):
        smooth_eddy_phase(jnp.asarray(noisy_water(10)), ACQUISITION, change_rad=0.0)
