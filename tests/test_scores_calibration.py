"""Uncertainties that are right pass, those that are wrong do not: Gaussian models whose posterior is known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.io import loadmat

from diffmrs.errors import InputError
from diffmrs.scores import (
    accuracy,
    bayesian_bound,
    conformal_radius,
    crps_gaussian,
    crps_samples,
    ecdf_band,
    expected_slope,
    gaussian_calibration,
    informations,
    linear_ceiling,
    local_bound,
    nll_gaussian,
    nll_truncated,
    pit_test,
    rank_test,
    sample_calibration,
    sbc_ranks,
    sd_factor,
    sd_over_crlb,
    uniform_precision,
)
from diffmrs.simulate import RECIPES

RNG = np.random.default_rng(1)
N = 4000
PRIOR_SD, NOISE_SD = np.array([1.0, 2.0]), np.array([0.5, 2.0])
TRUTH = PRIOR_SD * RNG.normal(size=(N, 2))
DATA = TRUTH + NOISE_SD * RNG.normal(size=(N, 2))
KEPT = PRIOR_SD**2 / (PRIOR_SD**2 + NOISE_SD**2)  # the posterior is KEPT * DATA, with the variance KEPT * NOISE_SD²
MEAN = KEPT * DATA
SD = np.broadcast_to(np.sqrt(KEPT) * NOISE_SD, MEAN.shape).copy()
SAMPLES = MEAN + SD * RNG.normal(size=(99, N, 2))


@pytest.mark.parametrize("stated", [gaussian_calibration(TRUTH, MEAN, SD), sample_calibration(TRUTH, SAMPLES)])
def test_the_exact_posterior_is_calibrated(stated):
    levels = np.array(stated.levels)[:, None]
    assert (np.abs(stated.coverage - levels) < 4 * stated.coverage_se).all()
    np.testing.assert_allclose(stated.z_sd, 1, atol=0.04)
    np.testing.assert_allclose(stated.crps, SD[0] / np.sqrt(np.pi), rtol=0.04)  # of a Gaussian about its own draws
    np.testing.assert_allclose(stated.nll, 0.5 + np.log(SD[0]) + 0.5 * np.log(2 * np.pi), atol=0.05)
    np.testing.assert_allclose(stated.width[-1], 2 * 1.96 * SD[0], rtol=0.06)
    assert (pit_test(stated.pit)[1] > 1e-3).all() and (stated.failed == 0).all()


def test_ranks_of_the_exact_posterior_are_uniform():
    assert (rank_test(sbc_ranks(TRUTH, SAMPLES), 99)[1] > 1e-3).all()
    # 98 draws have 99 ranks, which 20 bins cannot share evenly: the test must know.
    assert (rank_test(sbc_ranks(TRUTH, SAMPLES[:98]), 98)[1] > 1e-3).all()


@pytest.mark.parametrize(("factor", "caught"), [(0.8, "narrow"), (1.25, "wide")])
def test_wrong_uncertainties_are_caught(factor, caught):
    stated = gaussian_calibration(TRUTH, MEAN, factor * SD)
    drawn = sample_calibration(TRUTH, MEAN + factor * (SAMPLES - MEAN))
    for one in (stated, drawn):
        off = (one.coverage - np.array(one.levels)[:, None]) / one.coverage_se
        assert (off < -5).all() if caught == "narrow" else (off > 5).all()
        np.testing.assert_allclose(one.z_sd, 1 / factor, rtol=0.04)
        assert (pit_test(one.pit)[1] < 1e-6).all()
    assert (rank_test(sbc_ranks(TRUTH, MEAN + factor * (SAMPLES - MEAN)), 99)[1] < 1e-6).all()
    where, low, high = ecdf_band(N)
    curve = np.array([(stated.pit[:, 0] <= at).mean() for at in where])
    assert ((curve < low) | (curve > high)).any()
    right = gaussian_calibration(TRUTH, MEAN, SD)
    assert (stated.crps > right.crps).all() and (stated.nll > right.nll).all()


def test_a_bias_is_caught():
    stated = gaussian_calibration(TRUTH, MEAN + 0.3 * SD, SD)
    np.testing.assert_allclose(stated.z_mean, -0.3, atol=0.05)
    assert (rank_test(sbc_ranks(TRUTH, SAMPLES + 0.3 * SD), 99)[1] < 1e-6).all()


def test_the_band_holds_as_often_as_it_says():
    where, low, high = ecdf_band(200, level=0.9)
    curves = (RNG.uniform(size=(2000, 200))[:, :, None] <= where).mean(axis=1)
    inside = ((curves >= low) & (curves <= high)).all(axis=1).mean()
    assert inside == pytest.approx(0.9, abs=0.03)


def test_large_sds_go_with_large_errors_as_far_as_they_can():
    sd = np.exp(RNG.normal(size=(N, 2)))
    mean = TRUTH + sd * RNG.normal(size=(N, 2))
    stated = gaussian_calibration(TRUTH, mean, sd)
    wanted = [stats.spearmanr(sd[:, k], np.abs(mean - TRUTH)[:, k]).statistic for k in range(2)]
    np.testing.assert_allclose(stated.error_correlation, wanted, rtol=1e-9)
    np.testing.assert_allclose(stated.error_correlation, stated.error_correlation_expected, atol=0.05)
    mixed = gaussian_calibration(TRUTH, mean, RNG.permutation(sd))
    np.testing.assert_allclose(mixed.error_correlation, 0, atol=0.06)
    assert np.isnan(gaussian_calibration(TRUTH, MEAN, SD).error_correlation).all()


@pytest.mark.parametrize(("truth", "mean", "sd"), [(0.0, 0.0, 1.0), (2.0, -1.0, 0.5), (-4.0, 1.0, 3.0)])
def test_crps_is_the_integral_that_defines_it(truth, mean, sd):
    def square(x):
        return (stats.norm.cdf(x, mean, sd) - (x >= truth)) ** 2

    whole = quad(square, -40, truth, limit=200)[0] + quad(square, truth, 40, limit=200)[0]
    assert float(crps_gaussian(truth, mean, sd)) == pytest.approx(whole, rel=1e-6)
    draws = mean + sd * RNG.normal(size=(20_000, 1))
    assert crps_samples(np.array([truth]), draws)[0] == pytest.approx(whole, rel=0.03)
    five = draws[:5, 0]
    apart = np.abs(five[:, None] - five[None]).sum() / 20
    assert crps_samples(np.array([truth]), draws[:5])[0] == pytest.approx(np.abs(five - truth).mean() - apart / 2)


def test_densities_are_those_of_scipy():
    assert float(nll_gaussian(0.3, 0.5, 0.2)) == pytest.approx(-stats.norm.logpdf(0.3, 0.5, 0.2))
    cut = stats.truncnorm(-0.1 / 0.2, np.inf, 0.1, 0.2)
    assert float(nll_truncated(0.3, 0.1, 0.2)) == pytest.approx(-cut.logpdf(0.3))


def test_equal_draws_have_random_ranks():
    ranks = sbc_ranks(np.zeros((2000, 1)), np.zeros((9, 2000, 1)))
    assert ranks.min() == 0 and ranks.max() == 9 and rank_test(ranks, 9)[1][0] > 1e-3


def test_failures_are_counted():
    sd, samples = SD.copy(), SAMPLES[:, :200].copy()
    sd[::2, 0], sd[:, 1] = 0.0, np.nan
    samples[3, :50, 0] = np.inf
    stated = gaussian_calibration(TRUTH, MEAN, sd)
    np.testing.assert_allclose(stated.failed, [0.5, 1.0])
    assert np.isfinite(stated.crps[0]) and np.isnan(stated.crps[1]) and np.isnan(stated.pit[0, 0])
    np.testing.assert_allclose(sample_calibration(TRUTH[:200], samples).failed, [0.25, 0.0])


def test_recalibrated_intervals_cover():
    half = N // 2
    for level in (None, 0.68, 0.95):
        factor = sd_factor(TRUTH[:half], MEAN[:half], 0.4 * SD[:half], level=level)
        np.testing.assert_allclose(factor, 2.5, rtol=0.06)
    # Errors that are anything but Gaussian are covered all the same.
    mean = TRUTH + RNG.standard_t(2, size=TRUTH.shape)
    radius = conformal_radius(TRUTH[:half], mean[:half], level=0.9)
    inside = (np.abs(mean - TRUTH)[half:] <= radius).mean(axis=0)
    np.testing.assert_allclose(inside, 0.9, atol=0.03)
    assert np.isinf(conformal_radius(TRUTH[:10], MEAN[:10], level=0.95)).all()
    # The 10th of 10 at level 10/11: covers exactly 10 times in 11.
    assert conformal_radius(TRUTH[:10], MEAN[:10], level=10 / 11)[0] == np.abs(MEAN - TRUTH)[:10, 0].max()


MIXING = np.array([[1.0, 0.4], [0.2, 1.0], [0.5, -0.3]])


def test_the_exact_posterior_meets_the_bayesian_bound():
    noise_sd, mixing = 0.7, jnp.asarray(MIXING)
    data = TRUTH @ MIXING.T + noise_sd * RNG.normal(size=(N, 3))
    precision = 1 / PRIOR_SD**2
    draws = jnp.asarray(TRUTH[:3])
    bound = bayesian_bound(lambda theta: mixing @ theta, draws, noise_sd, precision)
    exact = np.linalg.inv(MIXING.T @ MIXING / noise_sd**2 + np.diag(precision))
    np.testing.assert_allclose(bound, exact, rtol=1e-4)
    np.testing.assert_allclose(local_bound(lambda theta: mixing @ theta, draws, noise_sd, precision), exact, rtol=1e-4)
    estimate = data @ (exact @ MIXING.T / noise_sd**2).T
    scores = accuracy(TRUTH, estimate)
    np.testing.assert_allclose(scores.rmse, np.sqrt(np.diag(bound)), rtol=0.04)
    np.testing.assert_allclose(scores.r2, linear_ceiling(bound, PRIOR_SD**2), atol=0.02)
    np.testing.assert_allclose(scores.slope, linear_ceiling(bound, PRIOR_SD**2), atol=0.03)
    # Complex data: real and imaginary part count; a noise per draw is averaged as information.
    turned = bayesian_bound(lambda theta: mixing @ theta * (0.6 + 0.8j), draws, noise_sd, np.diag(precision))
    np.testing.assert_allclose(turned, exact, rtol=1e-4)
    fisher = informations(lambda theta: mixing @ theta, draws, np.array([0.7, 0.7, 1.4]))
    np.testing.assert_allclose(fisher[2], fisher[0] / 4, rtol=1e-5)


def test_the_slope_is_the_reliability_ratio():
    np.testing.assert_allclose(accuracy(TRUTH, MEAN).slope, expected_slope(PRIOR_SD**2, NOISE_SD), atol=0.03)
    np.testing.assert_allclose(accuracy(TRUTH, DATA).slope, 1, atol=0.06)


def test_an_efficient_estimator_has_the_sd_of_the_bound_and_a_shrunk_one_less():
    crlb = np.broadcast_to(NOISE_SD, DATA.shape)
    np.testing.assert_allclose(sd_over_crlb(TRUTH, DATA, crlb), 1, atol=0.04)
    np.testing.assert_allclose(sd_over_crlb(TRUTH, MEAN, crlb), np.sqrt(KEPT), atol=0.04)


def test_the_local_bound_is_never_below_the_bayesian_one():
    # A signal whose information depends on where it is: an exponential decay with unknown amplitude and rate.
    time = jnp.linspace(0.0, 1.0, 40)
    low, high = np.array([0.5, 1.0]), np.array([2.0, 20.0])
    draws = jnp.asarray(RNG.uniform(low, high, size=(64, 2)))

    def decay(theta):
        return theta[0] * jnp.exp(-theta[1] * time)

    precision = uniform_precision(low, high)
    np.testing.assert_allclose(1 / precision, RNG.uniform(low, high, size=(20_000, 2)).var(axis=0), rtol=0.03)
    bound, local = (one(decay, draws, 0.05, precision) for one in (bayesian_bound, local_bound))
    assert (np.diag(local) > 1.1 * np.diag(bound)).all()
    unbiased = bayesian_bound(decay, draws, 0.05, np.zeros(2))
    assert (np.diag(unbiased) > np.diag(bound)).all()
    assert np.isfinite(bayesian_bound(lambda theta: 0 * theta, draws, 1.0, precision)).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gaussian_calibration(TRUTH, MEAN, SD, levels=[95.0]), "level is 95"),
        (lambda: gaussian_calibration(TRUTH, MEAN, SD, levels=[]), "levels is empty"),
        (lambda: gaussian_calibration(TRUTH, MEAN, SD[:3]), "sd has shape"),
        (lambda: sample_calibration(TRUTH, MEAN), r"\[draws, spectra, metabolites\]"),
        (lambda: sbc_ranks(TRUTH, SAMPLES * np.nan), "not finite"),
        (lambda: rank_test(np.full((50, 1), 12), 9), "ranks reach from 12"),
        (lambda: rank_test(np.zeros((5, 1)), 9), "5 spectra; a test of uniformity needs at least 10"),
        (lambda: pit_test(np.full((50, 1), 1.2)), "between 0 and 1"),
        (lambda: ecdf_band(0), "n is 0"),
        (lambda: conformal_radius(TRUTH, MEAN, -SD), "no finite estimate"),
        (lambda: uniform_precision([0.0], [0.0]), "no width"),
        (lambda: informations(lambda x: x, np.zeros(3), 1.0), r"\[draws, parameters\]"),
        (lambda: informations(lambda x: x, np.zeros((3, 2)), np.ones(2)), "noise_sd has shape"),
        (lambda: bayesian_bound(lambda x: x, np.ones((3, 2)), 1.0, np.ones(3)), "prior_precision has shape"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.data
def test_ceilings_of_a_published_training_set(data_dir, x64):
    """R² of the linear-Gaussian posterior on the set of Shamaei et al. 2023, from an independent calculation."""
    folder = data_dir / "12_basis_sets" / "deepmrs_2023"
    members = np.concatenate([loadmat(folder / "basisset.mat")["data"].T, loadmat(folder / "mm.mat")["data"].T])
    basis, time_s = jnp.asarray(members[:, :1024]), jnp.asarray(0.25e-3 * np.arange(1024))
    recipe = RECIPES["shamaei2023"]
    limits = [one.amplitude for one in recipe.ingredients]
    low, high = np.array([*limits, recipe.shift_hz, recipe.damping_per_s, recipe.phase_rad]).T
    draws = np.random.default_rng(0).uniform(low, high, size=(16, low.size))

    def whitened(vector):
        shift, damping, phase = vector[20:]
        decay = jax.lax.stop_gradient(damping) - damping
        return vector[:20] @ basis * jnp.exp((2j * jnp.pi * shift + decay) * time_s + 1j * phase)

    precision = uniform_precision(low, high)
    ceiling = linear_ceiling(local_bound(whitened, draws, 1.0, precision), 1 / precision)
    names = [one.name for one in recipe.ingredients]
    wanted = {
        "Cr": 0.94,
        "NAA": 0.98,
        "NAAG": 0.76,
        "Ins": 0.84,
        "Glu": 0.77,
        "Tau": 0.75,
        "GPC": 0.79,
        "PCho": 0.78,
        "PCr": 0.73,
        "GSH": 0.47,
        "Gln": 0.41,
        "Ala": 0.37,
        "sIns": 0.22,
        "Lac": 0.16,
        "GABA": 0.11,
        "Asp": 0.05,
    }
    np.testing.assert_allclose([ceiling[names.index(name)] for name in wanted], list(wanted.values()), atol=0.02)
