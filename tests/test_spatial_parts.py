"""The joint solver against dense algebra, on images of a few voxels in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.spatial.belief import learned, pair_variance
from diffmrs.spatial.expected import expected_differences
from diffmrs.spatial.linear import block, solve_block, tied
from diffmrs.spatial.neighbours import Neighbours, faces, surround
from diffmrs.spatial.prior import pull, wrapped


def grid(*shape: int) -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)


def laplacian(graph: Neighbours) -> np.ndarray:
    index, present = np.asarray(graph.number), np.asarray(graph.present)
    ties = np.zeros((len(index), len(index)))
    for side in range(index.shape[1]):
        np.add.at(ties, (np.arange(len(index)), index[:, side]), present[:, side])
    return np.diag(ties.sum(axis=1)) - ties


def test_neighbours_touch():
    assert np.trace(laplacian(faces(grid(3, 4, 5)))) == 2 * (2 * 20 + 3 * 15 + 4 * 12)
    assert np.asarray(surround(grid(3, 3, 1)).degree).reshape(3, 3)[1, 1] == 8
    apart = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(faces(apart).degree, [1, 0, 1])


def test_the_way_back_is_the_other_of_a_pair():
    graph = surround(grid(3, 3, 2))
    index, present = np.asarray(graph.number), np.asarray(graph.present)
    for voxel, side in np.argwhere(present > 0):
        assert index[index[voxel, side], side ^ 1] == voxel


def test_a_pull_is_the_slope_of_the_energy(x64):
    graph = faces(grid(2, 3, 1))
    theta = jax.random.normal(jax.random.key(0), (6, 3))
    inverse = jnp.array([1.0, 3.0, 0.5])

    def energy(theta):
        apart = wrapped(theta[:, None] - theta[graph.number]) * graph.present[:, :, None] * inverse[None, None]
        return 0.25 * jnp.sum(apart**2)

    np.testing.assert_allclose(pull(theta, graph, inverse), jax.grad(energy)(theta), rtol=1e-6)


def test_the_step_is_that_of_dense_algebra(x64):
    graph, n, voxels = faces(grid(3, 2, 1)), 7, 6
    rng = np.random.default_rng(0)
    root = rng.normal(size=(voxels, n, n))
    normal = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(n)
    slope, gradient = rng.normal(size=(voxels, 3, n)), rng.normal(size=(voxels, n))
    slope[:, 2] = 0  # not smoothed
    free = np.ones((voxels, n))
    free[1, 2] = free[4, 0] = 0
    own = normal + np.asarray(graph.degree)[:, None, None] * slope.transpose(0, 2, 1) @ slope

    matrix = np.zeros((voxels * n, voxels * n))
    ties = -laplacian(graph) + np.diag(np.asarray(graph.degree))
    for u in range(voxels):
        for v in range(voxels):
            here = own[u] if u == v else -ties[u, v] * slope[u].T @ slope[v]
            matrix[u * n : (u + 1) * n, v * n : (v + 1) * n] = here
    moving = free.ravel() > 0
    expected = np.zeros(voxels * n)
    expected[moving] = -np.linalg.solve(matrix[np.ix_(moving, moving)], gradient.ravel()[moving])

    none = jnp.zeros(())
    response = jax.vmap(solve_block, in_axes=(0, 0, 0, None))(
        jnp.asarray(own), jnp.asarray(slope.transpose(0, 2, 1)), jnp.asarray(free), none
    )
    told = tied(jax.vmap(block)(response, jnp.asarray(slope), jnp.asarray(gradient)), graph, 1e-10)
    down = gradient - np.einsum("vkn,vk->vn", slope, told)
    step = -jax.vmap(solve_block, in_axes=(0, 0, 0, None))(
        jnp.asarray(own), jnp.asarray(down)[:, :, None], jnp.asarray(free), none
    )
    np.testing.assert_allclose(step[..., 0].ravel(), expected, atol=1e-7)


@pytest.mark.parametrize(("shape", "tolerance"), [((7, 1, 1), 1e-6), ((5, 5, 1), 0.05)])
def test_what_neighbours_tell_is_exact_on_a_chain_and_close_on_a_grid(shape, tolerance, x64):
    graph = faces(grid(*shape))
    voxels = len(graph.number)
    precision = np.random.default_rng(1).uniform(0.5, 3.0, voxels)
    exact = np.linalg.inv(np.diag(precision) + laplacian(graph))
    own = jnp.asarray(precision)[:, None, None]
    found = 1 / (precision + np.asarray(learned(own, graph))[:, 0, 0])
    np.testing.assert_allclose(found, np.diag(exact), rtol=tolerance)
    index, present = np.asarray(graph.number), np.asarray(graph.present) > 0
    apart = np.diag(exact)[:, None] + np.diag(exact)[index] - 2 * exact[np.arange(voxels)[:, None], index]
    np.testing.assert_allclose(
        np.asarray(pair_variance(own, graph))[..., 0, 0][present], apart[present], rtol=tolerance
    )


@pytest.mark.thorough
@pytest.mark.slow
def test_expected_differences_are_those_of_the_field(x64):
    graph, around = faces(grid(20, 20, 1)), surround(grid(20, 20, 1))
    rng = np.random.default_rng(2)
    values, waves = np.linalg.eigh(laplacian(graph))
    field = (waves[:, 1:] / np.sqrt(values[1:])) @ rng.normal(size=(399, 3))
    tau, noise = np.array([1.5, 0.1, 0.6]), np.array([0.7, 0.1, 1.2])
    seen = tau * field + noise * rng.normal(size=(400, 3))
    seen[37] += [40.0, 2.0, 10.0]  # a fit that went wrong
    variance = jnp.asarray(np.broadcast_to(noise**2, (400, 3)))
    found = expected_differences(jnp.asarray(seen), variance, jnp.ones(400), graph, around)
    np.testing.assert_allclose(found, tau, rtol=0.4)  # the third is half its noise
