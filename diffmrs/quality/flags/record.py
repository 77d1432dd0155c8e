"""Faults of the recorded samples themselves: a receiver that ran out of range, and samples that jump."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

_TIED = 1e-6  # two samples whose difference is less than this part of the largest are equal
_ABOVE_NOISE = 10.0  # a largest sample below this many standard deviations of the tail is no clipped signal
_BLOCK = 64  # samples over which the usual roughness of an FID is measured
_SKIPPED = 16  # samples at the start, where broad lines decay fast


class RecordFaults(NamedTuple):
    """Arrays over spectra."""

    n_clipped: Int[np.ndarray, " spectra"]  # samples that share the largest value of a real or imaginary part
    spike_height: Float[np.ndarray, " spectra"]  # largest jump of one sample, in median jumps around it
    spike_at: Int[np.ndarray, " spectra"]  # its index


def record_faults(fids: Complex[np.ndarray, "spectra points"]) -> RecordFaults:
    """Look for both in FIDs as they were fitted; after phase corrections point by point, clipping no longer shows."""
    n_points = fids.shape[1]
    usable = np.where(np.isfinite(fids).all(axis=1, keepdims=True), fids, 0)
    clipped = np.maximum(_at_the_top(usable.real), _at_the_top(usable.imag))

    jump = np.zeros(fids.shape)
    jump[:, 1:-1] = np.abs(usable[:, 1:-1] - 0.5 * (usable[:, :-2] + usable[:, 2:]))
    jump[:, :_SKIPPED] = 0
    whole = n_points // _BLOCK * _BLOCK
    if whole < 2 * _BLOCK:
        return RecordFaults(clipped, np.zeros(len(fids)), np.zeros(len(fids), int))
    blocks = jump[:, :whole].reshape(len(fids), -1, _BLOCK)
    usual = np.maximum(np.median(blocks, axis=2), np.finfo(np.float32).eps * np.abs(usable).max(axis=1)[:, None])
    height = np.where(usual[..., None] > 0, blocks / np.where(usual > 0, usual, 1.0)[..., None], 0.0).reshape(-1, whole)
    return RecordFaults(clipped, height.max(axis=1), height.argmax(axis=1))


def _at_the_top(parts: Float[np.ndarray, "spectra points"]) -> Int[np.ndarray, " spectra"]:
    magnitude = np.abs(parts)
    top = magnitude.max(axis=1)
    tail = np.std(parts[:, 3 * parts.shape[1] // 4 :], axis=1)
    tied = np.sum(magnitude >= (1 - _TIED) * top[:, None], axis=1)
    return np.where(top > _ABOVE_NOISE * tail, tied, 0)
