r"""Free evolution and readout, with derivatives that are exact when energy levels coincide.

Methyl groups and chemically equivalent protons have degenerate levels, where the derivative of an eigenvector does not
exist and automatic differentiation of `eigh` gives NaN. The propagator and the signal are smooth there: their
derivatives are divided differences of the exponential (Daleckii and Krein 1965; Najfeld and Havel, Adv Appl Math
1995;16:321), which are written out here. They are linear in the tangent, so both modes of differentiation work. Only
first derivatives with respect to the Hamiltonian are provided; asking for second ones is an error, not a wrong number.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.spins.states import raising, row_block, transition_index

# Levels closer than this are treated as one, Hz. A line over t seconds is then wrong by (2π·1e-5·t)²/12 at most.
DEGENERATE_HZ = 1e-5


@jax.custom_jvp
def _first_order_only(x: Array) -> Array:
    return x


@_first_order_only.defjvp
def _refuse(primals: tuple, tangents: tuple) -> tuple:
    raise NotImplementedError(
        "second derivatives with respect to shifts, couplings or the field are not provided; "
        "first derivatives, and all derivatives with respect to delays, are"
    )


class Levels(NamedTuple):
    """Eigenvalues and eigenvectors of the blocks of a Hamiltonian; constants to a derivative."""

    energy: Float[Array, "blocks d"]  # Hz, rising
    vectors: Float[Array, "blocks d d"]  # one per column


def levels_of(h: Float[Array, "blocks d d"]) -> Levels:
    """Diagonalise the blocks of a Hamiltonian."""
    return Levels(*_eigh(jax.lax.stop_gradient(h)))


@jax.custom_batching.custom_vmap
def _eigh(h: Array) -> tuple[Array, Array]:
    return jax.lax.platform_dependent(h, cpu=_one_by_one, default=_side_by_side)


@_eigh.def_vmap
def _(size: int, batched: list, h: Array) -> tuple[tuple[Array, Array], tuple[bool, bool]]:
    return _eigh(h), (True, True)


def _side_by_side(h: Array) -> tuple[Array, Array]:
    energy, vectors = jnp.linalg.eigh(h, symmetrize_input=False)
    return energy, vectors


def _one_by_one(h: Array) -> tuple[Array, Array]:
    # On a CPU a batched decomposition waits for its own thread pool; two of them at the same time have been seen to
    # wait for each other for ever (jaxlib 0.10.1). A batch of one never enters the pool.
    flat = h.reshape(-1, *h.shape[-2:])
    energy, vectors = jax.lax.map(_side_by_side, flat)
    return energy.reshape(h.shape[:-1]), vectors.reshape(h.shape)


@jax.custom_jvp
def propagators(
    h: Float[Array, "blocks d d"], levels: Levels, delays_s: Float[Array, " delays"]
) -> Complex[Array, "delays blocks d d"]:
    r"""$e^{-2\pi i H\tau}$ for each delay, block by block.

    Args:
        h: blocks of the Hamiltonian, Hz.
        levels: `levels_of(h)`.
        delays_s: delays $\tau$, s.
    """
    turns = jnp.exp(-2j * jnp.pi * delays_s[:, None, None] * levels.energy[None])
    vectors = levels.vectors[None]
    return (vectors * turns[:, :, None, :]) @ _transposed(vectors)


@propagators.defjvp
def _propagators_jvp(primals: tuple, tangents: tuple) -> tuple:
    (h, levels, delays), (dh, _, ddelays) = primals, tangents
    out = propagators(h, levels, delays)
    energy, vectors = levels.energy[None], levels.vectors[None]
    tau = delays[:, None, None, None]
    sums = energy[..., :, None] + energy[..., None, :]
    gaps = energy[..., :, None] - energy[..., None, :]
    divided = -2j * jnp.pi * tau * jnp.exp(-1j * jnp.pi * tau * sums) * jnp.sinc(gaps * tau)
    h = _first_order_only(h)[None]
    inner = _transposed(vectors) @ dh[None] @ vectors
    from_h = vectors @ (divided * inner) @ _transposed(vectors)
    from_delay = -2j * jnp.pi * (h @ out) * ddelays[:, None, None, None]
    return out, from_h + from_delay


Lines = tuple[Complex[Array, " K"], Complex[Array, " K"], Float[Array, " K"]]


@jax.custom_jvp
def transitions(h: Float[Array, "blocks d d"], levels: Levels, rho: Complex[Array, "blocks d d"]) -> Lines:
    r"""The lines of the signal $\mathrm{Tr}(\rho(t) F_+)$ that starts from `rho`.

    Args:
        h: blocks of the Hamiltonian, Hz.
        levels: `levels_of(h)`.
        rho: rectangles of coherence order -1.

    Returns:
        Amplitude, slope (1/s) and frequency (Hz) of each of K lines: the signal is
        $\sum_k (a_k + b_k t)\,e^{2\pi i f_k t}$. The slopes are zero; their derivatives are not. They carry what a
        derivative of amplitudes and frequencies cannot when levels coincide, and all of the change of frequency:
        frequencies themselves have no derivative here.
    """
    lines, detector = _to_eigenbasis(levels.vectors, rho)
    amplitude = _selected(lines * detector)
    # Not zeros_like: a batch of them must stay a batch, or the transposed derivative loses an axis.
    return amplitude, 0.0 * amplitude, _selected(_frequencies(levels.energy))


@transitions.defjvp
def _transitions_jvp(primals: tuple, tangents: tuple) -> tuple:
    (h, levels, rho), (dh, _, drho) = primals, tangents
    out = transitions(h, levels, rho)
    energy, vectors = levels
    rho, detector = _to_eigenbasis(vectors, rho)
    drho, _ = _to_eigenbasis(vectors, drho)
    inner = _transposed(vectors) @ (dh + 0.0 * _first_order_only(h)) @ vectors
    gaps = energy[:, :, None] - energy[:, None, :]
    same = jnp.abs(gaps) < DEGENERATE_HZ
    mixing = jnp.where(same, 0.0, inner / jnp.where(same, 1.0, gaps))
    shifting = jnp.where(same, inner, 0.0)
    amplitude = detector * (drho + _on_both_sides(mixing, rho)) + rho * _on_both_sides(mixing, detector)
    slope = -1j * jnp.pi * (detector * _on_both_sides(shifting, rho) + rho * _on_both_sides(shifting, detector))
    return out, (_selected(amplitude), _selected(slope), 0.0 * out[2])


def _on_both_sides(x: Array, rectangles: Array) -> Array:
    """The commutator x R - R x, each side with its own block."""
    return _rows(x) @ rectangles - rectangles @ x


def _to_eigenbasis(vectors: Array, rho: Array) -> tuple[Array, Array]:
    n = vectors.shape[-3] - 1
    left = _transposed(_rows(vectors))
    return left @ rho @ vectors, left @ raising(n) @ vectors


def _frequencies(energy: Array) -> Array:
    return energy[:, None, :] - _rows(energy)[:, :, None]


def _rows(blocks: Array) -> Array:
    return blocks[row_block(blocks.shape[0] - 1, -1)]


def _selected(rectangles: Array) -> Array:
    return rectangles.reshape(-1)[transition_index(rectangles.shape[0] - 1)]


def _transposed(matrices: Array) -> Array:
    return jnp.swapaxes(matrices, -1, -2)


def evolve(
    rectangles: Complex[Array, "blocks d d"], propagator: Complex[Array, "blocks d d"], order: int
) -> Complex[Array, "blocks d d"]:
    """U ρ U† for the rectangles of one coherence order."""
    left = propagator[row_block(np.shape(rectangles)[0] - 1, order)]
    return left @ rectangles @ jnp.conj(_transposed(propagator))
