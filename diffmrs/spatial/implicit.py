"""Derivatives of the answer for an image by the implicit function theorem, as `diffmrs.fitting.implicit` for one voxel.

At the answer the gradient of the cost of the image vanishes in every free parameter, so that H dx = -d(gradient) with
the full Hessian H. It has the structure of the steps (`diffmrs.spatial.linear`): a block for each voxel, and what ties
the neighbours.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.problem import residual
from diffmrs.spatial.linear import Block, block, solve_block, tied
from diffmrs.spatial.neighbours import Neighbours
from diffmrs.spatial.prior import differences, pull, smoothed
from diffmrs.spatial.setting import Own, Setting, Shared, problem_of

Given = tuple[Own, Shared, Array]  # problems, what they share, one over the expected differences
Image = Callable[[Given, Neighbours, Float[Array, "voxels n"]], Float[Array, "voxels n"]]


def implicit_image(setting: Setting) -> Image:
    """A function of the problem, who touches whom, and the answer, that returns the answer with its derivatives in the
    problem; to first order.
    """
    model = setting.narrow
    lower, upper = setting.limits

    @jax.custom_jvp
    def answer(given: Given, graph: Neighbours, x: Array) -> Array:
        return x

    def gradient(x: Array, pulled: Array, own: Own, shared: Shared) -> Array:
        """Of one voxel, as if the pull of its neighbours were constant."""

        def cost(x: Array) -> Array:
            rest = residual(x, problem_of(own, shared), model)
            return 0.5 * rest @ rest + pulled @ smoothed(x, model)

        return jax.grad(cost)(x)

    @answer.defjvp
    def _(primals: tuple[Any, Any, Any], tangents: tuple[Any, Any, Any]) -> tuple[Array, Array]:
        (own, shared, inverse), graph, x = primals
        own_dot, shared_dot, inverse_dot = tangents[0]
        real = x.dtype
        theta = over_voxels(lambda x, _: smoothed(x, model), x, mesh=setting.mesh)
        pulled = pull(theta, graph, inverse)
        pulled_dot = differences(theta, graph).sum(axis=1) * (2 * inverse * inverse_dot)[None]
        free = ((x > lower[None]) & (x < upper[None])).astype(real)
        none = jnp.zeros((), real)

        def curvature(voxel: Any, rest: Any) -> tuple[Array, Array, Any]:
            (x, own, pulled, degree, free), (shared, inverse) = voxel, rest
            slope = jax.jacfwd(lambda x: smoothed(x, model))(x) * inverse[:, None]
            matrix = jax.jacfwd(gradient)(x, pulled, own, shared) + degree * slope.T @ slope
            response = solve_block(matrix, slope.T, free, none)
            return matrix, slope, block(response, slope, 0 * x).root

        fixed = (x, own, pulled, graph.degree, free)
        matrix, slope, root = over_voxels(curvature, fixed, (shared, inverse), mesh=setting.mesh)

        def moved(voxel: Any, rest: Any) -> tuple[Array, Array]:
            (x, own, own_dot, pulled, pulled_dot, matrix, slope, free), (shared, shared_dot) = voxel, rest
            _, change = jax.jvp(
                lambda pulled, own, shared: gradient(x, pulled, own, shared),
                (pulled, own, shared),
                (pulled_dot, own_dot, shared_dot),
            )
            alone = -solve_block(matrix, change[:, None], free, none)[:, 0]
            return alone, slope @ alone

        stacks = (x, own, own_dot, pulled, pulled_dot, matrix, slope, free)
        alone, seen = over_voxels(moved, stacks, (shared, shared_dot), mesh=setting.mesh)
        told = tied(Block(root, seen), graph, 1e-6)

        def followed(voxel: Any, _: Any) -> Array:
            matrix, slope, told, free = voxel
            return solve_block(matrix, (told @ slope)[:, None], free, none)[:, 0]

        return x, alone + over_voxels(followed, (matrix, slope, told, free), mesh=setting.mesh)

    return answer
