r"""The quadratic problem of a whole image: small dense blocks in each voxel, tied through three quantities.

Minimise $\sum_v (G_v \cdot d_v + \tfrac12 d_v^\top K_v d_v) - \sum_{(u,v)} (A_u d_u)\cdot(A_v d_v)$, where $A_v$ is the
derivative of the smoothed quantities over their expected differences, and $K_v$ and $G_v$ hold what is the voxel's own
of the prior, $A_v^\top A_v$ times the number of neighbours. With the sum $b_v$ of $A_u d_u$ over the neighbours,
$d_v = K_v^{-1}(A_v^\top b_v - G_v)$, so that all but $t_v = A_v d_v$ can be eliminated (the Schur complement):

$$t = t_0 + C W t, \qquad C_v = A_v K_v^{-1} A_v^\top, \quad t_0 = -A_v K_v^{-1} G_v$$

with the sum $W$ over neighbours. $C = F F^\top$ and $t = t_0 + F s$ make it symmetric,
$(I - F^\top W F) s = F^\top W t_0$, positive definite, and preconditioned by the blocks of the voxels. Conjugate
gradients solve it; nothing is larger than the image. A quantity that is not smoothed, or is held by bounds, has a row
of zeros in $C$ and asks for no exception.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.spatial.neighbours import Neighbours

_ITERATIONS = 300


class Block(NamedTuple):
    """What the image needs to know of a voxel."""

    root: Float[Array, "*voxels 3 3"]  # F with F Fᵀ = C
    alone: Float[Array, "*voxels 3"]  # t₀


def regular(matrix: Float[Array, "n n"], free: Float[Array, " n"], damping: Array) -> tuple[Array, Array]:
    """A matrix brought to a unit diagonal, damped, the rows of what is held emptied; and the scale of each row."""
    n = matrix.shape[0]
    scale = 1 / jnp.sqrt(jnp.maximum(jnp.abs(jnp.diag(matrix)), 1e-30))
    ridge = damping + 4 * n * jnp.finfo(matrix.dtype).eps
    unit = matrix * (scale[:, None] * scale[None, :]) + ridge * jnp.eye(n, dtype=matrix.dtype)
    return unit * (free[:, None] * free[None, :]) + jnp.diag(1 - free), scale


def solve_block(
    matrix: Float[Array, "n n"],
    right: Float[Array, "n columns"],
    free: Float[Array, " n"],
    damping: Float[Array, ""],
) -> Float[Array, "n columns"]:
    """matrix⁻¹ right among the free parameters, 0 for the others."""
    unit, scale = regular(matrix, free, damping)
    factor = jax.scipy.linalg.cho_factor(unit, lower=True)
    inside = (scale * free)[:, None]
    return inside * jax.scipy.linalg.cho_solve(factor, inside * right)


def block(response: Float[Array, "n 3"], slope: Float[Array, "3 n"], gradient: Float[Array, " n"]) -> Block:
    """Eliminate the parameters of a voxel.

    Args:
        response: K⁻¹ Aᵀ.
        slope: A.
        gradient: G.
    """
    return Block(root_of(slope @ response), -(gradient @ response))


def root_of(matrix: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """F with F Fᵀ the matrix, positive semidefinite; rows of zeros stay zeros."""
    size = jnp.sqrt(jnp.maximum(jnp.diag(matrix), 0.0))
    seen = size > 0
    scale = jnp.where(seen, 1 / jnp.where(seen, size, 1.0), 0.0)
    unit = matrix * (scale[:, None] * scale[None, :])
    unit = unit + jnp.diag(jnp.where(seen, 0.0, 1.0) + 8 * jnp.finfo(matrix.dtype).eps)
    return size[:, None] * jnp.linalg.cholesky(unit)


def tied(blocks: Block, graph: Neighbours, tolerance: float) -> Float[Array, "voxels 3"]:
    """Solve for all voxels at once.

    Returns:
        b, the sum of A d over the neighbours of each voxel.
    """

    def forth(s: Array) -> Array:
        return jnp.einsum("vij,vj->vi", blocks.root, s)

    def back(t: Array) -> Array:
        return jnp.einsum("vji,vj->vi", blocks.root, graph.to_neighbours(t))

    def symmetric(s: Array) -> Array:
        return s - back(forth(s))

    right = back(blocks.alone)
    s = jax.lax.custom_linear_solve(
        symmetric, right, partial(_conjugate_gradients, tolerance=tolerance), symmetric=True
    )
    return graph.to_neighbours(blocks.alone + forth(s))


def _conjugate_gradients(
    matrix: Callable[[Array], Array], right: Float[Array, "voxels 3"], *, tolerance: float
) -> Float[Array, "voxels 3"]:
    """Solve matrix(x) = right from 0 (Hestenes & Stiefel 1952).

    Not `jax.scipy.sparse.linalg.cg`: there the start depends on the right side, and no derivative can go back.
    """
    goal = tolerance**2 * jnp.vdot(right, right)

    def unfinished(state: tuple[Array, Array, Array, Array, Array]) -> Array:
        return (state[3] > goal) & (state[4] < _ITERATIONS)

    def step(state: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        x, rest, direction, square, count = state
        ahead = matrix(direction)
        length = square / jnp.maximum(jnp.vdot(direction, ahead), 1e-30)
        rest = rest - length * ahead
        left = jnp.vdot(rest, rest)
        return x + length * direction, rest, rest + left / square * direction, left, count + 1

    start = (0 * right, right, right, jnp.vdot(right, right), jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(unfinished, step, start)[0]
