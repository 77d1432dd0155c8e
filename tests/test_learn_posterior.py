import dataclasses
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from learned import POINTS, linear
from scipy import stats

from diffmrs.axes import fid_of
from diffmrs.errors import InputError
from diffmrs.learn import InputSpec, Subspace
from diffmrs.learn.encoders.subspace import Fixed
from diffmrs.learn.examples import Example, draw_examples
from diffmrs.learn.flow import SplineFlow, _orders, spline
from diffmrs.learn.gaussian import gaussian_of, gaussian_outputs
from diffmrs.learn.losses import PosteriorLoss, SelfSupervised, Supervised
from diffmrs.learn.network import Network
from diffmrs.learn.posterior import PosteriorNetwork
from diffmrs.learn.scene import Scene
from diffmrs.learn.training import Training, train
from diffmrs.pytree import container

NOISE = 30.0  # of the spectrum: about as much as the population is wide


@container()
@dataclasses.dataclass(frozen=True)
class Steady:
    """Spectra of the linear population with the same noise for all: their posteriors are known."""

    decoder: object

    def draw(self, key):
        key_z, key_noise = jax.random.split(key)
        z = self.decoder.latent.draw(key_z)
        parts = NOISE * jax.random.normal(key_noise, (2, POINTS))
        fid = fid_of(self.decoder.spectrum(z) + jax.lax.complex(parts[0], parts[1])).astype(jnp.complex64)
        return Example(fid, jnp.asarray(NOISE, jnp.float32), self.decoder.latent.parameters(z), z)


class Matched(nnx.Module):
    """Features in which the posterior mean is linear: the exact one, mixed."""

    n_features = 3

    def __init__(self):
        model, jacobian = linear().jacobian(jnp.zeros(3), jnp.asarray(NOISE, jnp.float32))
        solved = jnp.linalg.solve(jacobian.T @ jacobian + jnp.eye(3), jacobian.T).T
        self.middle = Fixed(model)
        self.matrix = Fixed(solved @ jnp.asarray([[1.0, 0.5, 0.0], [-0.3, 1.0, 0.4], [0.2, 0.0, 1.0]]))

    def __call__(self, signal, *, rngs=None):
        stacked = signal.swapaxes(1, 2).reshape(signal.shape[0], -1) * (POINTS**0.5 / NOISE)
        return (stacked - self.middle[...][None]) @ self.matrix[...]


def matched(network):
    network.encoder = Matched()
    return network


def posterior_network():
    return matched(PosteriorNetwork(Subspace(3, (3,)), (POINTS, 2), 3, nnx.Rngs(0)))


@lru_cache
def toy():
    made = linear()
    scene, source = Scene(InputSpec("spectrum"), made), Steady(made)
    examples = jax.jit(lambda key: draw_examples(key, source, 256))(jax.random.key(9))
    seen = jax.vmap(scene.see)(examples)
    rest, jacobian = jax.vmap(lambda x, s: made.linearised(jnp.zeros(3), x, s))(seen.observed, seen.noise_sd)
    precision = np.asarray(jacobian[0].T @ jacobian[0], float)
    mean = -np.linalg.solve(precision, np.einsum("eri,er->ei", jacobian, rest).T).T
    return scene, source, examples, seen, mean, precision, np.asarray(rest, float)


HOW = Training(steps=250, batch=64, learning_rate=0.04, every=125, validation=64, clip=10.0)


def trained(network, loss):
    return train(network, loss, toy()[1], HOW)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["truth", "no truth"])
def test_an_amortised_gaussian_becomes_the_exact_posterior(kind):
    scene, _, examples, seen, mean, precision, rest = toy()
    loss = PosteriorLoss(scene) if kind == "truth" else SelfSupervised(scene, draws=4)
    network, history = trained(posterior_network(), loss)
    assert history[-1].numbers["left_out"] == 0
    gaussian, _ = network.read(seen.signal)
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))
    assert np.sqrt(np.mean(((np.asarray(gaussian.mean) - mean) / sd) ** 2)) < 0.15
    np.testing.assert_allclose(gaussian.covariance[0], np.linalg.inv(precision), rtol=0.2, atol=0.03)
    if kind == "no truth":
        bound = 3 * float(loss(network, examples, jax.random.key(3))[0])
        least = 0.5 * np.sum(rest**2, axis=1) - 0.5 * np.einsum("ei,ij,ej->e", mean, precision, mean)
        log_evidence = 1.5 * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(precision)[1] - np.mean(least)
        assert -0.05 < bound + log_evidence < 0.2


@pytest.mark.slow
def test_a_supervised_network_tells_posterior_means_and_variances():
    scene, _, examples, seen, mean, precision, _ = toy()
    middle, spread = np.array([2.0, 1.0, 1.5], np.float32), np.array([1.0, 0.5, 0.7], np.float32)
    loss = Supervised(scene, middle, spread, 3, spread=True)
    network, _ = trained(matched(Network(Subspace(3, (3,)), (POINTS, 2), 6, nnx.Rngs(0), small=True)), loss)
    outputs = np.asarray(network(seen.signal))
    variance = np.diag(np.linalg.inv(precision))
    assert np.sqrt(np.mean((outputs[:, :3] - mean) ** 2 / variance)) < 0.15
    np.testing.assert_allclose(np.exp(outputs[:, 3:]).mean(axis=0), variance, rtol=0.2)
    value, metrics = loss(network, examples, None)
    squared = (outputs[:, :3] - (np.asarray(examples.parameters.amplitude) - middle) / spread) ** 2
    np.testing.assert_allclose(metrics["squared_error"], squared.mean(), rtol=1e-4)
    np.testing.assert_allclose(value, 0.5 * np.mean(outputs[:, 3:] + squared * np.exp(-outputs[:, 3:])), rtol=1e-4)
    with pytest.raises(InputError, match="gives 6 numbers, but the loss needs 3"):
        dataclasses.replace(loss, spread=False)(network, examples, None)
    with pytest.raises(InputError, match="lack"):
        loss(network, examples._replace(parameters=None), None)
    other = PosteriorNetwork(Subspace(3, (3,)), (POINTS, 2), 3, nnx.Rngs(0))
    with pytest.raises(InputError, match="lack"):
        PosteriorLoss(scene)(other, examples._replace(z=None), None)


@pytest.mark.thorough
@pytest.mark.slow
def test_broken_spectra_are_left_out_of_value_and_gradient():
    scene, _, examples, *_ = toy()
    some = jax.tree.map(lambda leaf: leaf[:5], examples)
    fid = some.fid.at[1, 3].set(jnp.nan).at[2].set(0)
    broken = some._replace(fid=fid, noise_sd=some.noise_sd.at[3].set(0), z=some.z.at[4, 0].set(jnp.inf))
    good = jax.tree.map(lambda leaf: leaf[:1], some)
    network = PosteriorNetwork(Subspace(4, (6,)), (POINTS, 2), 3, nnx.Rngs(0), flow_layers=2)
    graph, params, rest = nnx.split(network, nnx.Param, ...)

    @jax.jit
    def both(params, batch):
        def cost(params, loss):
            return loss(nnx.merge(graph, params, rest), batch, None)[0]

        return [jax.value_and_grad(cost)(params, loss) for loss in (PosteriorLoss(scene), SelfSupervised(scene))]

    (value, gradient), (bound, slope) = both(params, broken)
    np.testing.assert_allclose(value, both(params, good)[0][0], rtol=1e-4)
    assert all(jnp.isfinite(leaf).all() for leaf in (bound, *jax.tree.leaves((gradient, slope))))
    assert jnp.isnan(both(params, jax.tree.map(lambda leaf: leaf[1:2], broken))[0][0])


def test_a_gaussian_is_that_of_scipy_and_zeros_tell_the_prior():
    outputs = 0.5 * np.random.default_rng(1).normal(size=(2, gaussian_outputs(3)))
    found = gaussian_of(jnp.asarray(outputs), 3)
    z = np.random.default_rng(2).normal(size=(2, 3))
    for k in range(2):
        expected = stats.multivariate_normal(outputs[k, :3], found.covariance[k])
        np.testing.assert_allclose(found.log_prob(jnp.asarray(z))[k], expected.logpdf(z[k]), rtol=1e-4)
        np.testing.assert_allclose(found.root[k].T @ found.root[k] @ found.covariance[k], np.eye(3), atol=1e-4)
    np.testing.assert_allclose(found.coloured(found.whitened(jnp.asarray(z))), z, atol=1e-5)
    np.testing.assert_allclose(gaussian_of(jnp.zeros((1, 9)), 3).covariance[0], np.eye(3))


def bent(size, seed=0):
    """A flow with weights that are anything but zero."""
    flow = SplineFlow(size, 2, nnx.Rngs(0), layers=3, bins=4, hidden=6)
    for k, last in enumerate(flow.last):
        last.kernel[...] = 0.5 * jax.random.normal(jax.random.key(seed + k), last.kernel[...].shape, jnp.float32)
        last.bias[...] = 0.5 * jax.random.normal(jax.random.key(seed - k), last.bias[...].shape, jnp.float32)
    return flow


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3])
def test_a_flow_is_the_inverse_of_its_inverse_and_knows_its_determinant(size):
    flow, features = bent(size), jnp.asarray([[0.3, -1.0]])
    values = jnp.asarray([-4.0, -3.999, -1.2, 0.0, 0.4, 3.0, 4.0, 5.5])[:, None] * jnp.ones((1, size))
    values = values + 0.1 * jnp.arange(size, dtype=float)[None]

    @jax.jit
    def check(values):
        def one(value):
            base, slope = flow.to_base(value[None], features)
            return base[0], (slope[0], flow.from_base(base, features)[0])

        derivative, (slope, back) = jax.vmap(jax.jacfwd(one, has_aux=True))(values)
        gradient = jax.grad(lambda values: jnp.sum(jax.vmap(lambda v: one(v)[1][0])(values)))(values)
        return jnp.linalg.slogdet(derivative)[1], slope, back, gradient

    determinant, slope, back, gradient = check(values)
    # Nearly flat pieces cost digits on the way back.
    np.testing.assert_allclose(back, values, atol=1e-6 if jax.config.jax_enable_x64 else 1e-2)
    np.testing.assert_allclose(slope, determinant, atol=1e-3)
    assert jnp.isfinite(gradient).all()


@pytest.mark.thorough
def test_a_bent_density_integrates_to_one_and_a_new_one_is_the_prior():
    network = PosteriorNetwork(Subspace(2, (4,)), (8, 1), 2, nnx.Rngs(0), flow_layers=2)
    signal, edges = jnp.zeros((1, 8, 1)), np.linspace(-7, 7, 121)
    grid = jnp.asarray(np.stack(np.meshgrid(edges, edges), axis=-1).reshape(-1, 2))

    def density(network):
        many = jnp.broadcast_to(signal, (grid.shape[0], 8, 1))
        return np.exp(np.asarray(network.log_prob(many, grid.astype(float)), float))

    prior = stats.norm.pdf(np.asarray(grid)).prod(axis=1)
    np.testing.assert_allclose(density(network), prior, atol=1e-3)
    network.flow.last[0].bias[...] = 0.5 * jax.random.normal(
        jax.random.key(4), network.flow.last[0].bias[...].shape, jnp.float32
    )
    network.flow.last[1].bias[...] = 0.5 * jax.random.normal(
        jax.random.key(5), network.flow.last[1].bias[...].shape, jnp.float32
    )
    network.output.bias[...] = jnp.asarray([0.3, -0.2, 0.2, 0.1, 0.3], jnp.float32)
    found = density(network)
    assert not np.allclose(found, prior, atol=0.02)
    np.testing.assert_allclose(found.sum() * (edges[1] - edges[0]) ** 2, 1, atol=0.01)
    z, log_q = network.sample(signal, jax.random.key(6), 50)
    np.testing.assert_allclose(log_q[:, 0], network.log_prob(jnp.repeat(signal, 50, axis=0), z[:, 0]), atol=1e-3)


def test_every_coordinate_is_moved_and_steep_splines_have_derivatives():
    for size in range(1, 40):
        orders = _orders(size, 2)
        assert all(sorted(order) == list(range(size)) for order in orders)
        assert {k for order in orders for k in order[size // 2 :]} == set(range(size))
    told = 40 * jax.random.normal(jax.random.key(7), (64, 11))
    values = jnp.linspace(-4, 4, 64)
    for inverse in (False, True):
        total = jax.jit(
            jax.grad(lambda v, t, i=inverse: sum(jnp.sum(part) for part in spline(v, t, inverse=i)), (0, 1))
        )
        assert all(jnp.isfinite(leaf).all() for leaf in total(values, told))
