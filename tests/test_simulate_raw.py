"""Simulated raw data are what their truth says, and perfect processing of them leaves the theoretical noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs import read_data, write_nifti_mrs
from diffmrs.errors import InputError
from diffmrs.simulate import simulate_raw

ACQUISITION = synthetic.ACQUISITION
FID = synthetic.fid(n_points=512).astype(np.complex64)
TIME = ACQUISITION.time_s(512)
SIZES = {"n_coils": 4, "n_transients": 24}


def raw(fid=FID, seed=0, **keywords):
    return simulate_raw(jax.random.key(seed), fid, ACQUISITION, **{**SIZES, **keywords})


def test_without_noise_every_sample_is_that_of_the_formula():
    found = raw(noise_sd=0.0, motion=0.25)
    truth = jax.tree.map(np.asarray, found.truth)
    decay = np.exp(-np.pi * truth.broadened_hz[:, None] * TIME)
    signal = truth.kept[:, None] * decay * FID + truth.water_factor[:, None] * truth.water
    turn = 2 * np.pi * truth.shift_hz[:, None] * TIME + truth.phase_rad[:, None] + truth.eddy_rad
    expected = truth.sensitivity[:, None, None] * (signal * np.exp(1j * turn))
    np.testing.assert_allclose(found.data.fid[0, 0, 0], expected, atol=2e-4 * np.abs(expected).max())
    assert found.data.fid.shape == (1, 1, 1, 4, 24, 512)
    assert found.data.dim_tags == ("DIM_COIL", "DIM_DYN")
    assert truth.outlier.sum() == 6
    assert (truth.kept < 1).sum() == (truth.broadened_hz > 0).sum() == 6


def test_noise_has_the_covariance_of_the_truth():
    # Weak signal, so that noise is all there is.
    found = raw(fid=np.complex64(1e-6) * FID, noise_sd=2.0, residual_water=0.0)
    rows = np.asarray(found.data.fid)[0, 0, 0].reshape(4, -1)
    measured = rows @ rows.conj().T / rows.shape[1] / 2
    np.testing.assert_allclose(measured, found.truth.covariance, atol=0.05 * 4)
    assert np.trace(np.asarray(found.truth.covariance).real) / 4 == pytest.approx(4.0, rel=1e-4)


def test_perfect_processing_leaves_the_ideal_fid_and_the_theoretical_noise():
    found = raw(motion=0.25, noise_sd=8.0)
    left = np.asarray(found.ideal.fid)[0, 0, 0] - FID
    assert np.std(left.real) == pytest.approx(float(found.truth.noise_sd), rel=0.15)
    assert np.std(left.imag) == pytest.approx(float(found.truth.noise_sd), rel=0.15)
    # The bound of any unbiased combination, from the covariance alone.
    s, covariance = np.asarray(found.truth.sensitivity), np.asarray(found.truth.covariance)
    per_transient = 1 / np.sqrt((s.conj() @ np.linalg.solve(covariance, s)).real)
    assert float(found.truth.noise_sd) == pytest.approx(per_transient / np.sqrt(18), rel=1e-4)


def test_water_scan_has_the_eddy_currents_and_the_amplitude_asked_for():
    found = raw(noise_sd=0.0, water_amplitude=5000.0, eddy=((0.7, 0.05),))
    water = np.asarray(found.water.fid)[0, 0, 0] / np.asarray(found.truth.sensitivity)[:, None]
    np.testing.assert_allclose(np.abs(water[:, 0]), 5000.0, rtol=1e-4)
    np.testing.assert_allclose(np.angle(water[:, 0]), 0.7, atol=1e-4)
    np.testing.assert_allclose(found.truth.eddy_rad, 0.7 * np.exp(-TIME / 0.05), rtol=1e-4)
    assert abs(found.truth.water[0]) == pytest.approx(50.0, rel=1e-4)


def test_drift_is_the_one_asked_for():
    found = raw(drift_hz=10.0, walk_hz=0.0, drift_rad=0.5, walk_rad=0.0)
    np.testing.assert_allclose(found.truth.shift_hz, np.linspace(0, 10, 24), rtol=1e-5)
    np.testing.assert_allclose(found.truth.phase_rad, np.linspace(0, 0.5, 24), rtol=1e-5)


def test_an_edited_pair_alternates_and_can_be_written(tmp_path):
    pair = np.stack([FID, 0.5 * FID])
    found = raw(fid=pair, n_transients=3, noise_sd=0.0, walk_hz=0.0, motion=0.0)
    assert found.data.fid.shape == (1, 1, 1, 4, 3, 2, 512)
    np.testing.assert_allclose(found.truth.shift_hz, np.linspace(0, 6, 6).reshape(3, 2), rtol=1e-5)
    np.testing.assert_allclose(found.ideal.fid[0, 0, 0], pair, atol=1e-3 * np.abs(pair).max())
    write_nifti_mrs(tmp_path / "edited.nii.gz", found.data)
    back = read_data(tmp_path / "edited.nii.gz")
    assert back.dim_tags == ("DIM_COIL", "DIM_DYN", "DIM_EDIT")
    np.testing.assert_array_equal(back.fid, found.data.fid)


def test_the_same_key_gives_the_same_data_and_another_another():
    first, again, other = raw(), raw(), raw(seed=1)
    np.testing.assert_array_equal(first.data.fid, again.data.fid)
    assert np.abs(np.asarray(first.data.fid - other.data.fid)).min() > 0
    assert jnp.asarray(first.data.fid).dtype == jnp.complex64


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"n_coils": 0}, "n_coils"),
        ({"coil_correlation": 1.0}, "coil_correlation"),
        ({"motion": 1.5}, "motion"),
        ({"eddy": ((1.0, 0.0),)}, "time constants"),
        ({"fid": np.zeros(512)}, "complex"),
        ({"fid": np.zeros((3, 512), complex)}, "edited pair"),
        ({"fid": np.full(512, np.nan + 0j)}, "NaN"),
    ],
)
def test_unusable_input_is_refused(keywords, says):
    with pytest.raises(InputError, match=says):
        raw(**keywords)
