"""What a measurement can say about its parameters: Fisher information and the Cramér-Rao bound."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

_BLOCK = 8


def fisher_information(jacobian: Complex[Array, "window n"], noise_sd: Float[Array, ""]) -> Float[Array, "n n"]:
    r"""Fisher information of complex data with white Gaussian noise.

    $$F_{ij} = \frac{1}{\sigma^2}\,\mathrm{Re}\sum_k \overline{\partial_i S_k}\,\partial_j S_k$$

    (Cavassila et al. 2001, NMR Biomed 14:278, eq. 4.)

    Args:
        jacobian: derivative of the complex spectrum with respect to each real parameter.
        noise_sd: standard deviation $\sigma$ of the noise in the real part, which equals that in the imaginary part.
    """
    stacked = jnp.concatenate([jacobian.real, jacobian.imag])
    return stacked.T @ stacked / noise_sd**2


def covariance_bound(information: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Cramér-Rao lower bound on the covariance: the inverse of the Fisher information.

    The matrix is brought to a unit diagonal first, so that units do not matter, and a ridge at rounding level keeps
    indistinguishable parameters finite: their bound comes out very large instead of NaN.
    """
    n = information.shape[0]
    scale = 1 / jnp.sqrt(jnp.maximum(jnp.diag(information), 1e-30))
    ridge = n * jnp.finfo(information.dtype).eps
    scaled = information * (scale[:, None] * scale[None, :]) + ridge * jnp.eye(n, dtype=information.dtype)
    half = inverse_of_lower(jnp.linalg.cholesky(scaled))
    return (half.T @ half) * (scale[:, None] * scale[None, :])


def inverse_of_lower(factor: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a lower triangular matrix, by blocks of rows.

    The LAPACK beneath jaxlib starts threads for triangular solves with many right-hand sides, which takes a hundred
    times as long as the solve when all cores are busy with other voxels.
    """
    n = factor.shape[0]
    blocks = -(-n // _BLOCK)
    size = blocks * _BLOCK
    whole = jnp.eye(size, dtype=factor.dtype).at[:n, :n].set(factor)
    rows = whole.reshape(blocks, _BLOCK, size)
    corners = jnp.stack([rows[k, :, k * _BLOCK : (k + 1) * _BLOCK] for k in range(blocks)])
    unit = jnp.broadcast_to(jnp.eye(_BLOCK, dtype=factor.dtype), corners.shape)

    def next_row(i: Array, inverse: Array) -> Array:  # of all corners at once
        done = jnp.sum(corners[:, i, :, None] * inverse, axis=1)
        return inverse.at[:, i].set((unit[:, i] - done) / corners[:, i, i, None])

    small = jax.lax.fori_loop(0, _BLOCK, next_row, jnp.zeros_like(corners))

    def next_block(k: Array, inverse: Array) -> Array:
        right = jnp.zeros((_BLOCK, size), factor.dtype)
        right = jax.lax.dynamic_update_slice(right, unit[0], (0, k * _BLOCK))
        return jax.lax.dynamic_update_slice(inverse, small[k] @ (right - rows[k] @ inverse), (k * _BLOCK, 0))

    return jax.lax.fori_loop(0, blocks, next_block, jnp.zeros_like(whole))[:n, :n]
