"""Adaptation goes downhill to where the fit goes, and strange spectra raise the flag."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_decoder import NOISE, POINTS, small_decoder, spectra

from diffmrs.errors import InputError
from diffmrs.learn import MLP
from diffmrs.learn.adapt import adapted_answer, adapted_network
from diffmrs.learn.mode import gauss_newton
from diffmrs.learn.network import Network
from diffmrs.learn.strangeness import Signs, feature_space, flag_for, signs_of, stacked

RNG = np.random.default_rng(6)
DECODER = small_decoder()
SIZE = DECODER.latent.size
SIGMA = jnp.asarray(NOISE)


def cost(z, observed):
    rest = DECODER.residual(z, observed, SIGMA)
    return float(0.5 * rest @ rest)


def test_gradient_steps_on_an_answer_end_at_the_mode():
    _, observed = spectra(DECODER, RNG, 1)
    start = jnp.zeros(SIZE)
    run = jax.jit(lambda steps: adapted_answer(start, observed[0], SIGMA, DECODER, steps=steps), static_argnums=0)
    mode = gauss_newton(start, observed[0], SIGMA, DECODER, 10)
    costs = [cost(run(steps), observed[0]) for steps in (0, 3, 400)]
    assert costs[0] == pytest.approx(cost(start, observed[0]), rel=1e-5)
    assert costs[0] > costs[1] > costs[2]
    assert costs[2] == pytest.approx(cost(mode.z, observed[0]), rel=1e-3)


def test_a_network_adapts_to_one_spectrum_and_stays_as_it_was():
    _, observed = spectra(DECODER, RNG, 1)
    signal = jnp.stack([observed[0].real, observed[0].imag], axis=-1)
    network = Network(MLP((16,)), POINTS, 2, SIZE + 3, nnx.Rngs(1), small=True)
    before = np.asarray(network(signal[None]))
    told = jax.jit(
        lambda: adapted_network(network, signal, observed[0], SIGMA, DECODER, steps=30, learning_rate=1e-2)
    )()
    assert told.shape == (SIZE,)
    assert cost(told, observed[0]) < cost(jnp.asarray(before[0, :SIZE]), observed[0])
    np.testing.assert_array_equal(network(signal[None]), before)


def test_a_spectrum_that_is_no_number_leaves_the_answer_and_raises_the_flag():
    broken = jnp.full(POINTS, jnp.nan, jnp.zeros(()).dtype) + 0j
    told = adapted_answer(jnp.ones(SIZE), broken, SIGMA, DECODER, steps=3)
    np.testing.assert_array_equal(told, 1.0)
    signs = stacked(jax.tree.map(lambda one: one[None], signs_of(told, broken, SIGMA, DECODER)))
    usual = RNG.normal(size=(2, 100, 5))
    assert flag_for(usual[0], usual[1])(signs).all()


@jax.jit
def watched(observed):
    def one(observed):
        z = gauss_newton(jnp.zeros(SIZE), observed, SIGMA, DECODER, 4).z
        return signs_of(z, observed, SIGMA, DECODER)

    return jax.lax.map(one, observed)


def test_the_flag_is_silent_on_usual_spectra_and_fires_on_strange_ones():
    _, usual = spectra(DECODER, RNG, 900)
    known, others, tests = np.split(stacked(watched(usual)), 3)
    flag = flag_for(known, others, false_alarms=0.05)
    assert flag(tests).mean() < 0.09  # 300 spectra: 0.05 and three standard errors
    z, _ = spectra(DECODER, RNG, 20)
    _, noisy = spectra(DECODER, RNG, 20, noise=3 * NOISE)
    far = jnp.asarray(np.asarray(z) + 6 * np.eye(SIZE)[4][None], z.dtype)  # a large shift
    shifted = jax.vmap(DECODER.spectrum)(far) + (usual[:20] - jax.vmap(DECODER.spectrum)(z) * 0) * 0
    foreign = usual[:20] + jnp.asarray(8 * NOISE * (np.arange(POINTS) // 4 == 3), usual.dtype)[None]
    for strange in (noisy, shifted, foreign):
        padded = jnp.concatenate([strange, jnp.repeat(strange[-1:], 900 - 20, axis=0)])
        assert flag(stacked(watched(padded))[:20]).mean() > 0.9


def test_signs_of_the_truth_are_those_of_white_noise():
    z, observed = spectra(DECODER, RNG, 400)
    signs = jax.jit(jax.vmap(lambda z, one: signs_of(z, one, SIGMA, DECODER)))(z, observed)
    assert float(signs.misfit.mean()) == pytest.approx(1.0, abs=0.03)
    assert float(jnp.mean(signs.structure**2)) == pytest.approx(1.0, abs=0.25)
    assert 1.0 < float(signs.uneven.mean()) < 3.0  # the largest of 16 about normal numbers
    np.testing.assert_allclose(signs.penalty, jnp.sum(z**2, axis=1), rtol=1e-5)
    np.testing.assert_allclose(signs.farthest, jnp.max(jnp.abs(z), axis=1), rtol=1e-6)
    assert stacked(signs, np.zeros(400)).shape == (400, len(Signs._fields) + 1)


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
