"""A spectrum as a list of lines, and the FID they make: any dwell time, length and width is one further step."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def signal(
    amplitude: Complex[Array, "chunks lines"],
    slope: Complex[Array, "chunks lines"],
    turn: Float[Array, "chunks lines"],
    n_points: int,
) -> Complex[Array, "chunks points"]:
    r"""Samples of $\sum_k (a_k + b_k m)\,e^{2\pi i \theta_k m}$ for each chunk of lines, m = 0, 1, ….

    Args:
        amplitude: $a_k$.
        slope: $b_k$, per sample. Its value is zero by construction and is not used; its derivative is.
        turn: $\theta_k$, frequency times dwell time.
        n_points: length of the FID.
    """
    return _sum_of_lines(amplitude, turn, n_points)


@signal.defjvp
def _signal_jvp(n_points: int, primals: tuple, tangents: tuple) -> tuple:
    amplitude, slope, turn = primals
    damplitude, dslope, dturn = tangents
    m = jnp.arange(n_points)
    out = signal(amplitude, slope, turn, n_points)
    steady = _sum_of_lines(damplitude, turn, n_points)
    growing = _sum_of_lines(dslope + 2j * jnp.pi * dturn * amplitude, turn, n_points)
    return out, steady + m[None, :] * growing


def _sum_of_lines(amplitude: Array, turn: Array, n_points: int) -> Array:
    # m = g·baby + b, so that K lines cost K·(baby + giant) powers and one matrix product instead of K·n_points powers.
    baby_bits = max(1, math.ceil(math.log2(n_points) / 2))
    baby, giant_bits = 2**baby_bits, max(0, math.ceil(math.log2(n_points / 2**baby_bits)))
    small = _powers(turn, baby_bits)
    large = _powers(turn * baby, giant_bits) * amplitude[..., None]
    samples = jnp.einsum("ckg,ckb->cgb", large, small)
    return samples.reshape(amplitude.shape[0], -1)[:, :n_points]


def _powers(turn: Array, bits: int) -> Array:
    """e^{2πi·turn·m} for m = 0 … 2**bits - 1, three bits at a time."""
    few = min(bits, 3)
    # Whole turns are taken off first, so that a long FID keeps its last digits.
    phase = turn[..., None] * np.arange(2**few).reshape((1,) * turn.ndim + (-1,))
    powers = jnp.exp(2j * jnp.pi * (phase - jnp.round(phase)))
    if few == bits:
        return powers
    rest = _powers(turn * 2**few, bits - few)
    return (rest[..., :, None] * powers[..., None, :]).reshape(*turn.shape, -1)
