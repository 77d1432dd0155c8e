"""What networks say of their errors obeys the laws of mixtures, and bounds are those of the whole model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_decoder import NOISE, small_decoder

from diffmrs.errors import InputError
from diffmrs.learn import MLP
from diffmrs.learn.crlb import amplitude_bound
from diffmrs.learn.network import Network
from diffmrs.learn.uncertain import dropout_draws, mean_and_variance, mixture_moments

RNG = np.random.default_rng(4)
BOUND = jax.jit(amplitude_bound, static_argnames="prior")


def test_a_mixture_has_the_moments_of_draws_from_it():
    means, variances = RNG.normal(size=(4, 3)), RNG.uniform(0.1, 2.0, size=(4, 3))
    drawn = means[:, None] + np.sqrt(variances)[:, None] * RNG.normal(size=(4, 100_000, 3))
    mean, variance = mixture_moments(jnp.asarray(means), jnp.asarray(variances))
    np.testing.assert_allclose(mean, drawn.mean(axis=(0, 1)), atol=0.01)
    np.testing.assert_allclose(variance, drawn.var(axis=(0, 1)), rtol=0.02)
    np.testing.assert_allclose(mixture_moments(jnp.asarray(means))[1], means.var(axis=0), rtol=1e-5)


def test_members_that_agree_have_no_spread_of_their_own():
    same = jnp.ones((3, 5))
    mean, variance = mixture_moments(same, 0.25 * same)
    np.testing.assert_allclose(mean, 1.0)
    np.testing.assert_allclose(variance, 0.25)


def test_a_mixture_needs_two_parts_and_amplitudes_one_or_two_numbers_each():
    with pytest.raises(InputError, match="1 parts"):
        mixture_moments(jnp.ones((1, 2)))
    with pytest.raises(InputError, match="3 outputs for 2 amplitudes"):
        mean_and_variance(jnp.ones((4, 3)), jnp.ones(2), jnp.ones(2))


def test_outputs_are_read_in_units_of_the_population():
    mean, sd = jnp.asarray([2.0, 3.0]), jnp.asarray([0.5, 0.1])
    amplitude, variance = mean_and_variance(jnp.asarray([[1.0, -1.0, 0.0, np.log(4.0)]]), mean, sd)
    np.testing.assert_allclose(amplitude[0], [2.5, 2.9], rtol=1e-6)
    np.testing.assert_allclose(variance[0], [0.25, 0.04], rtol=1e-6)
    plain, none = mean_and_variance(jnp.asarray([1.0, -1.0]), mean, sd)
    np.testing.assert_array_equal(plain, amplitude[0])
    np.testing.assert_array_equal(none, 0.0)
    assert np.isfinite(mean_and_variance(jnp.full((1, 4), 1e6), mean, sd)[1]).all()


def test_dropout_spreads_answers_only_where_there_is_dropout():
    signal = jnp.asarray(RNG.normal(size=(3, 16, 2)), jnp.zeros(()).dtype)
    key = jax.random.key(0)
    for rate in (0.0, 0.5):
        network = Network(MLP((8,), dropout=rate), (16, 2), 2, nnx.Rngs(0))
        drawn = dropout_draws(network, signal, key, 6)
        assert drawn.shape == (6, 3, 2)
        np.testing.assert_array_equal(drawn, dropout_draws(network, signal, key, 6))
        assert (np.ptp(np.asarray(drawn), axis=0) > 0).all() == (rate > 0)
    with pytest.raises(InputError, match="at least 2"):
        dropout_draws(network, signal, key, 1)


@pytest.mark.thorough
def test_the_bound_is_the_inverse_of_the_whole_information_in_any_coordinates():
    gaussian, ranges = small_decoder(), small_decoder(ranges=True)
    noise = jnp.asarray(NOISE)
    z = jnp.asarray([0.3, -0.5, 0.2, 0.4, -0.2, 0.1])
    parameters = gaussian.latent.parameters(z)
    covariance = np.asarray(BOUND(z, noise, gaussian))

    def predicted(z):
        return gaussian.misfit(gaussian.latent.parameters(z), 0j * gaussian.spectrum(z), noise)

    slope = np.asarray(jax.jit(jax.jacfwd(predicted))(z), np.float64)
    sd = 0.3  # of the amplitudes: a quarter of the range
    by_hand = np.linalg.inv(slope.T @ slope)[:3, :3] * sd**2
    np.testing.assert_allclose(covariance, by_hand, rtol=2e-3)
    other = BOUND(ranges.latent.coordinates(parameters), noise, ranges)
    np.testing.assert_allclose(other, covariance, rtol=5e-3)
    narrow = np.linalg.inv(slope[:, :3].T @ slope[:, :3]) * sd**2  # nuisances held: too small
    assert (np.diag(narrow) < np.diag(covariance)).all()


@pytest.mark.thorough
@pytest.mark.slow
def test_the_prior_adds_its_information_and_a_gain_is_held():
    decoder, free = small_decoder(), small_decoder(gain=True)
    z, noise = jnp.asarray([0.3, -0.5, 0.2, 0.4, -0.2, 0.1]), jnp.asarray(NOISE)

    def bound(z, noise, decoder, prior=False):
        return np.sqrt(np.diag(BOUND(z, noise, decoder, prior=prior)))

    plain, both = (bound(z, noise, decoder, prior) for prior in (False, True))
    assert (both < plain).all() and (both < 0.3).all()
    silent = bound(z, jnp.asarray(1e4), decoder, True)
    np.testing.assert_allclose(silent, 0.3, rtol=1e-3)  # nothing but the prior
    with_gain = jnp.concatenate([z, jnp.zeros(1)])
    np.testing.assert_allclose(bound(with_gain, noise, free), plain, rtol=1e-3)
