"""Least squares from where a registering network left off."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.learn.offset_decoders import Moved

Make = Callable[[Moved], Complex[Array, " compared"]]


def stepped(moved: Moved, seen: Complex[Array, " compared"], make: Make, *, steps: int, reach_hz: float) -> Moved:
    """Levenberg-Marquardt steps in shift, phase, amplitude and damping.

    A step is refused that does not lower the squares, or leads further from the first shift than the reach: the squares
    have other hills there.

    Args:
        moved: where to begin; the amplitude is that of least squares there.
        seen: what is compared of a FID.
        make: the same of the moved signal.
        steps: how many.
        reach_hz: largest change of the shift, Hz.
    """

    def residual(place: Array) -> Array:
        off = make(Moved(*place)) - seen
        return jnp.concatenate([off.real, off.imag])

    def step(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        place, cost, damping = state
        slope = jax.jacfwd(residual)(place)
        normal = slope.T @ slope
        size = jnp.sqrt(jnp.maximum(jnp.diagonal(normal), jnp.finfo(place.dtype).tiny))
        scaled = normal / (size[:, None] * size[None, :]) + damping * jnp.eye(place.size, dtype=place.dtype)
        trial = place - jnp.linalg.solve(scaled, (slope.T @ residual(place)) / size) / size
        found = jnp.sum(residual(trial) ** 2)
        better = (found < cost) & (jnp.abs(trial[0] - start[0]) < reach_hz)  # False for NaN
        return (
            jnp.where(better, trial, place),
            jnp.where(better, found, cost),
            jnp.where(better, 0.1 * damping, 10 * damping),
        )

    alone = make(moved._replace(amplitude=jnp.ones_like(moved.amplitude)))
    start = jnp.stack(moved._replace(amplitude=fitted_amplitude(alone, seen)))
    first = start, jnp.sum(residual(start) ** 2), jnp.asarray(1e-3, start.dtype)
    return Moved(*jax.lax.fori_loop(0, steps, step, first)[0])


def fitted_amplitude(signal: Complex[Array, " compared"], seen: Complex[Array, " compared"]) -> Float[Array, ""]:
    """The amplitude of least squares, not negative: that would be another name for a phase half a turn away."""
    return jnp.abs(jnp.vdot(signal, seen).real) / energy(signal)


def energy(signal: Complex[Array, " points"]) -> Float[Array, ""]:
    """Sum of squared sizes, above zero."""
    return jnp.maximum(jnp.sum(signal.real**2 + signal.imag**2), jnp.finfo(signal.real.dtype).tiny)
