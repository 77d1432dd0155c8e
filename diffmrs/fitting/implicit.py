"""Derivatives of a fit by the implicit function theorem: of the answer, not of the iterations that found it.

At the answer the gradient of the cost vanishes in every parameter that is not held by a bound, so that
dx = -H⁻¹ (∂²c/∂x∂θ) dθ with the full Hessian H of the cost c (Griewank & Walther 2008, ch. 15). Parameters that rest on
a bound stay there. The solver is never differentiated, and H is formed only when a derivative is asked for.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.data import ArrayLike
from diffmrs.fitting.solver import Solution

Theta = TypeVar("Theta")


def implicit_solution(
    solve: Callable[[Theta, Any], Solution],
    residual: Callable[[Float[Array, " n"], Theta], Float[Array, " m"]],
    lower: ArrayLike,
    upper: ArrayLike,
) -> Callable[[Theta, Any], Solution]:
    """Give a least-squares solver exact derivatives with respect to the data it was given.

    Args:
        solve: (theta, start) -> `Solution`, minimising half the squared residuals.
        residual: (x, theta) -> residual vector.
        lower: lower bounds of x, [n]; a constant, not traced.
        upper: upper bounds of x, [n]; a constant, not traced.

    Returns:
        A function like `solve` that can be differentiated in theta, forward and in reverse, to first order. The
        start has no influence on the answer and carries no derivative; cost, steps and status carry none either.
    """

    @jax.custom_jvp
    def solution(theta: Theta, start: Any) -> Solution:
        return solve(theta, start)

    @solution.defjvp
    def _(primals: tuple[Theta, Any], tangents: tuple[Any, Any]) -> tuple[Solution, Solution]:
        theta, start = primals
        answer = solution(theta, start)

        def cost(x: Array, theta: Theta) -> Array:
            vector = residual(x, theta)
            return 0.5 * vector @ vector

        gradient = jax.grad(cost)
        free = (answer.x > lower) & (answer.x < upper)
        hessian = jax.jacfwd(gradient)(answer.x, theta)
        mask = free.astype(hessian.dtype)
        hessian = hessian * (mask[:, None] * mask[None, :]) + jnp.diag(1 - mask)
        _, change = jax.jvp(lambda theta: gradient(answer.x, theta), (theta,), (tangents[0],))
        # Unit diagonal first: entries of H span many powers of ten (Hz² beside s).
        scale = 1 / jnp.sqrt(jnp.maximum(jnp.abs(jnp.diag(hessian)), 1e-30))
        scaled = hessian * (scale[:, None] * scale[None, :])
        x_dot = -scale * jnp.linalg.solve(scaled, scale * mask * change)
        nothing: Any = np.zeros((), jax.dtypes.float0)  # the tangent of an integer
        return answer, Solution(x_dot, jnp.zeros_like(answer.cost), nothing, nothing)

    return solution
