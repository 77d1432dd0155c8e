"""Residual water goes, metabolites stay, and the derivative is that of what is computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic
from scipy.optimize import nnls
from synthetic import ACQUISITION, fid, lines_fid

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess import LIPIDS_PPM, WATER_PPM, damped_oscillations, remove_water, remove_water_from
from diffmrs.spins import water_members

METABOLITES = {"Cr": 4.0, "GPC": 1.5, "Glu": 8.0, "Ins": 5.0}  # nothing between 4.3 and 5 ppm
PPM = ACQUISITION.ppm(1024)
TIME = ACQUISITION.time_s(1024)
WINDOW = (PPM > 0.5) & (PPM < 4.1)
PRECISION = jnp.result_type(complex)  # complex64, or complex128 when the whole suite runs in float64


def spectrum(values):
    return np.asarray(spectrum_of(jnp.asarray(values)))


def water_line(size=1.0, shift_ppm=0.0):
    """Three lines of different width and shift; at size 1 about as high as NAA a thousand times."""
    parts = ((30_000, 4.65, 6.0), (15_000, 4.63, 11.0), (5_000, 4.67, 20.0))
    lines = [a * lines_fid([(ppm + shift_ppm, 1, 0, 0)]) * np.exp(-np.pi * w * TIME) for a, ppm, w in parts]
    return size * np.exp(0.7j) * np.sum(lines, axis=0)


def test_water_a_thousand_times_as_high_goes_and_metabolites_stay():
    clean = fid(noise_sd=0.3, truth=METABOLITES)
    measured = (clean + water_line()).astype(np.complex64)
    assert np.abs(spectrum(water_line())).max() > 500 * np.abs(spectrum(clean))[WINDOW].max()
    left = np.abs(spectrum(np.asarray(remove_water(measured, ACQUISITION)) - clean))
    noise = 0.3 * np.sqrt(1024)
    assert np.sqrt((left[WINDOW] ** 2).mean()) < 0.5 * noise
    assert np.sqrt((left[(PPM > 4.3) & (PPM < 5.0)] ** 2).mean()) < 2 * noise


def test_without_water_next_to_nothing_is_removed():
    clean = fid(noise_sd=0.3, truth=METABOLITES)
    changed = np.abs(spectrum(np.asarray(remove_water(clean, ACQUISITION)) - clean))
    assert changed[WINDOW].max() < 0.02 * np.abs(spectrum(clean))[WINDOW].max()


def test_damped_oscillations_are_those_the_samples_were_made_of():
    poles = np.exp(np.array([-0.01 + 0.5j, -0.03 + 0.45j, -0.02 - 1.1j]))
    amplitudes = np.array([3.0 + 1j, -2j, 1.5])
    samples = poles[None] ** np.arange(600)[:, None] @ amplitudes
    found, sizes = jax.jit(damped_oscillations, static_argnums=1)(jnp.asarray(samples, PRECISION), 8)
    nearest = [int(np.abs(np.asarray(found) - pole).argmin()) for pole in poles]
    np.testing.assert_allclose(np.asarray(found)[nearest], poles, atol=1e-4)
    np.testing.assert_allclose(np.asarray(sizes)[nearest], amplitudes, atol=2e-2)


def test_several_bands_are_taken_one_after_the_other():
    clean = fid(noise_sd=0.3, truth=METABOLITES)
    fat = 400 * lines_fid([(1.3, 1, 0, 0), (0.9, 0.3, 0, 0)]) * np.exp(-40 * TIME)
    measured = clean + water_line(0.05) + fat
    both = remove_water(measured, ACQUISITION, band_ppm=(WATER_PPM, LIPIDS_PPM))
    stepwise = remove_water(remove_water(measured, ACQUISITION), ACQUISITION, band_ppm=LIPIDS_PPM)
    np.testing.assert_allclose(both, stepwise, atol=1e-5 * np.abs(measured).max())
    kept = (PPM > 2.5) & (PPM < 4.1)
    left = np.abs(spectrum(np.asarray(both) - clean))
    assert left[kept].max() < 0.05 * np.abs(spectrum(clean))[kept].max()
    assert left[PPM < 1.8].max() < 0.03 * np.abs(spectrum(fat)).max()


def test_the_scale_of_the_data_scales_the_result():
    measured = (fid(noise_sd=0.3) + water_line()).astype(np.complex64)
    plain = np.asarray(remove_water(measured, ACQUISITION))
    tiny = np.asarray(remove_water(np.complex64(2.0**-60) * measured, ACQUISITION))
    np.testing.assert_array_equal(tiny, np.complex64(2.0**-60) * plain)


def test_a_volume_is_its_fids_and_a_bad_one_leaves_the_others_alone():
    rows = np.stack([fid(noise_sd=0.3, seed=k) + water_line(0.1 * k, 0.01 * k) for k in range(5)]).astype(np.complex64)
    rows[1, 7] = np.nan
    rows[3] = 0
    data = MRSData(rows.reshape(5, 1, 1, 1024), ACQUISITION, header=synthetic.data().header)
    cleaned = remove_water_from(data)
    assert cleaned.fid.shape == data.fid.shape
    assert cleaned.fid.dtype == np.complex64
    np.testing.assert_array_equal(cleaned.fid, remove_water_from(data).fid)
    np.testing.assert_array_equal(cleaned.spectra[[1, 3]], rows[[1, 3]])
    side_by_side = np.asarray(jax.vmap(lambda row: remove_water(row, ACQUISITION))(rows))
    np.testing.assert_allclose(side_by_side[[0, 2, 4]], cleaned.spectra[[0, 2, 4]], atol=1e-4 * np.abs(rows[4]).max())
    alone = np.asarray(remove_water(rows[4], ACQUISITION))
    assert alone.dtype == np.complex64
    np.testing.assert_allclose(cleaned.spectra[4], alone, atol=1e-5 * np.abs(rows[4]).max())


@pytest.mark.usefixtures("x64")
def test_the_derivative_is_that_of_finite_differences_poles_included():
    measured = jnp.asarray(fid(noise_sd=0.3) + water_line())
    direction = jnp.asarray(fid(seed=1, noise_sd=0.3, shift_hz=1.0) + 0.1 * water_line(shift_ppm=0.01))

    def cleaned(step):
        return remove_water(measured + step * direction, ACQUISITION, components=12)

    _, slope = jax.jvp(cleaned, (0.0,), (1.0,))
    numeric = (cleaned(1e-4) - cleaned(-1e-4)) / 2e-4
    assert np.linalg.norm(slope - numeric) < 1e-4 * np.linalg.norm(slope - direction)
    # Most of the change in water is taken off, though its shift differs: the poles move with the data.
    assert np.linalg.norm(slope) < 0.1 * np.linalg.norm(direction)


def test_the_gradient_has_the_working_precision_and_is_finite_for_a_bad_fid():
    good = jnp.asarray(fid(noise_sd=0.3) + water_line(0.1), PRECISION)
    weights = jnp.asarray(fid(seed=2, noise_sd=0.3), PRECISION)

    @jax.jit
    @jax.value_and_grad
    def total(measured):
        return jnp.sum(weights * remove_water(measured, ACQUISITION, components=12)).real

    value, gradient = total(good)
    assert gradient.dtype == PRECISION
    # Doubling the data doubles the result, so that the derivative along the data is the result (Euler).
    assert float(jnp.sum(gradient * good).real) == pytest.approx(float(value), rel=2e-3)
    # What comes back as it was has the derivative of doing nothing.
    np.testing.assert_allclose(total(jnp.zeros_like(good))[1], weights, rtol=1e-6)
    assert np.isfinite(np.asarray(total(good.at[3].set(jnp.nan))[1])).all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"band_ppm": (5.0, 4.0)}, "first limit"),
        ({"band_ppm": ((4.3, 5.0), (1.8, 0.0))}, "first limit"),
        ({"components": 0}, "components"),
        ({"components": 200}, "components"),
    ],
)
def test_unusable_options_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        remove_water(fid(), ACQUISITION, **options)


def test_water_members_with_positive_amplitudes_reach_every_phase():
    members = water_members(ACQUISITION, 1024, widths_hz=(6.0, 12.0))
    assert members.names == ("Water1a", "Water1b", "Water1c", "Water2a", "Water2b", "Water2c")
    columns = np.asarray(members.fid).T
    for phase_rad in (-2.0, 0.1, 1.4, 3.0):
        line = lines_fid([(4.65, 1, 0, 0)]) * (
            3 * np.exp(1j * phase_rad - 5 * np.pi * TIME) + np.exp(-1j * phase_rad - 11 * np.pi * TIME)
        )
        _, left = nnls(np.concatenate([columns.real, columns.imag]), np.concatenate([line.real, line.imag]))
        assert left < 1e-3 * np.linalg.norm(line)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"widths_hz": ()}, "at least one width"),
        ({"widths_hz": (0.0,)}, "above zero"),
        ({"acquisition": Acquisition(1e-4, 120.0, "31P", 0.0)}, "31P"),
    ],
)
def test_water_members_that_cannot_be_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        water_members(**{"acquisition": ACQUISITION, "n_points": 64, **options})
