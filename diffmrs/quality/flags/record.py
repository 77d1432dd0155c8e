"""Faults of the recorded samples themselves: a receiver that ran out of range, and samples that jump."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

_TIED = 1e-6  # two samples whose difference is less than this part of the largest are equal
_ABOVE_NOISE = 10.0  # a largest sample below this many standard deviations of the tail is no clipped signal
_AROUND = range(2, 9)  # distance of the samples that a jump is compared with; a spike makes its neighbours jump too
_SKIPPED = 16  # samples at the start, where broad lines decay fast


class RecordFaults(NamedTuple):
    """Arrays over spectra."""

    n_clipped: Int[np.ndarray, " spectra"]  # samples that share the largest value of a real or imaginary part
    spike_height: Float[np.ndarray, " spectra"]  # largest jump of a sample, over the largest of those around it
    spike_at: Int[np.ndarray, " spectra"]  # its index


def record_faults(fids: Complex[np.ndarray, "spectra points"]) -> RecordFaults:
    """Look for both in FIDs as they were fitted; after phase corrections point by point, clipping no longer shows."""
    n_points = fids.shape[1]
    usable = np.where(np.isfinite(fids).all(axis=1, keepdims=True), fids, 0)
    clipped = np.maximum(_at_the_top(usable.real), _at_the_top(usable.imag))

    jump = np.zeros(fids.shape, np.float32)
    jump[:, 1:-1] = np.abs(usable[:, 1:-1] - 0.5 * (usable[:, :-2] + usable[:, 2:]))
    reach = _AROUND[-1]
    first, last = max(_SKIPPED, reach), n_points - reach
    if last - first < 2 * reach:
        return RecordFaults(clipped, np.zeros(len(fids)), np.zeros(len(fids), int))
    around = np.full((len(fids), last - first), np.finfo(np.float32).eps * np.abs(usable).max(), np.float32)
    for step in (*_AROUND, *(-distance for distance in _AROUND)):
        np.maximum(around, jump[:, first + step : last + step], out=around)
    height = jump[:, first:last] / np.where(around > 0, around, 1.0)
    return RecordFaults(clipped, height.max(axis=1).astype(np.float64), height.argmax(axis=1) + first)


def _at_the_top(parts: Float[np.ndarray, "spectra points"]) -> Int[np.ndarray, " spectra"]:
    magnitude = np.abs(parts)
    top = magnitude.max(axis=1)
    tail = np.std(parts[:, 3 * parts.shape[1] // 4 :], axis=1)
    tied = np.sum(magnitude >= (1 - _TIED) * top[:, None], axis=1)
    return np.where(top > _ABOVE_NOISE * tail, tied, 0)
