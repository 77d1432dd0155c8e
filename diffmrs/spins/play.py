"""Plays a sequence on one group of coupled spins: from equilibrium to the lines of its spectrum."""

from collections.abc import Sequence as List
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.spins.events import CoherenceFilter, Delay, Event, Gradient, Pulse, Sequence, ShapedPulse
from diffmrs.spins.evolution import Lines, evolve, levels_of, propagators, transitions
from diffmrs.spins.hamiltonian import hamiltonian
from diffmrs.spins.rotation import (
    dense_of,
    equilibrium,
    keep_orders,
    n_spins_of,
    order_of_elements,
    rectangles_of,
    rotate,
    rotations,
)
from diffmrs.spins.shaped import pulse_propagator


@dataclass(frozen=True)
class Grid:
    """How space and couplings are sampled where pulses have a shape.

    Attributes:
        positions: along each axis.
        extent: range of positions along each axis, in slice thicknesses.
        coupling_steps: pieces of each pulse between which the couplings act, even.
        separable: average over an axis as soon as no later event uses it (Zhang et al., Med Phys 2017;44:4169:
            the cost is a sum over the axes); when False, every pair and triple of positions is played on its own.
            Both give the same numbers.
    """

    positions: int = 32
    extent: float = 2.0
    coupling_steps: int = 16
    separable: bool = True


@dataclass(frozen=True)
class Conditions:
    """What all groups of one simulation share.

    Attributes:
        ppm_reference: chemical shift of the carrier, ppm.
        frequency_mhz: Larmor frequency, MHz.
        b1_scale: factor on every flip angle and RF amplitude.
        grid: sampling of space.
    """

    ppm_reference: float
    frequency_mhz: Any
    b1_scale: Any
    grid: Grid


@dataclass(frozen=True)
class _Spins:
    nu_hz: Array
    j_hz: Array
    delays: dict[int, Array]  # propagator of each delay, by the identity of the event


def spectrum_lines(
    sequence: Sequence, nu_hz: Float[Array, " n"], j_hz: Float[Array, "n n"], conditions: Conditions
) -> Lines:
    """Lines of one group of spins after a sequence: see `diffmrs.spins.evolution.transitions`.

    Args:
        sequence: what is played.
        nu_hz: frequency of each spin relative to the carrier, Hz.
        j_hz: couplings, Hz.
        conditions: what all groups share.
    """
    blocks = hamiltonian(nu_hz, j_hz)
    levels = levels_of(blocks)
    delays = [event for event in sequence.events if isinstance(event, Delay)]
    known = {}
    if delays:
        stacked = propagators(blocks, levels, jnp.stack([jnp.asarray(d.duration_s, blocks.dtype) for d in delays]))
        known = {id(event): stacked[i] for i, event in enumerate(delays)}
    rho = jnp.asarray(equilibrium(nu_hz.shape[0])) * sequence.gain
    rho, _ = _play(sequence.events, rho, (0,), _Spins(nu_hz, j_hz, known), conditions, {})
    return transitions(blocks, levels, rectangles_of(rho, -1))


Orders = tuple[int, ...]


def _play(
    events: List[Event], rho: Array, orders: Orders, spins: _Spins, conditions: Conditions, where: dict[str, Any]
) -> tuple[Array, Orders]:
    i = 0
    while i < len(events):
        axis = getattr(events[i], "axis", None)
        if axis is not None and axis not in where:
            used = [k for k in range(i, len(events)) if getattr(events[k], "axis", None) == axis]
            end = used[-1] + 1 if conditions.grid.separable else len(events)
            rho, orders = _average(events[i:end], axis, rho, orders, spins, conditions, where)
            i = end
        else:
            rho, orders = _apply(events[i], rho, orders, spins, conditions, where)
            i += 1
    return rho, orders


def _average(
    events: List[Event],
    axis: str,
    rho: Array,
    orders: Orders,
    spins: _Spins,
    conditions: Conditions,
    where: dict[str, Any],
) -> tuple[Array, Orders]:
    """Play events at each position along an axis and average; the average commutes with all that comes later."""
    grid = conditions.grid
    selective = any(isinstance(event, ShapedPulse) and event.axis == axis for event in events)
    width = grid.extent if selective else 1.0
    positions = width * ((jnp.arange(grid.positions) + 0.5) / grid.positions - 0.5)
    after: list[Orders] = []

    @jax.checkpoint
    def at(position: Array) -> Array:
        out, kept = _play(events, rho, orders, spins, conditions, {**where, axis: position})
        after.append(kept)
        return out

    total, _ = jax.lax.scan(lambda total, position: (total + at(position), None), jnp.zeros_like(rho), positions)
    # A perfect slice, one thickness wide, gives the full signal.
    return total * (width / grid.positions), after[0]


def _apply(
    event: Event, rho: Array, orders: Orders, spins: _Spins, conditions: Conditions, where: dict[str, Any]
) -> tuple[Array, Orders]:
    n = n_spins_of(rho)
    everything = tuple(range(-n, n + 1))
    if isinstance(event, Delay):
        return _free(rho, orders, spins.delays[id(event)]), orders
    if isinstance(event, CoherenceFilter):
        kept = tuple(order for order in event.kept if order in orders)
        return keep_orders(rho, kept), kept
    if isinstance(event, Gradient):
        turns = jnp.exp(-2j * jnp.pi * event.cycles * where[event.axis] * order_of_elements(n))
        return rho * turns, orders
    if isinstance(event, Pulse):
        return rotate(rho, rotations(_flips(event, spins.nu_hz, conditions), jnp.deg2rad(event.phase_deg))), everything
    carrier_hz = (conditions.ppm_reference - event.carrier_ppm) * conditions.frequency_mhz
    u = pulse_propagator(
        event,
        spins.nu_hz,
        spins.j_hz,
        where.get(event.axis, 0.0) if event.axis else 0.0,
        carrier_hz=carrier_hz,
        b1_scale=conditions.b1_scale,
        pieces=conditions.grid.coupling_steps,
    )
    return u @ rho @ jnp.conj(u).T, everything


def _flips(pulse: Pulse, nu_hz: Array, conditions: Conditions) -> Array:
    flips = jnp.deg2rad(pulse.flip_deg) * conditions.b1_scale * jnp.ones_like(nu_hz)
    if pulse.band_ppm is None:
        return flips
    centre, width = pulse.band_ppm
    ppm = conditions.ppm_reference - nu_hz / conditions.frequency_mhz
    return jnp.where(jnp.abs(ppm - centre) <= width / 2, flips, 0.0)


def _free(rho: Array, orders: Orders, propagator: Array) -> Array:
    if not orders:
        return rho
    if len(orders) <= 2:
        parts = [dense_of(evolve(rectangles_of(rho, p), propagator, p), p) for p in orders]
        return sum(parts[1:], parts[0])
    u = dense_of(propagator, 0)
    return u @ rho @ jnp.conj(u).T
