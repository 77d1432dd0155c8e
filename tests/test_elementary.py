from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import check_derivative
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ACQUISITION, N_POINTS, fid, lines_fid

from diffmrs.axes import spectrum_of
from diffmrs.errors import InputError
from diffmrs.preprocess import (
    apodise,
    apply_phase,
    edit_difference,
    edit_order,
    edit_sum,
    edited_pair,
    hamming_filter,
    remove_dc_offset,
    shift_frequency,
    shift_time,
    truncate,
    zero_fill,
)

FID = fid(noise_sd=0.1)
TIME = ACQUISITION.time_s(N_POINTS)
SIZE = np.abs(FID).max()
phased = jax.jit(apply_phase, static_argnums=1, static_argnames="pivot_ppm")
shifted = jax.jit(shift_frequency, static_argnums=1)
delayed = jax.jit(shift_time, static_argnums=1)
apodised = jax.jit(apodise, static_argnums=1)


def close(found, expected, tolerance=2e-5):
    np.testing.assert_allclose(found, expected, atol=tolerance * SIZE)


def test_a_quarter_turn_makes_one_into_i():
    close(phased(jnp.asarray(FID), ACQUISITION, np.pi / 2), 1j * FID)


def test_first_order_phase_grows_from_its_pivot():
    before = np.asarray(spectrum_of(jnp.asarray(FID)))
    after = np.asarray(spectrum_of(phased(jnp.asarray(FID), ACQUISITION, 0.3, phase1_s=2e-4, pivot_ppm=2.008)))
    expected = 0.3 + 2 * np.pi * 2e-4 * (ACQUISITION.frequency_hz(N_POINTS) - ACQUISITION.ppm_to_hz(2.008))
    np.testing.assert_allclose(after, before * np.exp(1j * expected), atol=1e-4 * np.abs(before).max())


def test_first_order_phase_takes_off_a_late_start():
    late = sum(lines_fid([line]) * np.exp(2j * np.pi * 3e-4 * ACQUISITION.ppm_to_hz(line[0])) for line in LINES)
    corrected = np.asarray(spectrum_of(phased(jnp.asarray(late), ACQUISITION, 0.0, phase1_s=-3e-4)))
    expected = np.asarray(spectrum_of(jnp.asarray(lines_fid(LINES))))
    window = ACQUISITION.window(N_POINTS, (1.5, 3.6))
    broad = np.abs(corrected - expected)[window].max() / np.abs(expected).max()
    assert broad < 0.02  # the first points that were missed leave a broad baseline


LINES = [(2.008, 3, 0, 0), (3.027, 2, 0, 0)]


@settings(max_examples=20, deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-1e-3, 1e-3))
def test_phases_add(one, other, delay):
    twice = phased(phased(jnp.asarray(FID), ACQUISITION, one, phase1_s=delay), ACQUISITION, other, phase1_s=delay)
    close(twice, phased(jnp.asarray(FID), ACQUISITION, one + other, phase1_s=2 * delay), 1e-4)


def test_a_shift_moves_a_peak_to_lower_ppm():
    moved = spectrum_of(shifted(jnp.asarray(lines_fid([(3.0, 1, 0, 0)])), ACQUISITION, 123.2))
    assert abs(ACQUISITION.ppm(N_POINTS)[np.abs(moved).argmax()] - 2.0) < 0.01


@settings(max_examples=20, deadline=None)
@given(st.floats(-50, 50))
def test_a_shift_is_undone_by_its_negative(shift_hz):
    close(shifted(shifted(jnp.asarray(FID), ACQUISITION, shift_hz), ACQUISITION, -shift_hz), FID, 2e-4)


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_whole_dwell_times_drop_or_add_points(steps):
    dropped = delayed(jnp.asarray(FID), ACQUISITION, steps * ACQUISITION.dwell_time_s)
    close(dropped, np.concatenate([FID[steps:], np.zeros(steps)]), 5e-5)
    added = delayed(jnp.asarray(FID), ACQUISITION, -steps * ACQUISITION.dwell_time_s)
    close(added, np.concatenate([np.zeros(steps), FID[: N_POINTS - steps]]), 5e-5)


def test_a_fraction_of_a_dwell_time_rings_only_at_the_start():
    narrow = [(2.008, 1, 0, 6), (3.027, 1, 0, 6)]
    late = sum(
        lines_fid([line]) * np.exp(2j * np.pi * 0.3 * ACQUISITION.dwell_time_s * ACQUISITION.ppm_to_hz(line[0]))
        for line in narrow
    )
    error = np.abs(delayed(jnp.asarray(lines_fid(narrow)), ACQUISITION, 0.3 * ACQUISITION.dwell_time_s) - late) / 2
    assert error[0] < 0.17
    assert error[30:].max() < 0.02
    assert error[200:800].max() < 3e-3


def test_apodisation_adds_widths():
    wider = apodised(jnp.asarray(FID), ACQUISITION, lorentzian_fwhm_hz=3.0, gaussian_fwhm_hz=5.0)
    close(wider, FID * np.exp(-np.pi * 3 * TIME - (np.pi * 5 * TIME) ** 2 / (4 * np.log(2))))
    close(apodised(wider, ACQUISITION, lorentzian_fwhm_hz=-3.0), FID * np.exp(-((np.pi * 5 * TIME) ** 2) / 2.7725887))
    line = apodise(jnp.asarray(np.exp(-np.pi * 2 * TIME + 0j)), ACQUISITION, lorentzian_fwhm_hz=4.0)
    spectrum = np.asarray(spectrum_of(zero_fill(line, 16384)))
    above = (spectrum.real > 0.5 * spectrum.real.max()).sum() * ACQUISITION.bandwidth_hz / 16384
    assert abs(above - 6) < 0.3


def test_length_is_cut_and_filled():
    close(truncate(jnp.asarray(FID), 100), FID[:100])
    filled = zero_fill(truncate(jnp.asarray(FID), 100), N_POINTS)
    close(filled, np.where(np.arange(N_POINTS) < 100, FID, 0))
    coarse, fine = spectrum_of(jnp.asarray(FID)), spectrum_of(zero_fill(jnp.asarray(FID), 2 * N_POINTS))
    np.testing.assert_allclose(fine[::2], coarse, atol=1e-5 * np.abs(coarse).max())


def test_an_offset_goes_and_noise_stays():
    decayed = fid(lorentz_hz=20.0)
    close(remove_dc_offset(jnp.asarray(decayed + 3 - 4j)), decayed, 1e-4)
    close(remove_dc_offset(jnp.asarray(decayed + 1), share=1.0), decayed - decayed.mean(), 1e-4)


def test_unusable_lengths_are_refused():
    with pytest.raises(InputError, match="to 1025"):
        truncate(jnp.asarray(FID), 1025)
    with pytest.raises(InputError, match="up to 100"):
        zero_fill(jnp.asarray(FID), 100)
    with pytest.raises(InputError, match="share is 0"):
        remove_dc_offset(jnp.asarray(FID), share=0.0)


STEPS = {
    "phase": lambda f, x: apply_phase(f, ACQUISITION, x, phase1_s=1e-4 * x, pivot_ppm=3.0),
    "frequency": lambda f, x: shift_frequency(f, ACQUISITION, x),
    "time": lambda f, x: shift_time(f, ACQUISITION, 1e-4 * x),
    "apodisation": lambda f, x: apodise(f, ACQUISITION, lorentzian_fwhm_hz=x, gaussian_fwhm_hz=2 * x),
    "offset": lambda f, x: remove_dc_offset(x**2 * f),
    "length": lambda f, x: zero_fill(truncate(x * f, 500), 600),
}


@pytest.mark.parametrize("name", STEPS)
def test_derivatives_agree_with_finite_differences(name, x64):
    check_derivative(partial(STEPS[name], jnp.asarray(FID)), 0.7)


@pytest.mark.parametrize("name", STEPS)
def test_precision_is_kept_in_a_batch_and_nan_stays_where_it_is(name):
    batch = jnp.asarray(np.stack([FID, np.nan * FID]), jnp.complex64)
    found = jax.jit(jax.vmap(STEPS[name], (0, None)))(batch, 0.7)
    assert found.dtype == jnp.complex64
    close(found[0], STEPS[name](batch[0], jnp.float32(0.7)), 1e-4)
    assert np.isnan(found[1]).any()


def test_difference_and_sum_give_the_conditions_back():
    on, off = FID, fid(phase_rad=0.1)
    both = edited_pair(jnp.asarray(np.stack([off, on])), (1, 0))
    close(both.difference + both.sum, on)
    close(both.sum - both.difference, off)
    plain = edited_pair(jnp.asarray(np.stack([on, off])), scale=1.0)
    close(plain.difference, on - off)
    close(edit_difference(jnp.asarray(on), jnp.asarray(on)), 0 * on)
    close(edit_sum(jnp.asarray(on), jnp.asarray(on)), on)
    with pytest.raises(InputError, match="order"):
        edited_pair(jnp.asarray(np.stack([on, off])), (0, 0))


PULSES = {"A": {"PulseOffset": 7.5}, "B": {"PulseOffset": [1.9, 4.1]}, "C": {"PulseOffset": None}}


@pytest.mark.parametrize(
    ("names", "order"),
    [(["ON", "OFF"], (0, 1)), (["off", "On"], (1, 0)), (["A", "B"], (1, 0)), (["B", "C"], (0, 1))],
)
def test_the_header_tells_which_condition_is_on(names, order):
    meta = {"dim_5": "DIM_DYN", "dim_6": "DIM_EDIT", "dim_6_header": {"EditCondition": names}, "EditPulse": PULSES}
    assert edit_order(meta) == order
    described = {"EditCondition": {"Value": names, "Description": "editing"}}
    assert edit_order(meta | {"dim_6_header": described}) == order


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({}, "no dimension DIM_EDIT"),
        ({"dim_5": "DIM_EDIT"}, "no EditCondition"),
        ({"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["A", "B", "C", "D"]}}, "no EditCondition"),
        ({"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["A", "B"]}}, "does not tell"),
        ({"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["A", "B"]}, "EditPulse": {"A": 3}}, "does not tell"),
    ],
)
def test_a_header_that_does_not_tell_is_refused(meta, told):
    with pytest.raises(InputError, match=told):
        edit_order(meta)


def volume(*shape, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(*shape, 16)) + 1j * generator.normal(size=(*shape, 16))


@pytest.mark.parametrize("shape", [(6, 5, 1), (4, 1, 2), (1, 1, 1), (3, 4, 5)])
def test_the_spatial_filter_is_a_window_in_k_space(shape):
    samples = volume(*shape)
    expected = samples
    for axis in range(3):
        k = np.fft.fftfreq(shape[axis])
        weights = np.expand_dims(0.54 + 0.46 * np.cos(2 * np.pi * k), tuple(i for i in range(4) if i != axis))
        if shape[axis] > 1:
            expected = np.fft.ifft(np.fft.fft(expected, axis=axis) * weights, axis=axis)
    filtered = hamming_filter(jnp.asarray(samples, jnp.complex64))
    assert filtered.dtype == jnp.complex64
    np.testing.assert_allclose(filtered, expected, atol=1e-5)


def test_the_spatial_filter_keeps_what_is_uniform_and_spreads_a_point_evenly():
    uniform = jnp.ones((5, 4, 3, 16), complex)
    np.testing.assert_allclose(hamming_filter(uniform), uniform, rtol=1e-6)
    point = np.zeros((7, 7, 1, 16), complex)
    point[3, 3] = 1
    spread = np.asarray(hamming_filter(jnp.asarray(point)))[:, :, 0, 0]
    row = np.array([0, 0, 0.23, 0.54, 0.23, 0, 0])
    np.testing.assert_allclose(spread, np.outer(row, row), atol=1e-6)


def test_the_spatial_filter_is_its_own_transpose():
    one, other = volume(4, 5, 1, seed=1), volume(4, 5, 1, seed=2)
    pulled = jax.vjp(hamming_filter, jnp.asarray(one))[1](jnp.asarray(other))[0]
    np.testing.assert_allclose(pulled, hamming_filter(jnp.asarray(other)), atol=1e-5)
