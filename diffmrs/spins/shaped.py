"""Propagator of a shaped pulse at one position: every spin turns exactly, couplings act between pieces of the pulse.

Each spin sees the RF, its own offset and the gradient, and its rotation over a piece of the pulse is a product of exact
2 x 2 rotations. The couplings, small over a pulse, are split off symmetrically (Strang 1968): half a piece of coupling,
the rotation, half a piece of coupling. Two runs, with pieces of length h and 2h, are combined so that the error of
order h² cancels (Richardson).
"""

from math import gcd
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.spins.events import ShapedPulse
from diffmrs.spins.evolution import levels_of, propagators
from diffmrs.spins.hamiltonian import hamiltonian
from diffmrs.spins.rotation import Rotations, dense_of, left_multiply, step_rotation


def pulse_propagator(
    pulse: ShapedPulse,
    nu_hz: Float[Array, " n"],
    j_hz: Float[Array, "n n"],
    position: Any,
    *,
    carrier_hz: Any,
    b1_scale: Any,
    pieces: int,
) -> Complex[Array, "states states"]:
    """Propagator of a pulse, in the frame of the sequence.

    Args:
        pulse: the pulse.
        nu_hz: frequency of each spin, Hz.
        j_hz: couplings, Hz.
        position: along the axis of the gradient, in slice thicknesses.
        carrier_hz: frequency of the pulse relative to the carrier of the sequence, Hz.
        b1_scale: factor on the RF amplitude.
        pieces: number of pieces between which the couplings act, even.
    """
    turns = _pieces(pulse, nu_hz, position, carrier_hz, b1_scale, pieces)
    n = nu_hz.shape[0]
    if n == 1:
        return jax.lax.scan(lambda total, turn: (turn @ total, None), jnp.eye(2, dtype=turns.dtype), turns[:, 0])[0]
    h = pulse.shape.duration_s / pieces
    blocks = hamiltonian(jnp.zeros_like(nu_hz), j_hz)
    half, whole, double = [dense_of(u, 0) for u in propagators(blocks, levels_of(blocks), jnp.stack([h / 2, h, 2 * h]))]
    fine = _split_step(turns, half, whole)
    coarse = _split_step(turns[1::2] @ turns[::2], whole, double)
    return (4 * fine - coarse) / 3


def _split_step(turns: Array, half: Array, whole: Array) -> Array:
    def step(total: Array, turn: Rotations) -> tuple[Array, None]:
        return whole @ left_multiply(turn, total), None

    total, _ = jax.lax.scan(step, half, turns)
    # The last step has made a whole piece of coupling where half of one is due.
    return jnp.conj(half).T @ total


def _pieces(
    pulse: ShapedPulse, nu_hz: Array, position: Any, carrier_hz: Any, b1_scale: Any, pieces: int
) -> Complex[Array, "pieces n 2 2"]:
    """Rotation of each spin over each piece of the pulse, in the frame of the sequence."""
    repeat = pieces // gcd(pulse.shape.n_steps, pieces)
    step_s = pulse.shape.step_s / repeat
    b1 = jnp.repeat(pulse.shape.b1_hz * b1_scale * jnp.exp(1j * jnp.deg2rad(pulse.phase_deg)), repeat)
    gradient = jnp.repeat(pulse.shape.gradient * pulse.gradient_hz * position, repeat)
    offset = (nu_hz - carrier_hz)[None, :] + gradient[:, None]
    steps = step_rotation(b1.reshape(pieces, -1, 1), offset.reshape(pieces, b1.shape[0] // pieces, -1), step_s)
    turns, _ = jax.lax.scan(
        lambda total, turn: (turn @ total, None),
        jnp.broadcast_to(jnp.eye(2, dtype=steps.dtype), (pieces, *steps.shape[2:])),
        jnp.swapaxes(steps, 0, 1),
    )
    # The pulse is played at its own carrier with its phase defined at its centre.
    frame = jnp.exp(-1j * jnp.pi * carrier_hz * pulse.shape.duration_s * jnp.array([0.5, -0.5]))
    turns = turns.at[0].multiply(frame[None, None, :])
    return turns.at[-1].multiply(frame[None, :, None])
