"""The top of a smooth function near a known point, with the derivatives that the implicit function theorem gives."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_STEPS = 6  # Newton doubles the digits each time; from within half a point of a grid three or four are enough


def summit(
    height: Callable[[Float[Array, " n"], Any], Float[Array, ""]],
    data: Any,
    start: Float[Array, " n"],
    reach: Float[Array, " n"],
) -> tuple[Float[Array, " n"], Bool[Array, ""]]:
    r"""Where `height(x, data)` is largest near `start`, by Newton's method with a bent-down Hessian.

    The steps are not differentiated. The last one is taken with the curvature held fixed, so that its derivative is
    the exact $dx = -H^{-1}\,\partial_\mathrm{data}\nabla h$ of the maximum (Griewank & Walther 2008, ch. 15).

    Args:
        height: twice differentiable in x.
        data: what else it depends on; derivatives flow into it.
        start: a point in the same hill, for instance the best of a grid.
        reach: how far from the start each coordinate may go.

    Returns:
        The place, and whether it lies within reach, on top of a hill and no longer moves.
    """
    start, frozen = jax.lax.stop_gradient((start, data))
    slope = jax.grad(height)

    def bends(x: Array) -> tuple[Array, Array]:
        curvature = jax.jacfwd(jax.jacfwd(height))(x, frozen) * reach[:, None] * reach[None, :]
        if x.size == 1:
            return curvature[0], jnp.ones_like(curvature)
        return jnp.linalg.eigh(curvature)

    def newton(x: Array, data: Any, value: Array, axes: Array) -> Array:
        # The sizes of the eigenvalues make every step uphill; a ridge of rounding size is not walked along.
        steep = jnp.maximum(jnp.abs(value), 1e-5 * jnp.max(jnp.abs(value)) + jnp.finfo(x.dtype).tiny)
        return (axes @ ((axes.T @ (slope(x, data) * reach)) / steep)) * reach

    def step(_: Any, x: Array) -> Array:
        return jnp.clip(x + newton(x, frozen, *bends(x)), start - reach, start + reach)

    x = jax.lax.stop_gradient(jax.lax.fori_loop(0, _STEPS, step, start))
    value, axes = jax.lax.stop_gradient(bends(x))
    last = newton(x, data, value, axes)
    settled = jnp.all(jnp.abs(jax.lax.stop_gradient(last)) < 1e-2 * reach) & (value[-1] < 0)
    inside = jnp.all(jnp.abs(x - start) < reach)
    return jnp.where(settled, x + last, x), settled & inside
