"""Distributions have the moments of the textbook, keep their limits, and depend on each other as they were told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.errors import InputError
from diffmrs.simulate import Copula, Correlated, LogNormal, LogUniform, Mixture, Normal, Uniform

MANY = 20_000
COVARIANCE = np.array([[1.0, 0.6, 0.0], [0.6, 4.0, -0.5], [0.0, -0.5, 0.25]])


def draw(distribution, *shape):
    return np.asarray(distribution.draw(jax.random.key(1), shape))


@pytest.mark.parametrize(
    ("distribution", "mean", "sd"),
    [
        (LogNormal(2.0, 0.5), 2 * np.exp(0.125), 2 * np.exp(0.125) * np.sqrt(np.exp(0.25) - 1)),
        # Two equal parts: the variance within and that between their means.
        (Mixture((Normal(0.0, 1.0), Normal(4.0, 1.0)), np.array([1.0, 1.0])), 2.0, np.sqrt(1 + 4)),
        (Mixture((Uniform(0.0, 0.0), Uniform(1.0, 1.0)), np.array([3.0, 1.0])), 0.25, np.sqrt(3) / 4),
    ],
)
def test_moments_are_those_of_the_textbook(distribution, mean, sd):
    values = draw(distribution, MANY)
    assert values.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(MANY))
    assert values.std() == pytest.approx(sd, rel=0.05)


def test_a_part_without_weight_is_never_drawn():
    assert draw(Mixture((Uniform(0.0, 1.0), Uniform(5.0, 6.0)), np.array([1.0, 0.0])), 1000).max() < 1


@pytest.mark.parametrize(
    "distribution", [Uniform(2.0, 5.0), LogUniform(1.0, 9.0), Normal(1.0, 0.5, 0.8), LogNormal(2.0, 0.4)]
)
def test_quantiles_are_the_inverse_of_what_is_drawn(distribution):
    values = draw(distribution, MANY)
    for probability in (0.1, 0.5, 0.9):
        limit = float(distribution.quantile(jnp.asarray(probability)))
        assert np.mean(values < limit) == pytest.approx(probability, abs=4 * 0.5 / np.sqrt(MANY))


def test_correlated_values_have_their_covariance():
    values = draw(Correlated(np.array([1.0, -2.0, 3.0]), COVARIANCE), MANY, 3)
    np.testing.assert_allclose(values.mean(axis=0), [1, -2, 3], atol=0.06)
    np.testing.assert_allclose(np.cov(values.T), COVARIANCE, atol=0.12)


def test_a_limit_of_correlated_values_holds_and_leaves_the_shape_above_it():
    # A mean of 0 and no correlation: half-normal distributions.
    values = draw(Correlated(np.zeros(3), np.diag([1.0, 4.0, 9.0]), 0.0), MANY, 3)
    assert values.min() >= 0
    np.testing.assert_allclose(values.mean(axis=0), np.sqrt(2 / np.pi) * np.array([1, 2, 3]), rtol=0.03)
    assert draw(Correlated(np.full(3, -50.0), np.eye(3), 0.0), 10, 3).min() == 0  # no draw lies above: raised


def test_a_copula_keeps_margins_and_rank_correlation():
    r = 0.7
    values = draw(Copula((Uniform(2.0, 4.0), LogNormal(1.0, 0.5)), np.array([[1, r], [r, 1]])), MANY, 2)
    assert values[:, 0].min() >= 2 and values[:, 0].max() <= 4
    assert values[:, 0].mean() == pytest.approx(3.0, abs=0.02)
    assert np.median(values[:, 1]) == pytest.approx(1.0, abs=0.03)
    ranks = values.argsort(axis=0).argsort(axis=0)
    assert np.corrcoef(ranks.T)[0, 1] == pytest.approx(6 / np.pi * np.arcsin(r / 2), abs=0.02)


@pytest.mark.parametrize(
    ("distribution", "shape"),
    [
        (LogNormal(np.array([1.0, 2.0]), 0.1), (2,)),
        (Mixture((Uniform(0.0, 1.0), LogNormal(1.0, 1.0)), np.array([0.5, 0.5])), (4, 2)),
        (Correlated(np.zeros(3), COVARIANCE, -1.0), (5, 3)),
        (Copula((Uniform(0.0, 1.0), Normal(0.0, 1.0)), np.eye(2)), (5, 2)),
    ],
)
def test_shapes_are_as_asked_and_the_same_key_gives_the_same_values(distribution, shape):
    values = draw(distribution, *shape)
    assert values.shape == shape and np.isfinite(values).all()
    np.testing.assert_array_equal(values, draw(distribution, *shape))


def test_a_distribution_goes_through_jit_as_a_pytree():
    mixture = Mixture((Uniform(0.0, 1.0), LogNormal(1.0, 1.0)), np.array([0.5, 0.5]))
    inside = jax.jit(lambda d: d.draw(jax.random.key(1), (4,)))(mixture)
    np.testing.assert_allclose(inside, draw(mixture, 4), rtol=1e-5)


def test_numbers_that_do_not_go_together_are_refused():
    with pytest.raises(InputError, match="mixture of 2 distributions has weights of shape"):
        Mixture((Uniform(0.0, 1.0), Uniform(0.0, 1.0)), np.ones(3))
    with pytest.raises(InputError, match=r"mean of shape \(2,\) and a covariance of shape \(3, 3\)"):
        Correlated(np.zeros(2), COVARIANCE)
    with pytest.raises(InputError, match="correlation of a copula has shape"):
        Copula((Uniform(0.0, 1.0),), COVARIANCE)
    with pytest.raises(InputError, match="its last axis must be 3"):
        draw(Correlated(np.zeros(3), COVARIANCE), 4)
