import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmrs.axes import Acquisition, fid_of, shift_frequency, spectrum_of
from diffmrs.errors import InputError

ACQUISITION = Acquisition(dwell_time_s=5e-4, spectrometer_frequency_mhz=123.2)


def line(ppm: float, n_points: int = 1024) -> np.ndarray:
    time = ACQUISITION.time_s(n_points)
    return np.exp(-2j * np.pi * (ppm - 4.65) * 123.2 * time - 10 * time)


@given(ppm=st.floats(0.0, 9.0))
@settings(deadline=None, max_examples=25)
def test_a_line_stands_at_its_chemical_shift(ppm):
    spectrum = np.abs(np.asarray(spectrum_of(jnp.asarray(line(ppm)))))
    axis = ACQUISITION.ppm(1024)
    assert abs(axis[spectrum.argmax()] - ppm) <= abs(axis[1] - axis[0])


def test_naa_lies_to_the_right_of_water_when_ppm_runs_right_to_left():
    axis = ACQUISITION.ppm(1024)
    assert (np.diff(axis) < 0).all()
    naa = np.abs(spectrum_of(jnp.asarray(line(2.01)))).argmax()
    water = np.abs(spectrum_of(jnp.asarray(line(4.65)))).argmax()
    assert naa > water


def test_halving_the_first_point_puts_the_line_on_the_analytic_one(x64):
    # The continuous transform of exp(-a t) is 1 / (a + iω); the discrete one without halving adds 1/2 everywhere.
    time = ACQUISITION.time_s(4096)
    spectrum = np.asarray(spectrum_of(jnp.asarray(np.exp(-30 * time) + 0j))) * ACQUISITION.dwell_time_s
    omega = 2 * np.pi * ACQUISITION.frequency_hz(4096)
    near = np.abs(omega) < 600
    np.testing.assert_allclose(spectrum[near], (1 / (30 + 1j * omega))[near], rtol=0, atol=3e-5)


def test_fid_and_spectrum_are_inverse():
    fid = jnp.asarray(np.random.default_rng(0).normal(size=(3, 64, 2)) @ np.array([1, 1j]), dtype=jnp.complex64)
    np.testing.assert_allclose(fid_of(spectrum_of(fid)), fid, atol=1e-6)
    assert spectrum_of(fid).dtype == jnp.complex64


def test_shifting_by_one_ppm_moves_the_peak_by_one_ppm():
    time = ACQUISITION.time_s(1024)
    moved = shift_frequency(jnp.asarray(line(3.0)), jnp.asarray(time), -123.2)
    peak = ACQUISITION.ppm(1024)[np.abs(spectrum_of(moved)).argmax()]
    assert peak == pytest.approx(4.0, abs=0.02)


def test_hz_and_ppm_are_inverse():
    assert ACQUISITION.hz_to_ppm(ACQUISITION.ppm_to_hz(1.234)) == pytest.approx(1.234)
    assert ACQUISITION.ppm_to_hz(2.01) > 0, "higher ppm lies at more negative frequency"


def test_window_holds_exactly_the_points_between_its_limits():
    inside = ACQUISITION.ppm(1024)[ACQUISITION.window(1024, (0.5, 4.2))]
    assert inside.min() >= 0.5 and inside.max() <= 4.2
    step = 1 / (1024 * 5e-4 * 123.2)
    assert inside.min() - 0.5 < step and 4.2 - inside.max() < step


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ((4.2, 0.5), "first limit"),
        ((0.5, 99.0), "reach only from"),
        ((2.0, 2.01), "at least 16"),
        ((float("nan"), 4.0), "first limit"),
    ],
)
def test_an_unusable_window_is_refused(limits, says):
    with pytest.raises(InputError, match=says):
        ACQUISITION.window(1024, limits)


@pytest.mark.parametrize("field", ["dwell_time_s", "spectrometer_frequency_mhz"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), 1e9])
def test_an_impossible_acquisition_names_its_field(field, value):
    with pytest.raises(InputError, match=field):
        Acquisition(**{"dwell_time_s": 5e-4, "spectrometer_frequency_mhz": 123.2, field: value})
