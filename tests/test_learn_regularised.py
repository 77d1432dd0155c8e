import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from learned import POINTS, decoder, linear

from diffmrs.axes import fid_of
from diffmrs.errors import InputError
from diffmrs.fitting.solver import LevenbergMarquardt
from diffmrs.learn import InputSpec
from diffmrs.learn.examples import Example, draw_examples
from diffmrs.learn.losses import ThroughSteps
from diffmrs.learn.regularised import Constant, ThroughMode, steered, steered_mode, steering_outputs
from diffmrs.learn.scene import Scene
from diffmrs.learn.training import Training, train
from diffmrs.model.baseline import SplineBaseline
from diffmrs.pytree import container

NOISE = 60.0
TRUE_MEAN, TRUE_SD = np.array([2.0, 1.0, 1.5]), np.array([1.0, 0.3, 0.7])


@container()
@dataclasses.dataclass(frozen=True)
class Steady:
    """Spectra of a linear population with the same noise for all."""

    decoder: object

    def draw(self, key):
        key_z, key_noise = jax.random.split(key)
        z = self.decoder.latent.draw(key_z)
        parts = NOISE * jax.random.normal(key_noise, (2, POINTS))
        fid = fid_of(self.decoder.spectrum(z) + jax.lax.complex(parts[0], parts[1])).astype(jnp.complex64)
        return Example(fid, jnp.asarray(NOISE, jnp.float32), self.decoder.latent.parameters(z))


@pytest.mark.thorough
@pytest.mark.slow
def test_learning_finds_the_wiener_filter():
    """The population is not what the decoder takes it for: the best precision and centre are those of the truth."""
    source = Steady(linear(mean=TRUE_MEAN, sd=TRUE_SD))
    wrong_mean, wrong_sd = np.full(3, 1.2), np.full(3, 2.0)
    loss = ThroughMode(Scene(InputSpec("spectrum"), linear(mean=wrong_mean, sd=wrong_sd)), np.ones(3, np.float32))
    how = Training(steps=120, batch=32, learning_rate=0.12, every=60, validation=32, clip=100.0)
    network, history = train(Constant(6), loss, source, how)
    best = np.concatenate([(TRUE_MEAN - wrong_mean) / wrong_sd, 2 * np.log(wrong_sd / TRUE_SD)])
    wiener = Constant(6)
    wiener.values[...] = jnp.asarray(best, jnp.float32)
    tests = jax.jit(lambda key: draw_examples(key, source, 300))(jax.random.key(5))
    graph, params, rest = nnx.split(network, nnx.Param, ...)

    @jax.jit
    def risk(values):
        return loss(nnx.merge(graph, jax.tree.map(lambda _: values, params), rest), tests, None)[0]

    learned, least, plain = (float(risk(v)) for v in (network.values[...], wiener.values[...], jnp.zeros(6)))
    assert history[-1].numbers["converged"] == 1
    assert least < 0.75 * plain
    assert learned < least + 0.1 * (plain - least)
    np.testing.assert_allclose(network.values[...][:3], best[:3], atol=0.15)
    # The expected risk of the Wiener filter is the variance of the posterior.
    precision = linear(mean=TRUE_MEAN, sd=TRUE_SD)
    _, jacobian = precision.jacobian(jnp.zeros(3), jnp.asarray(NOISE, jnp.float32))
    variance = np.diag(np.linalg.inv(np.asarray(jacobian.T @ jacobian) + np.eye(3))) * TRUE_SD**2
    np.testing.assert_allclose(least, variance.mean(), rtol=0.2)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("kind", ["mode", "steps"])
def test_gradients_through_the_fit_are_those_of_finite_differences(kind):
    options = {"ppm_range": (1.5, 3.8), "baseline": SplineBaseline(3.0), "dtype": np.complex128, "stiffness": 0.5}
    made = decoder(**options)
    scene, sd = Scene(InputSpec(), made), np.ones(3)
    size = steering_outputs(made)
    z = 0.7 * jax.random.normal(jax.random.key(1), (2, made.latent.size))
    whole = decoder(dtype=np.complex128)
    noise = 20 * jax.random.normal(jax.random.key(2), (2, 2, POINTS))
    fids = jax.vmap(lambda z, n: fid_of(whole.spectrum(z) + jax.lax.complex(n[0], n[1])))(z, noise)
    batch = Example(fids, jnp.full(2, 20.0), jax.vmap(made.latent.parameters)(z))
    loss = ThroughMode(scene, sd, LevenbergMarquardt(tolerance=1e-6)) if kind == "mode" else ThroughSteps(scene, sd, 2)
    graph, params, rest = nnx.split(Constant(size), nnx.Param, ...)
    values = 0.3 * jnp.cos(jnp.arange(float(size)))

    @jax.jit
    def both(values):
        def cost(values):
            return loss(nnx.merge(graph, jax.tree.map(lambda _: values, params), rest), batch, None)[0]

        return jax.value_and_grad(cost)(values)

    _, gradient = both(values)
    assert (np.abs(gradient[: (size if kind == "mode" else 8)]) > 1e-9).all()
    for seed in range(3):
        way = jax.random.normal(jax.random.key(seed), (size,))
        slope = (both(values + 1e-4 * way)[0] - both(values - 1e-4 * way)[0]) / 2e-4
        np.testing.assert_allclose(gradient @ way, slope, rtol=2e-3, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.slow
def test_zeros_steer_nothing_and_other_numbers_are_refused():
    made = linear()
    observed = made.spectrum(jnp.asarray([0.3, -0.5, 1.0]))
    fit = jax.jit(lambda outputs: steered_mode(outputs, observed, jnp.asarray(5.0), made))
    found, firm = fit(jnp.zeros(6)), fit(jnp.concatenate([jnp.ones(3), jnp.full(3, 30.0)]))
    np.testing.assert_allclose(found.z, [0.3, -0.5, 1.0], atol=0.1)
    np.testing.assert_allclose(firm.z, 1, atol=1e-2)
    assert steered(jnp.zeros(6), made).decoder.stiffness == made.stiffness
    with pytest.raises(InputError, match="gives 5 numbers"):
        steered(jnp.zeros(5), made)
