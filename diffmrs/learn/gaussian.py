r"""Gaussians whose mean and precision a network tells.

A full one is told by its mean and the lower triangular root M of its precision, $M^\top M = \Sigma^{-1}$, so that the
density needs no matrix to be solved:

$$\log q(z) = \log|M| - \tfrac12 \lVert M (z - \mu) \rVert^2 - \tfrac d2 \log 2\pi.$$
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_MOST = 12.0  # logarithm of the largest precision root: a network that errs in training does not overflow


class Gaussian(NamedTuple):
    """A Gaussian over coordinates."""

    mean: Float[Array, "*batch size"]
    root: Float[Array, "*batch size size"]  # of the precision, lower triangular, positive diagonal

    def whitened(self, z: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        """Coordinates in which the Gaussian is a unit one."""
        return jnp.einsum("...ij,...j->...i", self.root, z - self.mean)

    def log_prob(self, z: Float[Array, "*batch size"]) -> Float[Array, "*batch"]:
        """Logarithm of the density."""
        white = self.whitened(z)
        return self.log_scale - 0.5 * jnp.sum(white**2, axis=-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)

    @property
    def log_scale(self) -> Float[Array, "*batch"]:
        """Logarithm of the determinant of the root."""
        return jnp.sum(jnp.log(jnp.diagonal(self.root, axis1=-2, axis2=-1)), axis=-1)

    def coloured(self, white: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        """The inverse of `whitened`."""
        solved = jax.scipy.linalg.solve_triangular(self.root, white[..., None], lower=True)[..., 0]
        return self.mean + solved

    @property
    def covariance(self) -> Float[Array, "*batch size size"]:
        """The covariance matrix."""
        eye = jnp.broadcast_to(jnp.eye(self.mean.shape[-1], dtype=self.mean.dtype), self.root.shape)
        half = jax.scipy.linalg.solve_triangular(self.root, eye, lower=True)
        return half @ jnp.swapaxes(half, -1, -2)


def gaussian_outputs(size: int) -> int:
    """How many numbers tell a Gaussian of `size` coordinates."""
    return size + size * (size + 1) // 2


def gaussian_of(outputs: Float[Array, "*batch outputs"], size: int) -> Gaussian:
    """The Gaussian that a network's outputs tell: mean, logarithms of the diagonal, what lies below it.

    Outputs of zero tell a unit Gaussian at zero: the prior of `Latent`.
    """
    mean, diagonal, below = jnp.split(outputs, [size, 2 * size], axis=-1)
    rows, columns = np.tril_indices(size, -1)
    root = jnp.zeros((*outputs.shape[:-1], size, size), outputs.dtype)
    root = root.at[..., np.arange(size), np.arange(size)].set(jnp.exp(jnp.clip(diagonal, -_MOST, _MOST)))
    return Gaussian(mean, root.at[..., rows, columns].set(below))
