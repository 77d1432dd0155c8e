import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.spins import press, simulate_basis, simulate_lines

NAMES = ("NAA", "Lac", "Glu")
ACQUISITION = Acquisition(dwell_time_s=5e-4, spectrometer_frequency_mhz=123.25)
SEQUENCE = press(0.011, 0.019)


@pytest.mark.parametrize(
    ("n_points", "dwell_time_s", "widths"),
    [(512, 5e-4, (0.0, 0.0)), (256, 2.5e-4, (2.0, 0.0)), (300, 1e-3, (0.0, 4.0))],
)
def test_lines_simulated_once_give_the_basis_at_any_sampling_and_width(n_points, dwell_time_s, widths):
    lines = simulate_lines(NAMES, SEQUENCE, ACQUISITION)
    options = {"lorentzian_fwhm_hz": widths[0], "gaussian_fwhm_hz": widths[1]}
    sampled = lines.sampled(n_points, dwell_time_s=dwell_time_s, **options)
    direct = simulate_basis(NAMES, SEQUENCE, Acquisition(dwell_time_s, 123.25), n_points, **options)
    assert sampled.acquisition == direct.acquisition and sampled.names == NAMES
    np.testing.assert_allclose(sampled.fid, direct.fid, atol=2e-3 if sampled.fid.dtype == np.complex64 else 1e-9)


def test_the_lines_of_lactate_are_a_doublet_and_a_quartet():
    amplitude, frequency_hz = simulate_lines(["Lac"], press(0.0, 0.0), ACQUISITION).of("Lac")
    strong = np.abs(np.asarray(amplitude)) > 0.1
    ppm = ACQUISITION.hz_to_ppm(np.asarray(frequency_hz)[strong])
    methyl = ppm < 2.5
    assert np.ptp(ppm[methyl]) * 123.25 == pytest.approx(6.93, abs=0.3)
    assert np.ptp(ppm[~methyl]) * 123.25 == pytest.approx(3 * 6.93, abs=0.6)
    total = np.asarray(amplitude)
    assert float(total.real.sum()) == pytest.approx(4.0, abs=1e-3)  # protons


def test_gradients_reach_through_lines_and_sampling(x64):
    def energy(te1_s):
        basis = simulate_lines(["Lac"], press(te1_s, 0.019), ACQUISITION).sampled(64, lorentzian_fwhm_hz=3.0)
        return jnp.sum(basis.fid.real**2)

    slope = jax.grad(energy)(jnp.asarray(0.011))
    finite = (energy(jnp.asarray(0.011 + 1e-6)) - energy(jnp.asarray(0.011 - 1e-6))) / 2e-6
    assert float(slope) == pytest.approx(float(finite), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: simulate_lines(["NAA", "NAA"], SEQUENCE, ACQUISITION), "more than once"),
        (lambda: simulate_lines(["NAA"], SEQUENCE, ACQUISITION).of("Cr"), "no lines of 'Cr'"),
        (lambda: simulate_lines(["NAA"], SEQUENCE, ACQUISITION).sampled(8), "at least 16"),
        (lambda: simulate_lines(["NAA"], SEQUENCE, ACQUISITION).sampled(64, lorentzian_fwhm_hz=-1.0), "lorentzian"),
    ],
)
def test_what_makes_no_sense_is_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()
