from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import truncnorm

from diffmrs.uncertainty.bounded import cut_off, half_normal


@partial(jax.jit, static_argnames="bounded")
def bounded_by(centre, covariance, lower, bounded: tuple[int, ...]):
    return cut_off(centre, covariance, lower, np.array(bounded, int))


def test_moments_of_a_cut_normal_are_those_of_scipy(x64):
    z = np.array([-8.0, -6.0, -3.0, 0.0, 1.0, 4.0, 30.0, 200.0])
    mean, variance = half_normal(jnp.asarray(2 * z), jnp.full(8, 4.0))
    expected = truncnorm(-z, np.inf, 2 * z, 2.0)
    np.testing.assert_allclose(mean, expected.mean(), rtol=2e-3)
    np.testing.assert_allclose(variance, expected.var(), rtol=2e-2)


def test_far_below_its_bound_a_normal_leaves_an_exponential():
    mean, variance = half_normal(jnp.asarray([-100.0]), jnp.asarray([1.0]))
    assert float(mean[0]) == pytest.approx(0.01, rel=1e-3)
    assert float(variance[0]) == pytest.approx(1e-4, rel=1e-2)


def test_without_bounds_in_reach_nothing_changes():
    centre, covariance = jnp.asarray([50.0, -3.0]), jnp.asarray([[1.0, 0.6], [0.6, 2.0]])
    for bounded in ((0,), ()):
        found = bounded_by(centre, covariance, jnp.asarray([0.0, -jnp.inf]), bounded)
        np.testing.assert_allclose(found.centre, centre, rtol=1e-6)
        np.testing.assert_allclose(found.mean, centre, rtol=1e-6)
        np.testing.assert_allclose(found.covariance, covariance, rtol=1e-5)
        np.testing.assert_allclose(found.spread, np.sqrt(np.diag(covariance)), rtol=1e-5)


def test_a_single_parameter_keeps_its_own_normal():
    found = bounded_by(jnp.asarray([-1.0]), jnp.asarray([[4.0]]), jnp.asarray([0.0]), (0,))
    expected = truncnorm(0.5, np.inf, -1.0, 2.0)
    assert float(found.centre[0]) == pytest.approx(-1.0, abs=1e-4)
    assert float(found.spread[0]) == pytest.approx(2.0, rel=1e-4)
    assert float(found.mean[0]) == pytest.approx(expected.mean(), rel=1e-4)
    assert float(found.covariance[0, 0]) == pytest.approx(expected.var(), rel=1e-3)


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=10, derandomize=True)
def test_moments_are_those_of_draws_inside_the_bounds(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, 3))
    covariance, centre = root @ root.T + np.eye(3), rng.uniform(-0.5, 2.0, 3)
    draws = rng.multivariate_normal(centre, covariance, 400_000)
    inside = draws[(draws[:, :2] >= 0).all(axis=1)]  # the third has no bound
    with jax.enable_x64(True):
        lower = jnp.asarray([0.0, 0.0, -np.inf])
        found = bounded_by(jnp.asarray(centre), jnp.asarray(covariance), lower, (0, 1))
    sd = inside.std(axis=0)
    np.testing.assert_allclose(np.asarray(found.mean) / sd, inside.mean(axis=0) / sd, atol=0.12)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), sd, rtol=0.12)
    # The marginal of the first, from its normal.
    c, s = float(found.centre[0]), float(found.spread[0])
    quantiles = truncnorm(-c / s, np.inf, c, s).ppf([0.1, 0.5, 0.95])
    np.testing.assert_allclose(quantiles / sd[0], np.quantile(inside[:, 0], [0.1, 0.5, 0.95]) / sd[0], atol=0.2)


def test_two_that_trade_against_each_other_know_of_each_other_s_bound(x64):
    # Their sum is known, their difference is not, and the difference found is beyond what bounds allow.
    covariance = jnp.asarray([[1.0, -0.98], [-0.98, 1.0]])
    found = bounded_by(jnp.asarray([3.0, -1.0]), covariance, jnp.zeros(2), (0, 1))
    draws = np.random.default_rng(0).multivariate_normal([3.0, -1.0], np.asarray(covariance), 2_000_000)
    inside = draws[(draws >= 0).all(axis=1)]
    np.testing.assert_allclose(found.mean, inside.mean(axis=0), atol=0.03)
    assert float(found.spread[0]) < 0.6  # without the other's bound: 1
