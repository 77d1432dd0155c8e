r"""Exponentially decaying waves $e^{(2\pi i f - \pi L) t}$ at the price of few exponentials.

They are most of what an evaluation of the model would cost. Where samples are evenly spaced, sample $k = qB + r$ is the
product of two short series, $e^{z q B \Delta}\, e^{z (r \Delta + t_0)}$: 40 exponentials stand for 400.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.model.split import Split, turned


def decaying_waves(
    time_s: np.ndarray, lorentzian_fwhm_hz: Float[Array, " groups"], frequency_hz: Float[Array, " groups"]
) -> Split:
    """Waves that are 1 at time zero.

    Args:
        time_s: sample times, s; constants, evenly spaced but for some at the beginning. [points]
        lorentzian_fwhm_hz: full width at half maximum L, Hz.
        frequency_hz: frequency f, Hz.

    Returns:
        [groups, points]
    """
    first = _first_even(time_s)
    count, step = time_s.size - first, float(time_s[-1] - time_s[-2])
    block = max(int(np.sqrt(count)), 1)
    blocks = -(-count // block)
    coarse = step * block * np.arange(blocks)
    fine = time_s[first] + step * np.arange(block)
    wanted = np.concatenate([coarse, fine, time_s[:first]])
    # A loop of two turns, because within one XLA would take the exponentials anew for every product.
    half = -(-wanted.size // 2)
    turns = jnp.asarray(np.pad(wanted, (0, 2 * half - wanted.size)).reshape(2, half), lorentzian_fwhm_hz.dtype)

    def exponentials(time: Float[Array, " half"]) -> Split:
        size = jnp.exp(-jnp.pi * lorentzian_fwhm_hz[:, None] * time[None])
        return turned(2 * jnp.pi * frequency_hz[:, None] * time[None]).scaled(size)

    waves = jax.lax.map(exponentials, turns)
    waves = jax.tree.map(lambda part: jnp.concatenate([part[0], part[1]], axis=1), waves)
    low, high = (jax.tree.map(lambda part, cut=cut: part[:, cut], waves) for cut in _cuts(blocks, block))
    even = Split(low.real[:, :, None], low.imag[:, :, None]).times(Split(high.real[:, None], high.imag[:, None]))
    even = jax.tree.map(lambda part: part.reshape(part.shape[0], -1)[:, :count], even)
    if first == 0:
        return even
    begin = slice(blocks + block, blocks + block + first)
    return jax.tree.map(lambda early, late: jnp.concatenate([early[:, begin], late], axis=1), waves, even)


def _first_even(time_s: np.ndarray) -> int:
    """The sample from which on the times are evenly spaced."""
    steps = np.diff(time_s)
    uneven = np.flatnonzero(np.abs(steps - steps[-1]) > 1e-6 * abs(steps[-1]))
    return int(uneven[-1]) + 1 if uneven.size else 0


def _cuts(blocks: int, block: int) -> tuple[slice, slice]:
    return slice(0, blocks), slice(blocks, blocks + block)
