r"""How sure the smoothed quantities are, and how much neighbouring voxels differ: belief propagation on the image.

Each voxel tells each neighbour what it knows of itself without that neighbour: with the precision $P$ of that, in units
of the expected difference, the neighbour learns $\Lambda = (I + P^{-1})^{-1} = I - (I + P)^{-1}$. On a chain or any
graph without loops this is exact; on a grid the variances come out small (Weiss & Freeman 2001, Neural Computation
13:2173). Taking the neighbours for known instead ($\Lambda = I$) would make them far too small.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.spatial.neighbours import Neighbours

_SWEEPS = 40
_FEW = 15  # for pairs: what is far away hardly matters to them


def learned(precision: Float[Array, "voxels k k"], graph: Neighbours) -> Float[Array, "voxels k k"]:
    """What the neighbours of each voxel, and theirs, tell about it: the precision they add.

    Args:
        precision: what each voxel's own data say, in units of the expected differences.
        graph: who touches whom.
    """
    return jax.lax.stop_gradient(_messages(precision, graph, _SWEEPS).sum(axis=1))


def pair_variance(precision: Float[Array, "voxels k k"], graph: Neighbours) -> Float[Array, "voxels sides k k"]:
    """Variance of the difference of each voxel and each neighbour, all data known, in units of what is expected."""
    messages = _messages(precision, graph, _FEW)
    told = precision + messages.sum(axis=1)
    # Each end without the other: the variances of both, and the prior, are those of independent witnesses.
    ends = _inverse(told[:, None] - messages)
    back = np.arange(graph.number.shape[1]) ^ 1
    both = ends + ends[graph.number, back[None]]
    eye = jnp.eye(precision.shape[-1], dtype=precision.dtype)
    return eye[None, None] - _inverse(eye[None, None] + both)


def _messages(precision: Array, graph: Neighbours, sweeps: int) -> Array:
    back = np.arange(graph.number.shape[1]) ^ 1
    eye = jnp.eye(precision.shape[-1], dtype=precision.dtype)[None, None]
    present = graph.present[:, :, None, None]

    def sweep(_: Array, messages: Array) -> Array:
        told = precision + messages.sum(axis=1)
        without = told[graph.number] - messages[graph.number, back[None]]
        return present * (eye - _inverse(eye + without))

    nothing = jnp.zeros((*graph.number.shape, *precision.shape[1:]), precision.dtype)
    return jax.lax.fori_loop(0, sweeps, sweep, nothing)


def _inverse(matrices: Float[Array, "voxels sides k k"]) -> Float[Array, "voxels sides k k"]:
    """Inverses of positive definite matrices, by sweeps (Gauss and Jordan): LAPACK would be called for each."""
    k = matrices.shape[-1]
    for i in range(k):
        pivot = jnp.maximum(matrices[..., i, i], 1e-30)
        row = matrices[..., i, :] / pivot[..., None]
        column = matrices[..., :, i]
        swept = matrices - column[..., :, None] * row[..., None, :]
        swept = swept.at[..., i, :].set(row).at[..., :, i].set(-column / pivot[..., None])
        matrices = swept.at[..., i, i].set(1 / pivot)
    return matrices
