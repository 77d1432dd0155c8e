"""Levenberg-Marquardt for small least-squares problems with bounds: one problem in, one answer and a status out.

Written for one problem; `jit`, `vmap` and `lax.map` do the rest. Nothing here knows about spectra.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Status(IntEnum):
    """How a fit ended."""

    CONVERGED = 0  # the next step would change the answer by less than the tolerance
    STEP_LIMIT = 1  # stopped after `max_steps`
    STALLED = 2  # no step lowers the cost although the gradient says one should
    INVALID = 3  # the data hold NaN, infinity or nothing but zeros

    @property
    def explanation(self) -> str:
        """What it means and what to do, in one line."""
        return {
            Status.CONVERGED: "converged",
            Status.STEP_LIMIT: "not converged: step limit reached; the spectrum may not match the basis",
            Status.STALLED: "not converged: no step improves the fit; the spectrum may not match the basis",
            Status.INVALID: "not fitted: the spectrum holds NaN, infinity or only zeros",
        }[self]


class Solution(NamedTuple):
    """Answer of one least-squares problem."""

    x: Float[Array, " n"]  # where the cost is least
    cost: Float[Array, ""]  # half the sum of squared residuals
    steps: Int[Array, ""]  # trial steps taken
    status: Int[Array, ""]  # a `Status`


class _State(NamedTuple):
    x: Array
    cost: Array
    gradient: Array
    normal_matrix: Array
    damping: Array
    growth: Array
    steps: Array
    status: Array


Residual = Callable[[Float[Array, " n"]], Float[Array, " m"]]
Linearise = Callable[[Float[Array, " n"]], tuple[Float[Array, " m"], Float[Array, "m n"]]]
_RUNNING = -1


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Damped Gauss-Newton steps on the normal equations (Marquardt 1963; damping after Nielsen 1999).

    Bounds are kept exactly: every step solves the damped quadratic model inside the box by active sets (Bertsekas
    1982), so a parameter may reach a bound, rest there and leave it again.

    The iteration ends when the undamped step would lower the cost by less than `tolerance**2` times the residual
    variance, that is, when no parameter is further than about `tolerance` standard deviations from its answer.

    Attributes:
        max_steps: trial steps after which a fit is given up.
        tolerance: distance from the answer, in standard deviations, at which to stop.
        initial_damping: first damping, relative to the diagonal of the normal matrix.
    """

    max_steps: int = 60
    tolerance: float = 1e-2
    initial_damping: float = 1e-3

    def __call__(
        self,
        residual: Residual,
        linearise: Linearise,
        start: Float[Array, " n"],
        lower: Float[Array, " n"],
        upper: Float[Array, " n"],
    ) -> Solution:
        """Minimise half the sum of squared residuals over a box.

        Args:
            residual: x -> residual vector [m].
            linearise: x -> (residual [m], Jacobian [m, n]).
            start: first x; put into the box if it is outside.
            lower: lower bound of each parameter, -inf where there is none.
            upper: upper bound, +inf where there is none.

        Returns:
            The solution. Never raises: a start where the residual is not finite comes back as `Status.INVALID`.
        """
        epsilon = float(jnp.finfo(start.dtype).eps)

        def measure(x: Array) -> tuple[Array, Array, Array]:
            vector, jacobian = linearise(x)
            return 0.5 * vector @ vector, jacobian.T @ vector, jacobian.T @ jacobian

        def advance(state: _State) -> _State:
            scale = jnp.sqrt(jnp.maximum(jnp.diag(state.normal_matrix), 1e-30))
            step = _box_step(state, scale, lower, upper, epsilon)
            trial_x = jnp.clip(state.x + step, lower, upper)
            predicted = -(state.gradient @ step + 0.5 * step @ state.normal_matrix @ step)
            trial_cost = 0.5 * jnp.sum(residual(trial_x) ** 2)
            ratio = (state.cost - trial_cost) / jnp.maximum(predicted, 1e-30)
            better = trial_cost < state.cost  # False for NaN, so a bad trial is simply refused

            variance = 2 * state.cost / freedom + rounding
            small = (predicted <= self.tolerance**2 * variance) & (state.damping <= 10 * self.initial_damping)
            stalled = ~better & ~small & (state.damping > 1e8)

            x = jnp.where(better, trial_x, state.x)
            cost, gradient, normal_matrix = jax.lax.cond(
                better & ~small,
                lambda: measure(trial_x),
                lambda: (jnp.where(better, trial_cost, state.cost), state.gradient, state.normal_matrix),
            )
            shrink = jnp.maximum(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
            damping = jnp.where(better, state.damping * shrink, state.damping * state.growth)
            growth = jnp.where(better, 2.0, 2.0 * state.growth)
            status = jnp.where(small, Status.CONVERGED, jnp.where(stalled, Status.STALLED, _RUNNING))
            return _State(
                x,
                cost,
                gradient,
                normal_matrix,
                jnp.maximum(damping, 1e-9),
                growth,
                state.steps + 1,
                status.astype(jnp.int32),
            )

        start = jnp.clip(start, lower, upper)
        first, jacobian = linearise(start)
        freedom = max(first.shape[0] - start.shape[0], 1)
        # Rounding puts a floor under the residual; below it there is nothing left to gain (noise-free data).
        rounding = (10 * epsilon) ** 2 * jnp.mean((first - jacobian @ start) ** 2)
        cost = 0.5 * first @ first
        state = _State(
            x=start,
            cost=cost,
            gradient=jacobian.T @ first,
            normal_matrix=jacobian.T @ jacobian,
            damping=jnp.asarray(self.initial_damping, start.dtype),
            growth=jnp.asarray(2.0, start.dtype),
            steps=jnp.asarray(0, jnp.int32),
            status=jnp.where(jnp.isfinite(cost), _RUNNING, Status.INVALID).astype(jnp.int32),
        )
        state = jax.lax.while_loop(lambda s: (s.status == _RUNNING) & (s.steps < self.max_steps), advance, state)
        status = jnp.where(state.status == _RUNNING, Status.STEP_LIMIT, state.status)
        return Solution(state.x, state.cost, state.steps, status)


def _box_step(state: _State, scale: Array, lower: Array, upper: Array, epsilon: float) -> Array:
    """Minimiser of the damped quadratic model over the box, by a few active-set passes."""
    n = scale.shape[0]
    # In units where the normal matrix has a unit diagonal, every parameter weighs the same.
    matrix = state.normal_matrix / (scale[:, None] * scale[None, :])
    damped = matrix + (state.damping + 4 * n * epsilon) * jnp.eye(n, dtype=matrix.dtype)
    slope = state.gradient / scale
    low, high = (lower - state.x) * scale, (upper - state.x) * scale

    def active_set(step: Array) -> Bool[Array, " n"]:
        pull = slope + damped @ step
        return ((step <= low) & (pull > 0)) | ((step >= high) & (pull < 0))

    def one_pass(_: int, step: Array) -> Array:
        held = active_set(step)
        free = jnp.where(held, 0.0, 1.0).astype(step.dtype)
        fixed = jnp.where(held, step, 0.0)
        reduced = damped * (free[:, None] * free[None, :]) + jnp.diag(1.0 - free)
        right = jnp.where(held, fixed, -(slope + damped @ fixed))
        factor = jax.scipy.linalg.cho_factor(reduced, lower=True)
        solved = jnp.where(held, fixed, jax.scipy.linalg.cho_solve(factor, right))
        return jnp.clip(solved, low, high)

    step = jax.lax.fori_loop(0, 5, one_pass, jnp.zeros_like(slope))
    return step / scale
