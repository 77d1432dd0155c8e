import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.optimize import minimize
from synthetic import ACQUISITION, LINES, lines_fid
from transients import CLEAN, POINTS, TIME, bounds, drawn, moved, noise

from diffmrs.errors import InputError
from diffmrs.preprocess import NAA, reference_peaks, register, take_off

REFERENCE = jnp.asarray(CLEAN, jnp.complex64)


@jax.jit
def plain(fids):
    return jax.vmap(lambda fid: register(fid, REFERENCE, ACQUISITION))(fids)


@jax.jit
def windowed(fids):
    return jax.vmap(lambda fid: register(fid, REFERENCE, ACQUISITION, window_ppm=(1.8, 4.2), baseline_order=2))(fids)


def single(fids):
    return jnp.asarray(fids, jnp.complex64)


def turned_off(found, phase):
    return np.angle(np.exp(1j * (np.asarray(found.phase_rad) - phase)))


@pytest.mark.parametrize("method", [plain, windowed])
def test_forty_hz_and_half_a_turn_cause_no_outlier(method):
    fids, shift, phase = drawn(300, noise_sd=4.0)
    found = method(single(fids))
    assert np.abs(found.shift_hz - shift).max() < 1.0
    assert np.abs(turned_off(found, phase)).max() < np.radians(10)
    assert found.converged.all()


def test_plain_registration_reaches_the_cramer_rao_bound():
    fids, shift, phase = drawn(300, noise_sd=4.0)
    found = plain(single(fids))
    shift_bound, phase_bound = bounds(4.0)
    assert 0.85 < np.std(found.shift_hz - shift) / shift_bound < 1.15
    assert 0.85 < np.std(turned_off(found, phase)) / phase_bound < 1.15


@settings(max_examples=15, deadline=None)
@given(st.floats(-40, 40), st.floats(-3, 3), st.floats(0.01, 100))
def test_what_was_put_on_is_found_and_taken_off(shift, phase, size):
    fid = single(size * moved(shift, phase))[None]
    found = jax.tree.map(lambda value: value[0], plain(fid))
    np.testing.assert_allclose(found.shift_hz, shift, atol=2e-3)
    np.testing.assert_allclose(turned_off(found, phase), 0, atol=1e-3)
    np.testing.assert_allclose(found.amplitude, size, rtol=1e-3)
    np.testing.assert_allclose(take_off(fid[0], ACQUISITION, found) / size, CLEAN, atol=0.01 * np.abs(CLEAN).max())


def test_against_scipy():
    fid = moved(3.1, 0.7) * 1.2 + noise((POINTS,), 5.0)

    def squares(x):
        return np.sum(np.abs(fid - x[2] * moved(x[0], x[1])) ** 2)

    expected = minimize(squares, [3.0, 0.6, 1.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9}).x
    found = plain(single(fid)[None])
    np.testing.assert_allclose([found.shift_hz[0], found.phase_rad[0], found.amplitude[0]], expected, atol=1e-3)


def test_what_lies_outside_the_window_does_not_count():
    fid = moved(5.0, 0.3) + 20 * lines_fid([(1.2, 30, 0, 30)], n_points=POINTS)
    fids = single(fid)[None]
    assert abs(plain(fids).shift_hz[0] - 5.0) > 10
    assert abs(windowed(fids).shift_hz[0] - 5.0) < 0.5


def test_precision_of_the_answer_is_that_of_the_data(x64):
    found = jax.jit(lambda fid: register(fid, jnp.asarray(CLEAN), ACQUISITION))(jnp.asarray(moved(2.0, 0.3)))
    assert found.shift_hz.dtype == jnp.float64
    assert abs(found.shift_hz - 2.0) < 1e-9
    assert plain(single(CLEAN)[None]).shift_hz.dtype == jnp.float32


@pytest.mark.parametrize("options", [{}, {"window_ppm": (1.8, 4.2), "baseline_order": 1}])
def test_gradients_of_registration(x64, options):
    fid, towards = moved(3.0, 0.4) + noise((POINTS,), 4.0), noise((POINTS,), 1.0, 7)

    def along(step, reference_step):
        found = register(
            jnp.asarray(fid) + step * jnp.asarray(towards),
            jnp.asarray(CLEAN) + reference_step * jnp.asarray(towards),
            ACQUISITION,
            **options,
        )
        return found.shift_hz, found.phase_rad, found.amplitude, found.likeness

    check_grads(jax.jit(along), (0.1, 0.2), 1, modes=("rev",), rtol=1e-4)


def test_zeros_and_nan_leave_the_others_alone():
    fids = np.stack([moved(3.0, 0.2), np.zeros(POINTS), np.full(POINTS, np.nan)])
    found = plain(single(fids))
    assert abs(found.shift_hz[0] - 3.0) < 1e-2
    assert found.amplitude[1] == 0 and np.isfinite(found.shift_hz[1])
    assert not found.converged[1] and not found.converged[2]
    _, slope = jax.jvp(lambda fids: plain(fids).phase_rad, (single(fids),), (single(fids) * 1j,))
    np.testing.assert_allclose(slope[:2], [1.0, 0.0], atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_points": 8}, "n_points is 8"),
        ({"limit_hz": 0.0}, "limit_hz is 0"),
        ({"window_ppm": (4.2, 1.8)}, "lower one"),
        ({"baseline_order": 2}, "within a window_ppm"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        register(REFERENCE, REFERENCE, ACQUISITION, **options)


def test_a_reference_of_another_length_is_refused():
    with pytest.raises(InputError, match="512 points, but the FID 256"):
        register(REFERENCE[:256], REFERENCE, ACQUISITION)


def peaks_alone(*names, width_hz=4.0):
    return sum(lines_fid(LINES[n][:1], n_points=POINTS) for n in names) * np.exp(-np.pi * width_hz * TIME)


@jax.jit
def each_peaks(fids):
    return jax.vmap(lambda fid: reference_peaks(fid, ACQUISITION))(fids)


def test_peaks_alone_are_found_where_they_are():
    fids, shift, phase = drawn(40, noise_sd=0.2, clean=peaks_alone("Cr", "GPC"))
    found = each_peaks(single(fids))
    assert found.converged.all()
    np.testing.assert_allclose(found.shift_hz, shift, atol=0.6)
    np.testing.assert_allclose(turned_off(found, phase), 0, atol=0.25)
    assert abs(np.mean(found.shift_hz - shift)) < 0.3  # choline of the synthetic basis is 0.25 Hz off
    assert np.all(found.likeness > 0.8)


def test_creatine_is_not_taken_for_choline():
    fids, shift, _ = drawn(40, noise_sd=2.0, seed=3)
    found = each_peaks(single(fids))
    assert np.abs(found.shift_hz - shift).max() < 3.0


@pytest.mark.slow
def test_one_peak_and_its_gradients(x64):
    fid, towards = moved(3.0, 0.4, peaks_alone("NAA")) + noise((POINTS,), 0.05), noise((POINTS,), 0.1, 7)

    @jax.jit
    def along(step):
        found = reference_peaks(jnp.asarray(fid) + step * jnp.asarray(towards), ACQUISITION, peaks_ppm=NAA)
        return found.shift_hz, found.phase_rad, found.amplitude

    np.testing.assert_allclose(along(0.0), [3.0, 0.4, 3.0], atol=0.2)
    check_grads(along, (0.1,), 1, modes=("fwd",), rtol=1e-4)


def test_no_peaks_are_refused():
    with pytest.raises(InputError, match="at least one peak"):
        reference_peaks(REFERENCE, ACQUISITION, peaks_ppm=())
    with pytest.raises(InputError, match="but the data reach"):
        reference_peaks(REFERENCE, ACQUISITION, peaks_ppm=(20.0,))
