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

    def newton(x: Array, data: Any, value: Array, axes: Array, damping: Array | float = 0.0) -> Array:
        # The sizes of the eigenvalues make every step uphill; a ridge of rounding size is not walked along.
        steep = jnp.maximum(jnp.abs(value), (1e-5 + damping) * jnp.max(jnp.abs(value)) + jnp.finfo(x.dtype).tiny)
        return (axes @ ((axes.T @ (slope(x, data) * reach)) / steep)) * reach

    def step(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, best, damping = state
        trial = jnp.clip(x + newton(x, frozen, *bends(x), damping), start - reach, start + reach)
        found = height(trial, frozen)
        better = found >= best  # False for NaN, so that a bad step is refused
        damping = jnp.where(better, 0.1 * damping, jnp.maximum(4 * damping, 1.0))
        return jnp.where(better, trial, x), jnp.where(better, found, best), damping

    first = start, height(start, frozen), jnp.zeros((), start.dtype)
    x, _, _ = jax.lax.fori_loop(0, _STEPS if start.size == 1 else 2 * _STEPS, step, first)
    x = jax.lax.stop_gradient(x)
    value, axes = jax.lax.stop_gradient(bends(x))
    last = newton(x, data, value, axes)
    settled = jnp.all(jnp.abs(jax.lax.stop_gradient(last)) < 1e-2 * reach) & (value[-1] < 0)
    inside = jnp.all(jnp.abs(x - start) < reach)
    return jnp.where(settled, x + last, x), settled & inside
