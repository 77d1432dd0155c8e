"""Bookkeeping of the product states of n spins 1/2: which of them share a total Mz, and where each one is stored.

State number `s` has one bit per spin, the first spin in the highest bit; 0 is spin up (α), 1 is spin down (β). States
with k spins down form block k. All blocks are padded to the size of the largest, so that they are one array
[n + 1, d, d] and one batched call serves them all. A coherence of order p joins block `c - p` (row) to block `c`
(column); order -1 is the one a receiver sees.
"""

import functools
from dataclasses import dataclass
from math import comb

import numpy as np


@dataclass(frozen=True)
class Layout:
    """Where the 2**n product states are stored. Plain NumPy, made once per n.

    Attributes:
        n: spins.
        size: states in the largest block, d.
        states: the product states of each block, [n + 1, d], 0 where there is none.
        valid: whether there is one, [n + 1, d].
        block: block of each product state, [2**n].
        slot: its place in the block, [2**n].
        m: spin quantum number of each spin in each product state, [2**n, n].
    """

    n: int
    size: int
    states: np.ndarray
    valid: np.ndarray
    block: np.ndarray
    slot: np.ndarray
    m: np.ndarray


@functools.cache
def layout(n: int) -> Layout:
    """The `Layout` of n spins."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n - 1, -1, -1)) & 1
    block = bits.sum(axis=1)
    size = comb(n, n // 2)
    states = np.zeros((n + 1, size), dtype=np.int64)
    valid = np.zeros((n + 1, size), dtype=bool)
    slot = np.zeros(2**n, dtype=np.int64)
    for k in range(n + 1):
        members = np.flatnonzero(block == k)
        states[k, : members.size] = members
        valid[k, : members.size] = True
        slot[members] = np.arange(members.size)
    return Layout(n, size, states, valid, block, slot, 0.5 - bits)


def row_block(n: int, order: int) -> np.ndarray:
    """The block of the rows of each rectangle of coherence order `order`, clipped to those that exist, [n + 1]."""
    return np.clip(np.arange(n + 1) - order, 0, n)


@functools.cache
def rectangle_index(n: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each element of the rectangles of one order lies in the flattened [2**n, 2**n] matrix, and if it exists."""
    where = layout(n)
    rows = np.arange(n + 1) - order
    exists = (rows >= 0) & (rows <= n)
    clipped = row_block(n, order)
    index = where.states[clipped][:, :, None] * 2**n + where.states[:, None, :]
    mask = where.valid[clipped][:, :, None] & where.valid[:, None, :] & exists[:, None, None]
    return np.where(mask, index, 0), mask


@functools.cache
def dense_index(n: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each element of the [2**n, 2**n] matrix lies in the flattened rectangles of one order, and if it does."""
    where = layout(n)
    mask = where.block[None, :] - where.block[:, None] == order
    index = (where.block[None, :] * where.size + where.slot[:, None]) * where.size + where.slot[None, :]
    return np.where(mask, index, 0), mask


@functools.cache
def flip_flop_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """For two states of a block that differ by exchanging spins i and j: the number of that pair, and where.

    Pairs are counted as `np.triu_indices(n, 1)` lists them.
    """
    where = layout(n)
    first, second = np.triu_indices(n, 1)
    pair_of = np.zeros((n, n), dtype=np.int64)
    pair_of[first, second] = np.arange(first.size)
    m = where.m[where.states]
    different = m[:, :, None, :] != m[:, None, :, :]
    mask = (different.sum(axis=-1) == 2) & where.valid[:, :, None] & where.valid[:, None, :]
    i = different.argmax(axis=-1)
    j = n - 1 - different[..., ::-1].argmax(axis=-1)
    return np.where(mask, pair_of[i, j], 0), mask


@functools.cache
def raising(n: int) -> np.ndarray:
    """The detector: the elements of F+ that meet each rectangle of order -1, [n + 1, d, d].

    Element [c, r, a] multiplies the element <r|ρ|a> of the density matrix, r in block c + 1 and a in block c.
    """
    where = layout(n)
    rows = row_block(n, -1)
    m_row = where.m[where.states[rows]]
    m_column = where.m[where.states]
    one_flip = (m_row[:, :, None, :] != m_column[:, None, :, :]).sum(axis=-1) == 1
    return np.where(one_flip & rectangle_index(n, -1)[1], 1.0, 0.0)


@functools.cache
def transition_index(n: int) -> np.ndarray:
    """The elements of the rectangles of order -1 that are transitions, as places in the flattened array, [K]."""
    return np.flatnonzero(rectangle_index(n, -1)[1].ravel())
