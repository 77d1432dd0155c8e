"""Pulses acting on a density matrix: one 2 x 2 rotation per spin, applied without building the 2**n matrix."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.spins.states import dense_index, layout, rectangle_index

Matrix = Complex[Array, "states states"]
Rotations = Complex[Array, "n 2 2"]


def rotations(flip_rad: Float[Array, " n"], phase_rad: Float[Array, ""]) -> Rotations:
    r"""Rotation of each spin, $e^{-i\theta(I_x\cos\phi + I_y\sin\phi)}$, in the basis (up, down).

    Args:
        flip_rad: flip angle $\theta$ of each spin, rad.
        phase_rad: phase $\phi$, rad.
    """
    c, s = jnp.cos(flip_rad / 2), -1j * jnp.sin(flip_rad / 2)
    turn = jnp.exp(1j * phase_rad) * jnp.ones_like(c)
    return jnp.stack([jnp.stack([c + 0j, s * jnp.conj(turn)], -1), jnp.stack([s * turn, c + 0j], -1)], -2)


def step_rotation(b1_hz: Array, offset_hz: Array, step_s: Any) -> Array:
    """Rotation by a constant field along (Re b1, Im b1, offset), [..., 2, 2]; the arguments broadcast."""
    squared = jnp.abs(b1_hz) ** 2 + offset_hz**2
    still = squared * step_s**2 < 1e-20
    field = jnp.sqrt(jnp.where(still, 1.0, squared))
    c = jnp.where(still, 1.0, jnp.cos(jnp.pi * field * step_s))
    s = jnp.where(still, jnp.pi * step_s, jnp.sin(jnp.pi * field * step_s) / field)
    diagonal = c - 1j * s * offset_hz
    down = -1j * s * b1_hz
    up = -1j * s * jnp.conj(b1_hz)
    return jnp.stack([jnp.stack([diagonal, up], -1), jnp.stack([down, jnp.conj(diagonal)], -1)], -2)


def rotate(rho: Matrix, spins: Rotations) -> Matrix:
    """R ρ R† for the product R of all rotations."""
    return jnp.conj(_left(spins, jnp.conj(_left(spins, rho)).T)).T


def left_multiply(spins: Rotations, matrix: Matrix) -> Matrix:
    """R M for the product R of all rotations."""
    return _left(spins, matrix)


def _left(spins: Rotations, matrix: Matrix) -> Matrix:
    # Two halves, so that each is a small matrix product: (A ⊗ B) M costs 2^(n/2) times less than the whole product.
    half = spins.shape[0] // 2
    a, b = _kronecker(spins[:half]), _kronecker(spins[half:])
    parts = matrix.reshape(a.shape[0], b.shape[0], -1)
    return jnp.einsum("ab,bcx->acx", a, jnp.einsum("cd,bdx->bcx", b, parts)).reshape(matrix.shape)


def _kronecker(spins: Rotations) -> Array:
    product = jnp.ones((1, 1), spins.dtype)
    for spin in spins:
        product = jnp.kron(product, spin)
    return product


def equilibrium(n: int) -> np.ndarray:
    """Fz, scaled so that the signal after an ideal 90° pulse is n, [2**n, 2**n]."""
    return np.diag(layout(n).m.sum(axis=1) * 2.0 ** (2 - n)).astype(complex)


def rectangles_of(rho: Matrix, order: int) -> Complex[Array, "blocks d d"]:
    """The elements of one coherence order, block by block."""
    index, mask = rectangle_index(n_spins_of(rho), order)
    return jnp.where(mask, rho.reshape(-1)[index], 0)


def dense_of(rectangles: Complex[Array, "blocks d d"], order: int) -> Matrix:
    """The density matrix that has only these elements, of one coherence order."""
    index, mask = dense_index(rectangles.shape[0] - 1, order)
    return jnp.where(mask, rectangles.reshape(-1)[index], 0)


def keep_orders(rho: Matrix, orders: Iterable[int]) -> Matrix:
    """The density matrix with all coherence orders removed but these."""
    return jnp.where(np.isin(order_of_elements(n_spins_of(rho)), list(orders)), rho, 0)


def order_of_elements(n: int) -> np.ndarray:
    """Coherence order of each element of a density matrix, [2**n, 2**n]."""
    block = layout(n).block
    return block[None, :] - block[:, None]


def n_spins_of(rho: Matrix) -> int:
    """Number of spins of a density matrix."""
    return int(np.log2(rho.shape[-1]))
