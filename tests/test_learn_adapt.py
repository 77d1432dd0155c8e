"""Adaptation goes downhill to where the fit goes, and strange spectra raise the flag."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_decoder import NOISE, POINTS, small_decoder, spectra

from diffmrs.errors import InputError
from diffmrs.learn import MLP
from diffmrs.learn.adapt_spectrum import adapted_answer, adapted_network
from diffmrs.learn.mode import gauss_newton
from diffmrs.learn.network import Network
from diffmrs.learn.strangeness import Signs, feature_space, flag_for, signs_of, stacked

RNG = np.random.default_rng(6)
COUNT = 900
DECODER = small_decoder()
Z, CLEAN, WHITE = spectra(DECODER, COUNT, 6)
USUAL = CLEAN + NOISE * WHITE
ONE = USUAL[0]
SIZE = DECODER.latent.size
SIGMA = jnp.asarray(NOISE)


@jax.jit
def cost(z):
    rest = DECODER.residual(z, ONE, SIGMA)
    return 0.5 * rest @ rest


@pytest.mark.thorough
@pytest.mark.slow
def test_gradient_steps_on_an_answer_end_at_the_mode():
    start = jnp.zeros(SIZE)
    run = jax.jit(lambda steps: adapted_answer(start, ONE, SIGMA, DECODER, steps=steps), static_argnums=0)
    mode = jax.jit(lambda: gauss_newton(start, ONE, SIGMA, DECODER, 10))()
    np.testing.assert_array_equal(adapted_answer(start, ONE, SIGMA, DECODER, steps=0), start)
    costs = [float(cost(z)) for z in (start, run(3), run(400))]
    assert costs[0] > costs[1] > costs[2]
    assert costs[2] == pytest.approx(float(cost(mode.z)), rel=1e-3)


@pytest.mark.slow
def test_a_network_adapts_to_one_spectrum_and_stays_as_it_was():
    signal = jnp.stack([ONE.real, ONE.imag], axis=-1)
    network = Network(MLP((16,)), (POINTS, 2), SIZE + 3, nnx.Rngs(1), small=True)
    before = np.asarray(network(signal[None]))
    told = jax.jit(lambda: adapted_network(network, signal, ONE, SIGMA, DECODER, steps=30, learning_rate=1e-2))()
    assert told.shape == (SIZE,)
    assert float(cost(told)) < float(cost(jnp.asarray(before[0, :SIZE])))
    np.testing.assert_array_equal(network(signal[None]), before)


@pytest.mark.slow
def test_a_spectrum_that_is_no_number_leaves_the_answer_and_raises_the_flag():
    broken = jnp.full_like(ONE, jnp.nan)
    told = jax.jit(lambda: adapted_answer(jnp.ones(SIZE), broken, SIGMA, DECODER, steps=3))()
    np.testing.assert_array_equal(told, 1.0)
    signs = stacked(watched(jnp.concatenate([broken[None], USUAL[1:]])))
    usual = RNG.normal(size=(2, 100, len(Signs._fields)))
    assert flag_for(usual[0], usual[1])(signs[:1]).all()
    np.testing.assert_allclose(signs[1:], stacked(watched(USUAL))[1:], rtol=1e-4)  # the others are as without it


@jax.jit
def watched(observed):
    def one(observed):
        z = gauss_newton(jnp.zeros(SIZE), observed, SIGMA, DECODER, 4).z
        return signs_of(z, observed, SIGMA, DECODER)

    return jax.lax.map(one, observed)


def test_the_flag_is_silent_on_usual_spectra_and_fires_on_strange_ones():
    known, others, tests = np.split(stacked(watched(USUAL)), 3)
    flag = flag_for(known, others, false_alarms=0.05)
    assert flag(tests).mean() < 0.09  # 300 spectra: 0.05 and three standard errors
    part = slice(0, COUNT // 3)
    noisy = CLEAN + 3 * NOISE * WHITE
    silent = NOISE * WHITE
    foreign = USUAL + jnp.asarray(8 * NOISE * (np.arange(POINTS) // 4 == 3), USUAL.dtype)[None]
    for strange in (noisy, silent, foreign):
        assert flag(stacked(watched(strange))[part]).mean() > 0.9


def test_signs_of_the_truth_are_those_of_white_noise():
    signs = jax.jit(jax.vmap(lambda z, one: signs_of(z, one, SIGMA, DECODER)))(Z, USUAL)
    assert float(signs.misfit.mean()) == pytest.approx(1.0, abs=0.03)
    assert float(jnp.mean(signs.structure**2)) == pytest.approx(1.0, abs=0.25)
    assert 1.0 < float(signs.uneven.mean()) < 3.0  # the largest of 16 about normal numbers
    np.testing.assert_allclose(signs.penalty, jnp.sum(Z**2, axis=1), rtol=1e-5)
    np.testing.assert_allclose(signs.farthest, jnp.max(jnp.abs(Z), axis=1), rtol=1e-6)
    assert stacked(signs, np.zeros(COUNT)).shape == (COUNT, len(Signs._fields) + 1)


def test_distance_of_features_is_that_of_mahalanobis():
    root = RNG.normal(size=(3, 3))
    usual = RNG.normal(size=(5000, 3)) @ root + 7.0
    space = feature_space(usual)
    asked = RNG.normal(size=(4, 3)) @ root + 7.0
    rest = asked - usual.mean(axis=0)
    wanted = np.sqrt(np.einsum("ij,jk,ik->i", rest, np.linalg.inv(np.cov(usual.T)), rest))
    np.testing.assert_allclose(space.distance(jnp.asarray(asked)), wanted, rtol=2e-2)
    assert np.isfinite(space.distance(jnp.zeros(3)))
    constant = feature_space(np.concatenate([usual, np.ones((5000, 1))], axis=1))  # one that never changes
    assert np.isfinite(constant.distance(jnp.ones(4)))
    for bad in (usual[0], usual[:1], usual * np.nan):
        with pytest.raises(InputError, match="features have shape"):
            feature_space(bad)
