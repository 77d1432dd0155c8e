"""Fits that ended at a wrong optimum, tried again from where their neighbours are.

A step of Gauss and Newton does not leave a valley. So a voxel that lies far from the median of those around it is
fitted once more, from the mean of its trusted neighbours and with what they expect of it, and keeps whichever answer
has the lower cost, prior included. Repaired voxels are trusted in the next round, so that clusters are repaired from
the rim.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from diffmrs.fitting.coordinates import to_parameters, to_vector
from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.problem import objective
from diffmrs.fitting.solver import Objective, Quadratic
from diffmrs.spatial.expected import off_median
from diffmrs.spatial.joint import expand_voxels
from diffmrs.spatial.neighbours import Neighbours
from diffmrs.spatial.prior import PHASE, differences, smoothed, wrapped
from diffmrs.spatial.setting import Own, Setting, Shared, problem_of
from diffmrs.spatial.voxels import chosen, told_by_data

_FAR = 4.0  # standard deviations from the median around
_DULL = 10.0  # times the median: a variance above which a voxel is no guide to others
_ROUNDS = 3


class Repaired(NamedTuple):
    """Voxels after the second try."""

    x: Float[Array, "voxels n"]
    own: Own
    spread: Float[Array, "voxels candidates n"]
    steps: Int[Array, " voxels"]


class Expected(NamedTuple):
    """What the neighbours expect of a voxel."""

    theta: Float[Array, "*voxels 3"]
    weight: Float[Array, "*voxels 3"]


def repaired(
    start: Repaired,
    valid: Float[Array, " voxels"],
    shared: Shared,
    inverse: Float[Array, "3"],
    graph: Neighbours,
    around: Neighbours,
    setting: Setting,
) -> Repaired:
    """Try again what lies far from its neighbours.

    Args:
        start: the independent answers.
        valid: 1 for voxels that were fitted.
        shared: what the problems share.
        inverse: one over the expected differences.
        graph: voxels that are tied.
        around: voxels that a median is taken of.
        setting: fixed choices.
    """

    def round_(_: Array, now: Repaired) -> Repaired:
        at = expand_voxels(now.x, now.own, shared, setting)
        covariance = told_by_data(at, now.x, setting)
        known = jnp.diagonal(covariance, axis1=1, axis2=2) * inverse[None] ** 2
        dull = _DULL * jnp.nanmedian(jnp.where(valid[:, None] > 0, known, jnp.nan), axis=0)
        off = off_median(at.theta, valid, around) * inverse[None]
        far = jnp.any(jnp.abs(off) > _FAR * jnp.sqrt(1 + jnp.minimum(known, dull[None])), axis=1) & (valid > 0)
        trust = jnp.where(far | jnp.any(known > dull[None] + 1, axis=1), 0.0, valid)
        guides = graph.present * trust[graph.number]
        count = guides.sum(axis=1)
        share = guides / jnp.maximum(count, 1.0)[:, None]
        others = Neighbours(graph.number, share)
        near = Neighbours(graph.number, guides)
        theta = wrapped(at.theta - differences(at.theta, others).sum(axis=1))
        wanted = Expected(theta, count[:, None] * inverse[None] ** 2)
        begin = _start(now.x, theta, others, setting)
        energy = 0.5 * jnp.sum((differences(at.theta, near) * inverse[None, None]) ** 2, axis=(1, 2))
        tied = 0.5 * jnp.sum(wrapped(at.theta - theta) ** 2 * wanted.weight, axis=1)
        # Where the guides disagree among themselves costs the same whatever the voxel does.
        limit = at.cost.cost + jnp.minimum(energy, tied)
        again = far & (count > 0)
        return over_voxels(
            lambda voxel, shared: _retried(voxel, shared, setting),
            (now, begin, wanted, limit, again),
            shared,
            mesh=setting.mesh,
        )

    return jax.lax.fori_loop(0, _ROUNDS, round_, start)


def _start(x: Array, wanted: Array, others: Neighbours, setting: Setting) -> Array:
    """Mean of the guides, the shift and the phase as they say."""

    def one(mean: Array, wanted: Array) -> Array:
        parameters = to_parameters(mean, setting.narrow)
        shift = parameters.frequency_shift_hz
        return to_vector(
            replace(parameters, frequency_shift_hz=shift + (wanted[0] - shift[0]), phase0_rad=wanted[PHASE])
        )

    return jax.vmap(one)(others.to_neighbours(x), wanted)


def _retried(voxel: tuple[Repaired, Array, Expected, Array, Array], shared: Shared, setting: Setting) -> Repaired:
    now, begin, wanted, limit, again = voxel

    def attempt() -> Repaired:
        lower, upper = (jnp.asarray(bound, begin.dtype) for bound in setting.limits)
        with_neighbours = _expecting(objective(problem_of(now.own, shared), setting.narrow), wanted, setting)
        tolerance = jnp.asarray(setting.optimiser.tolerance, begin.dtype)
        found = setting.optimiser.minimise(with_neighbours, begin, lower, upper, tolerance)
        own, spread = chosen(found.x, now.own, jnp.asarray(True), shared, setting)
        better = found.cost < limit
        replaced = Repaired(found.x, own, spread, now.steps)
        kept = jax.tree.map(lambda new, old: jnp.where(better, new, old), replaced, now)
        return kept._replace(steps=now.steps + found.steps)

    return jax.lax.cond(again, attempt, lambda: now)


def _expecting(cost: Objective, wanted: Expected, setting: Setting) -> Objective:
    """A cost with what the neighbours expect as three more residuals."""
    model = setting.narrow

    def off(x: Array) -> Array:
        return wrapped(smoothed(x, model) - wanted.theta)

    def slope(x: Array) -> tuple[Array, Array]:
        value, gradient = cost.slope(x)
        apart, back = jax.vjp(off, x)
        return value + 0.5 * apart @ (wanted.weight * apart), gradient + back(wanted.weight * apart)[0]

    def expand(x: Array) -> Quadratic:
        around, apart, rows = cost.expand(x), off(x), jax.jacfwd(off)(x)
        return Quadratic(
            around.cost + 0.5 * apart @ (wanted.weight * apart),
            around.gradient + rows.T @ (wanted.weight * apart),
            around.normal + rows.T @ (wanted.weight[:, None] * rows),
        )

    return Objective(slope, expand, cost.rows + 3)
