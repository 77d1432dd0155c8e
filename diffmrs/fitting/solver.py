"""Levenberg-Marquardt for small least-squares problems with bounds: one problem in, one answer and a status out.

Written for one problem; `jit`, `vmap` and `lax.map` do the rest. Nothing here knows about spectra.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class Status(IntEnum):
    """How a fit ended."""

    CONVERGED = 0  # the next step would change the answer by less than the tolerance
    STEP_LIMIT = 1  # stopped after `max_steps`
    STALLED = 2  # no step lowers the cost although the gradient says one should
    INVALID = 3  # the data hold NaN, infinity or nothing but zeros
    ESTIMATED = 4  # a network's answer and a chosen number of steps

    @property
    def explanation(self) -> str:
        """What it means and what to do, in one line."""
        return {
            Status.CONVERGED: "converged",
            Status.STEP_LIMIT: "not converged: step limit reached; the spectrum may not match the basis",
            Status.STALLED: "not converged: no step improves the fit; the spectrum may not match the basis",
            Status.ESTIMATED: "estimated by a network; the fit took only the steps that were asked for",
            Status.INVALID: "not fitted: the spectrum holds NaN, infinity or only zeros",
        }[self]


class Solution(NamedTuple):
    """Answer of one least-squares problem."""

    x: Float[Array, " n"]  # where the cost is least
    cost: Float[Array, ""]  # half the sum of squared residuals
    steps: Int[Array, ""]  # trial steps taken
    status: Int[Array, ""]  # a `Status`


class Quadratic(NamedTuple):
    """A cost to second order around a point."""

    cost: Float[Array, ""]
    gradient: Float[Array, " n"]
    normal: Float[Array, "n n"]  # Gauss and Newton's approximation of the second derivative


class Objective(NamedTuple):
    """A sum of squares in the three forms that the solver asks for."""

    slope: Callable[[Float[Array, " n"]], tuple[Float[Array, ""], Float[Array, " n"]]]  # cost and gradient
    expand: Callable[[Float[Array, " n"]], Quadratic]  # and the normal matrix, which costs more
    rows: int  # residuals


class _State(NamedTuple):
    x: Array
    around: Quadratic  # cost and gradient at x; the normal matrix may be of an earlier x
    fresh: Array  # whether the normal matrix is of x
    damping: Array
    growth: Array
    steps: Array
    status: Array


Residual = Callable[[Float[Array, " n"]], Float[Array, " m"]]
Linearise = Callable[[Float[Array, " n"]], tuple[Float[Array, " m"], Float[Array, "m n"]]]
_RUNNING = -1
_MOOT = 100.0  # times the goal: ten times the tolerance, in standard deviations
_STALE = 0.1  # relative error of a predicted change of the cost beyond which the normal matrix is made anew
_NEAR = 3.0  # times the residual variance that a step may promise to lower the cost by for secants to be enough
_ASTRAY = 2.0  # times the foretold decrease that the cost may rise by for a step to be learnt from


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Damped Gauss-Newton steps on the normal equations (Marquardt 1963; damping after Nielsen 1999).

    Bounds are kept exactly: every step minimises the damped quadratic model inside the box, so that a parameter may
    reach a bound, rest there and leave it again.

    The normal matrix is the expensive part of a step, and near the answer it hardly changes: it is kept for as long as
    it foretells the change of the cost (the chord method; Kelley 1995, Iterative Methods, ch. 5.4). The gradient is
    always that of the point, so that this has no say in the answer.

    The iteration ends when the undamped step would lower the cost by less than `tolerance**2` times the residual
    variance, that is, when no parameter is further than about `tolerance` standard deviations from its answer.

    Attributes:
        max_steps: trial steps after which a fit is given up.
        tolerance: distance from the answer, in standard deviations, at which to stop.
        initial_damping: first damping, relative to the diagonal of the normal matrix.
    """

    max_steps: int = 100
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

        def expand(x: Array) -> Quadratic:
            vector, jacobian = linearise(x)
            return Quadratic(0.5 * vector @ vector, jacobian.T @ vector, jacobian.T @ jacobian)

        def slope(x: Array) -> tuple[Array, Array]:
            return jax.value_and_grad(lambda x: 0.5 * jnp.sum(residual(x) ** 2))(x)

        rows = jax.eval_shape(residual, start).shape[0]
        return self.minimise(Objective(slope, expand, rows), start, lower, upper)

    def minimise(
        self,
        objective: Objective,
        start: Float[Array, " n"],
        lower: Float[Array, " n"],
        upper: Float[Array, " n"],
        tolerance: Float[Array, ""] | None = None,
        max_steps: Int[Array, ""] | None = None,
    ) -> Solution:
        """Minimise a sum of squares over a box; as when called, but with the objective in one piece.

        Args:
            objective: what to minimise.
            start: first x; put into the box if it is outside.
            lower: lower bound of each parameter, -inf where there is none.
            upper: upper bound, +inf where there is none.
            tolerance: instead of the attribute, when it is known only at run time.
            max_steps: the same.
        """
        epsilon = float(jnp.finfo(start.dtype).eps)
        rows, freedom = objective.rows, max(objective.rows - start.shape[0], 1)
        most = self.max_steps if max_steps is None else max_steps
        wanted = jnp.asarray(self.tolerance if tolerance is None else tolerance, start.dtype)

        def advance(state: _State) -> _State:
            around = state.around
            step = _box_step(state, lower, upper, epsilon)
            trial_x = jnp.clip(state.x + step, lower, upper)
            predicted = -(around.gradient @ step + 0.5 * step @ around.normal @ step)
            trial_cost, trial_gradient = objective.slope(trial_x)
            ratio = (around.cost - trial_cost) / jnp.maximum(predicted, 1e-30)
            # Rounding hides changes of the cost below this; the gradient still knows the way.
            unseen = jnp.sqrt(2 * around.cost * rounding) + rows * rounding
            better = trial_cost < around.cost + unseen  # False for NaN, so a bad trial is simply refused

            variance = 2 * around.cost / freedom
            goal = jnp.maximum(wanted**2 * variance, rows * rounding)
            goal = jnp.maximum(goal, 4 * epsilon * around.cost)
            undamped = state.damping <= 10 * self.initial_damping
            # A refused step of less than a tenth of a standard deviation: rounding of the cost has the last word.
            small = undamped & ((predicted <= goal) | (~better & (predicted <= _MOOT * goal)))
            stalled = ~better & ~small & (state.damping > 1e8)

            foretold = (jnp.abs(ratio - 1) < _STALE) | (predicted <= unseen)
            far = predicted > _NEAR * variance
            renew = ~small & far & jnp.where(better, ~foretold, ~state.fresh)
            x = jnp.where(better, trial_x, state.x)
            kept = Quadratic(
                jnp.where(better, trial_cost, around.cost),
                jnp.where(better, trial_gradient, around.gradient),
                around.normal,
            )
            change = trial_gradient - around.gradient
            around = jax.lax.cond(renew, lambda: objective.expand(x), lambda: kept)
            # A step that went far wrong tells of curvature elsewhere.
            seen = (predicted > unseen) & (ratio > -_ASTRAY)
            around = around._replace(normal=jnp.where(seen, _secant(around.normal, step, change), around.normal))
            shrink = jnp.maximum(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
            shrink = jnp.where(predicted > unseen, shrink, 1.0 / 3.0)  # the ratio means nothing below rounding
            refused = jnp.where(renew, 1.0, state.growth)  # an old normal matrix may be to blame: another try first
            damping = state.damping * jnp.where(better, shrink, refused)
            growth = jnp.where(better, 2.0, jnp.where(renew, 1.0, 2.0) * state.growth)
            status = jnp.where(small, Status.CONVERGED, jnp.where(stalled, Status.STALLED, _RUNNING))
            return _State(
                x,
                around,
                renew | (~better & state.fresh),
                jnp.maximum(damping, 1e-9),
                growth,
                state.steps + 1,
                status.astype(jnp.int32),
            )

        start = jnp.clip(start, lower, upper)
        first = objective.expand(start)
        # Variance that rounding puts on one residual, as a share of what is fitted.
        fitted = 2 * first.cost - 2 * start @ first.gradient + start @ first.normal @ start
        rounding = (4 * epsilon) ** 2 * jnp.maximum(fitted, 0.0) / rows
        state = _State(
            x=start,
            around=first,
            fresh=jnp.asarray(True),
            damping=jnp.asarray(self.initial_damping, start.dtype),
            growth=jnp.asarray(2.0, start.dtype),
            steps=jnp.asarray(0, jnp.int32),
            status=jnp.where(jnp.isfinite(first.cost), _RUNNING, Status.INVALID).astype(jnp.int32),
        )
        state = jax.lax.while_loop(lambda s: (s.status == _RUNNING) & (s.steps < most), advance, state)
        status = jnp.where(state.status == _RUNNING, Status.STEP_LIMIT, state.status)
        return Solution(state.x, state.around.cost, state.steps, status)


def _secant(normal: Array, step: Array, change: Array) -> Array:
    """The normal matrix, corrected so that along a step it tells the change of the gradient that was seen.

    What Gauss and Newton leave out, the curvature of the model times the residual, is not small for a broad line in
    noise: their steps overshoot to either side in turn. The formula is that of Broyden, Fletcher, Goldfarb and Shanno
    with Powell's damping, which keeps the matrix positive definite (Nocedal & Wright 2006, Numerical Optimization,
    procedure 18.2).
    """
    along = normal @ step
    told, true = step @ along, step @ change
    weight = jnp.where(true >= 0.2 * told, 1.0, 0.8 * told / jnp.maximum(told - true, 1e-30))
    change = weight * change + (1 - weight) * along
    true = jnp.maximum(step @ change, 1e-30)
    told = jnp.maximum(told, 1e-30)
    return normal - along[:, None] * (along / told)[None] + change[:, None] * (change / true)[None]


def _box_step(state: _State, lower: Array, upper: Array, epsilon: float) -> Array:
    """Minimiser of the damped quadratic model over the box."""
    scale = jnp.sqrt(jnp.maximum(jnp.diag(state.around.normal), 1e-30))
    n = scale.shape[0]
    # In units where the normal matrix has a unit diagonal, every parameter weighs the same.
    matrix = state.around.normal / (scale[:, None] * scale[None, :])
    damped = matrix + (state.damping + 4 * n * epsilon) * jnp.eye(n, dtype=matrix.dtype)
    low, high = (lower - state.x) * scale, (upper - state.x) * scale
    return box_minimiser(damped, state.around.gradient / scale, low, high) / scale


def box_minimiser(
    matrix: Float[Array, "n n"], slope: Float[Array, " n"], low: Float[Array, " n"], high: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Minimise slopeᵀx + ½ xᵀ matrix x over low ≤ x ≤ high, starting from 0, which must lie in the box.

    Projected Newton steps (after Bertsekas 1982, SIAM J Control Optim 20:221): parameters held at a bound by the
    gradient rest, the others take the Newton step. Tried are the step up to the first bound it meets, fractions of
    it clipped to the box, and fractions of the steepest descent; the best is kept, so that the function never rises.
    Ends when the projected gradient has fallen by 10⁴, after 40 steps at the most.

    Args:
        matrix: symmetric positive definite, diagonal about 1.
        slope: gradient at 0.
        low: lower bounds, at most 0.
        high: upper bounds, at least 0.
    """
    fractions = jnp.asarray(0.5 ** np.arange(8), slope.dtype)

    def projected_gradient(x: Array, pull: Array) -> Array:
        return x - jnp.clip(x - pull, low, high)

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        x, pull, steps = state
        return (jnp.max(jnp.abs(projected_gradient(x, pull))) > goal) & (steps < 40)

    def newton(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, pull, steps = state
        held = ((x <= low) & (pull > 0)) | ((x >= high) & (pull < 0))
        free = jnp.where(held, 0.0, 1.0).astype(x.dtype)
        reduced = matrix * (free[:, None] * free[None, :]) + jnp.diag(1.0 - free)
        factor = jax.scipy.linalg.cho_factor(reduced, lower=True)
        direction = -jax.scipy.linalg.cho_solve(factor, free * pull)
        room = jnp.where(direction > 0, high - x, x - low) / jnp.maximum(jnp.abs(direction), 1e-30)
        reach = jnp.minimum(jnp.min(jnp.where(held, jnp.inf, room)), 1.0)
        tried = jnp.concatenate(
            [reach * direction[None], fractions[:, None] * direction[None], -fractions[:, None] * pull[None]]
        )
        moves = jnp.clip(x[None] + tried, low[None], high[None]) - x[None]
        change = moves @ pull + 0.5 * jnp.sum(moves * (moves @ matrix), axis=1)
        best = jnp.argmin(change)
        x = x + jnp.where(change[best] < 0, moves[best], 0.0)
        # A step that gains nothing means rounding has the last word: stop.
        return x, slope + matrix @ x, jnp.where(change[best] < 0, steps + 1, 40)

    zero = jnp.zeros_like(slope)
    goal = 1e-4 * jnp.max(jnp.abs(projected_gradient(zero, slope)))
    x, _, _ = jax.lax.while_loop(unfinished, newton, (zero, slope, jnp.asarray(0)))
    return x
