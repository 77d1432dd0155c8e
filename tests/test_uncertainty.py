import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ACQUISITION, TRUTH, basis, data

from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import fit
from diffmrs.fitting.noise import noise_sd
from diffmrs.model import PolynomialBaseline, covariance_bound, fisher_information, model_for
from diffmrs.uncertainty import parametric_bootstrap, residual_bootstrap, truncated_normal_interval


def test_bound_of_a_single_amplitude_is_noise_over_energy(x64):
    # One member, one parameter: var(a) = σ² / Σ|b|², the matched filter.
    column = jnp.asarray(np.random.default_rng(0).normal(size=(50, 2)) @ np.array([1, 1j]))[:, None]
    bound = covariance_bound(fisher_information(column, jnp.asarray(0.3)))
    assert float(bound[0, 0]) == pytest.approx(0.09 / float(jnp.sum(jnp.abs(column) ** 2)), rel=1e-9)


def test_bound_of_frequency_is_that_of_rife_and_boorstyn(x64):
    # Undamped oscillation, amplitude A, unknown phase: var(ω) = 12σ²/(A² T² N (N² - 1)), σ² per real part
    # (Rife & Boorstyn 1974, IEEE Trans Inf Theory 20:591, eq. 17).
    n, dwell, amplitude, sigma = 200, 1e-3, 2.0, 0.1
    time = np.arange(n) * dwell
    signal = amplitude * np.exp(1j * (2 * np.pi * 17 * time + 0.4))
    columns = jnp.asarray(np.stack([1j * time * signal, 1j * signal, signal / amplitude], axis=1))
    bound = covariance_bound(fisher_information(columns, jnp.asarray(sigma)))
    expected = 12 * sigma**2 / (amplitude**2 * dwell**2 * n * (n**2 - 1))
    assert float(bound[0, 0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.thorough
@pytest.mark.slow
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=20)
def test_units_do_not_matter_and_more_unknowns_never_help(seed, scale):
    with jax.enable_x64(True):
        draw = np.random.default_rng(seed).normal(size=(40, 4, 2)) @ np.array([1, 1j])
        sigma = jnp.asarray(1.0)
        alone = covariance_bound(fisher_information(jnp.asarray(draw[:, :3]), sigma))
        scaled = covariance_bound(fisher_information(jnp.asarray(draw * [1, scale, 1, 1]), sigma))
        full = covariance_bound(fisher_information(jnp.asarray(draw), sigma))
    assert (np.diag(full)[:3] >= np.diag(alone) * (1 - 1e-9)).all()
    assert float(scaled[1, 1]) * scale**2 == pytest.approx(float(full[1, 1]), rel=1e-6)
    assert float(scaled[0, 0]) == pytest.approx(float(full[0, 0]), rel=1e-6)


def test_two_members_that_look_alike_get_a_large_bound_not_nan():
    column = jnp.ones((30, 1), jnp.complex64)
    bound = covariance_bound(fisher_information(jnp.concatenate([column, column], axis=1), jnp.asarray(1.0)))
    assert np.isfinite(bound).all() and float(bound[0, 0]) > 100 / 30


@pytest.mark.parametrize("sigma", [0.1, 2.0])
@pytest.mark.parametrize("n_points", [1024, 512])
def test_noise_is_measured_where_there_is_no_signal(sigma, n_points):
    measured = data(noise_sd=sigma, n_points=n_points)
    model = model_for(
        basis(n_points=n_points), ppm_range=(0.5, 4.2), groups=(0,) * 8, shims=(0,) * 8, baseline=PolynomialBaseline()
    )
    spectrum = np.fft.fftshift(np.fft.fft(np.asarray(measured.fid)))
    assert float(noise_sd(jnp.asarray(spectrum), model)) == pytest.approx(sigma * n_points**0.5, rel=0.15)


def test_noise_comes_from_the_tail_when_the_window_fills_the_band():
    measured = data(noise_sd=0.5)
    model = model_for(basis(), ppm_range=(-3.0, 12.0), groups=(0,) * 8, shims=(0,) * 8, baseline=PolynomialBaseline())
    spectrum = np.fft.fftshift(np.fft.fft(np.asarray(measured.fid)))
    assert float(noise_sd(jnp.asarray(spectrum), model)) == pytest.approx(0.5 * 32, rel=0.15)


@pytest.mark.slow
def test_the_bound_is_the_spread_of_repeated_fits_and_the_intervals_cover():
    result = fit(data(noise_sd=0.5), basis(), priors="none", baseline=PolynomialBaseline(2))
    truth = jax.tree.map(jnp.asarray, result.estimate.parameters)
    copies = parametric_bootstrap(
        truth, result.basis, result.model, float(result.estimate.noise_sd), n_copies=300, key=jax.random.key(1)
    )
    sd = np.median(np.asarray(copies.sd.amplitude), axis=0)
    error = np.asarray(copies.parameters.amplitude) - np.asarray(truth.amplitude)
    strong = [list(TRUTH).index(name) for name in TRUTH if 100 * sd[list(TRUTH).index(name)] < 20 * TRUTH[name]]
    assert len(strong) >= 5
    ratio = (error.std(axis=0) / sd)[strong]
    assert (ratio > 0.85).all() and (ratio < 1.15).all()  # 300 copies: SD known to 4 %
    low, high = truncated_normal_interval(np.asarray(copies.amplitude_centre), np.asarray(copies.amplitude_spread))
    true = np.asarray(truth.amplitude)[None]
    covered = ((low <= true) & (true <= high)).mean(axis=0)
    assert (covered > 0.90).all() and covered.mean() == pytest.approx(0.95, abs=0.025)


SMALL = ("NAA", "Cr", "GPC")
PLAIN = {"priors": "none", "baseline": PolynomialBaseline(0)}


def small_fit():
    fids = np.stack([data(noise_sd=0.5).fid, 0 * data().fid])
    return fit(MRSData(fids, ACQUISITION), basis(SMALL), **PLAIN)


def test_bootstrap_is_reproducible_from_its_key_and_refuses_nonsense():
    result = small_fit()
    first = jax.tree.map(lambda leaf: leaf[0], result.estimate.parameters)
    arguments = (first, result.basis, result.model)
    one, two = (
        parametric_bootstrap(*arguments, 10.0, n_copies=2, key=jax.random.key(3)).parameters.amplitude for _ in "ab"
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one[0], one[1])
    with pytest.raises(InputError, match="must be positive"):
        parametric_bootstrap(*arguments, 0.0, n_copies=2, key=jax.random.key(3))


def test_residuals_drawn_anew_spread_estimates_as_their_bound_says():
    result = small_fit()  # the members left out of the basis stay as structure in the residual
    copies = residual_bootstrap(result, 0, n_copies=60, key=jax.random.key(4))
    amplitude = np.asarray(copies.parameters.amplitude)
    estimate = jax.tree.map(lambda leaf: leaf[0], result.flat())
    excess = float(estimate.chi2_reduced) ** 0.5
    ratio = amplitude.std(axis=0) / (excess * estimate.sd.amplitude)
    assert (ratio > 0.3).all() and (ratio < 5).all()  # structure as long as a line weighs more than white noise
    centred = np.abs(amplitude.mean(axis=0) - estimate.parameters.amplitude) / amplitude.std(axis=0)
    assert (centred < 1).all()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"index": 2}, "index is 2"),
        ({"index": 1}, "spectrum 1 not fitted"),
        ({"n_copies": 0}, "n_copies is 0"),
        ({"block_points": 4000}, "block_points is 4000"),
    ],
)
def test_residual_bootstrap_refuses_nonsense(changed, says):
    arguments = {"index": 0, "n_copies": 2, "key": jax.random.key(0)} | changed
    with pytest.raises(InputError, match=says):
        residual_bootstrap(small_fit(), arguments.pop("index"), **arguments)
