r"""The Hamiltonian of a group of coupled spins, as blocks of constant total $M_z$, in Hz.

$$H = \sum_i \nu_i I_{iz} + \sum_{i<j} J_{ij}\,\mathbf I_i\cdot\mathbf I_j$$

conserves $M_z$, so that it is block diagonal. $\nu_i = (\delta_\mathrm{ref} - \delta_i) f_0$ carries the sign
convention of `diffmrs.axes`: coherence order -1 then rotates as $e^{+2\pi i\nu t}$.
"""

import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from diffmrs.spins.states import flip_flop_pairs, layout


def hamiltonian(nu_hz: Float[Array, " n"], j_hz: Float[Array, "n n"]) -> Float[Array, "blocks d d"]:
    """Blocks of the Hamiltonian.

    Args:
        nu_hz: frequency of each spin relative to the carrier, Hz.
        j_hz: couplings, upper triangle, Hz.

    Returns:
        One symmetric matrix per block, Hz. Padded states stand apart at an energy above all others, so that an
        ascending eigen-decomposition puts them last.
    """
    n = nu_hz.shape[0]
    where = layout(n)
    first, second = np.triu_indices(n, 1)
    m = where.m[where.states]  # [blocks, d, n]
    pairs = j_hz[first, second]
    energy = m @ nu_hz + (m[..., first] * m[..., second]) @ pairs
    height = 1.0 + n * jnp.max(jnp.abs(nu_hz)) + jnp.sum(jnp.abs(pairs))
    energy = jnp.where(where.valid, energy, stop_gradient(height))
    blocks = energy[:, :, None] * np.eye(where.size)[None]
    if n > 1:
        number, mask = flip_flop_pairs(n)
        blocks = blocks + jnp.where(mask, 0.5 * pairs[number], 0.0)
    return blocks
