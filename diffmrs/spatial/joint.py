"""All voxels of an image as one least-squares problem: damped Gauss-Newton steps, each within the bounds.

A step solves the quadratic problem of the whole image (`diffmrs.spatial.linear`) with the parameters held that the
gradient holds at a bound; then each voxel minimises its own part over its box, its neighbours where that solution puts
them. Every voxel has its own Marquardt damping, so that one bad spectrum does not slow the others down, and a voxel
that rests is not visited again.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.problem import objective
from diffmrs.fitting.solver import Quadratic, Status, box_minimiser
from diffmrs.spatial.linear import block, regular, solve_block, tied
from diffmrs.spatial.neighbours import Neighbours
from diffmrs.spatial.prior import differences, pull, smoothed
from diffmrs.spatial.setting import Own, Setting, Shared, free_of_bounds, problem_of

_FIRST_DAMPING = 1e-4
_LEAST, _MOST = 1e-9, 1e6
_AT_REST = 0.01  # of the goal: a step not worth looking at


class Around(NamedTuple):
    """The cost of each voxel to second order, and what is smoothed to first."""

    cost: Quadratic
    theta: Float[Array, "*voxels 3"]
    slope: Float[Array, "*voxels 3 n"]


class JointSolution(NamedTuple):
    """Where the cost of the image is least."""

    x: Float[Array, "voxels n"]
    around: Around  # of x
    steps: Int[Array, " voxels"]  # of the whole image in which the voxel moved
    status: Int[Array, " voxels"]  # a `Status`


class _State(NamedTuple):
    x: Array
    around: Around
    damping: Array  # of each voxel
    predicted: Array  # decrease of each voxel's cost that the last step promised
    moves: Array
    step: Array


def expand(x: Float[Array, " n"], own: Own, shared: Shared, setting: Setting) -> Around:
    """One voxel to second order."""
    model = setting.narrow
    cost = objective(problem_of(own, shared), model).expand(x)
    return Around(cost, smoothed(x, model), jax.jacfwd(lambda x: smoothed(x, model))(x))


def solve_joint(
    start: Float[Array, "voxels n"],
    own: Own,
    shared: Shared,
    inverse: Float[Array, "3"],
    graph: Neighbours,
    setting: Setting,
) -> JointSolution:
    """Minimise the cost of all voxels and of the differences between neighbours.

    Args:
        start: parameters of each voxel.
        own: the problem of each voxel.
        shared: what the problems share.
        inverse: one over the expected differences.
        graph: who touches whom.
        setting: fixed choices.
    """
    narrow, mesh = setting.narrow, setting.mesh
    lower, upper = (jnp.asarray(bound, start.dtype) for bound in setting.limits)
    epsilon = float(jnp.finfo(start.dtype).eps)
    rows = 2 * narrow.n_window
    degree = graph.degree

    def expand_again(x: Array, moved: Array, before: Around) -> Around:
        def one(voxel: Any, shared: Shared) -> Around:
            x, own, moved, before = voxel
            return jax.lax.cond(moved, lambda: expand(x, own, shared, setting), lambda: before)

        return over_voxels(one, (x, own, moved, before), shared, mesh=mesh)

    def advance(state: _State) -> _State:
        around = state.around
        slope = around.slope * inverse[None, :, None]
        pulled = pull(around.theta, graph, inverse)
        gradient = around.cost.gradient + jnp.einsum("vkn,vk->vn", around.slope, pulled)
        free = free_of_bounds(state.x, gradient, setting)
        inside = (gradient, around.cost.normal, slope, degree, free, state.damping)
        blocks = over_voxels(_eliminated, inside, mesh=mesh)
        toward = jnp.einsum("vkn,vk->vn", slope, tied(blocks, graph, 1e-4))
        moves, predicted = over_voxels(
            _boxed, (inside, toward, lower[None] - state.x, upper[None] - state.x), mesh=mesh
        )
        goal = _goal(around.cost.cost, setting.optimiser.tolerance, rows, epsilon)
        moved = predicted > _AT_REST * goal
        moves = jnp.where(moved[:, None], moves, 0.0)
        trial = jnp.clip(state.x + moves, lower[None], upper[None])
        there = expand_again(trial, moved, around)

        # Of each voxel alone: what its cost rose over its quadratic, against what the step promised.
        foretold = jnp.sum(around.cost.gradient * moves, axis=1)
        foretold = foretold + 0.5 * jnp.einsum("vi,vij,vj->v", moves, around.cost.normal, moves)
        unseen = 8 * epsilon * around.cost.cost
        over = there.cost.cost - around.cost.cost - foretold
        good = over <= 0.75 * predicted + unseen  # False for NaN
        chosen = jax.tree.map(lambda new, old: _where(good, new, old), there, around)
        change = jnp.sum(chosen.cost.cost - around.cost.cost) + _energy_change(around, chosen, graph, inverse)
        better = change <= jnp.sqrt(jnp.sum(unseen**2)) + epsilon * jnp.sum(around.cost.cost)
        kept = good & better
        ratio = over / jnp.maximum(predicted, 1e-30)
        damping = jnp.where(good, jnp.where(ratio < 0.25, 0.1, 1.0), 10.0) * state.damping
        damping = jnp.where(better | ~good, damping, 4 * state.damping)
        return _State(
            _where(kept, trial, state.x),
            jax.tree.map(lambda new, old: _where(kept, new, old), there, around),
            jnp.clip(damping, _LEAST, _MOST),
            # With much damping a small step says little.
            jnp.where(state.damping <= 10 * _FIRST_DAMPING, predicted, jnp.maximum(predicted, 2 * goal)),
            state.moves + moved.astype(jnp.int32),
            state.step + 1,
        )

    def unfinished(state: _State) -> Array:
        goal = _goal(state.around.cost.cost, setting.optimiser.tolerance, rows, epsilon)
        return (state.step < setting.max_steps) & jnp.any(state.predicted > goal)

    voxels = start.shape[0]
    nothing = jax.eval_shape(lambda: expand_voxels(start, own, shared, setting))
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), nothing)
    start = jnp.clip(start, lower[None], upper[None])
    first = _State(
        x=start,
        around=expand_again(start, jnp.ones(voxels, bool), nothing),
        damping=jnp.full(voxels, _FIRST_DAMPING, start.dtype),
        predicted=jnp.full(voxels, jnp.inf, start.dtype),
        moves=jnp.zeros(voxels, jnp.int32),
        step=jnp.zeros((), jnp.int32),
    )
    last = jax.lax.while_loop(unfinished, advance, first)
    goal = _goal(last.around.cost.cost, setting.optimiser.tolerance, rows, epsilon)
    status = jnp.where(last.predicted <= goal, Status.CONVERGED, Status.STEP_LIMIT)
    return JointSolution(last.x, last.around, last.moves, status.astype(jnp.int32))


def expand_voxels(x: Float[Array, "voxels n"], own: Own, shared: Shared, setting: Setting) -> Around:
    """Every voxel to second order."""
    return over_voxels(
        lambda voxel, shared: expand(voxel[0], voxel[1], shared, setting), (x, own), shared, mesh=setting.mesh
    )


def _eliminated(inside: Any, _: Any) -> Any:
    gradient, normal, slope, degree, free, damping = inside
    response = solve_block(normal + degree * slope.T @ slope, slope.T, free, damping)
    return block(response, slope, gradient)


def _boxed(voxel: Any, _: Any) -> tuple[Array, Array]:
    """The step of a voxel whose neighbours move as the image wants, and by how much it lowers its cost."""
    (gradient, normal, slope, degree, _, damping), toward, low, high = voxel
    matrix = normal + degree * slope.T @ slope
    unit, scale = regular(matrix, jnp.ones_like(gradient), damping)
    down = gradient - toward
    step = scale * box_minimiser(unit, scale * down, low / scale, high / scale)
    return step, -(down @ step + 0.5 * step @ matrix @ step)


def _goal(cost: Array, tolerance: float, rows: int, epsilon: float) -> Array:
    """A decrease of the cost of a voxel too small to look for."""
    return jnp.maximum(tolerance**2 * jnp.maximum(2 * cost / rows, 1e-30), 4 * epsilon * cost)


def _energy_change(old: Around, new: Around, graph: Neighbours, inverse: Array) -> Array:
    before = differences(old.theta, graph) * inverse[None, None]
    after = differences(new.theta, graph) * inverse[None, None]
    return 0.25 * jnp.sum((after - before) * (after + before))


def _where(chosen: Array, new: Array, old: Array) -> Array:
    return jnp.where(chosen.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
