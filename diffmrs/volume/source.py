"""The FIDs of a volume, handed out in pieces: a file that was not read whole stays on the disk."""

import mmap
from collections.abc import Iterator

import numpy as np

from diffmrs.data import MRSData
from diffmrs.errors import InputError

_AHEAD_BYTES = 64 * 2**20  # read at once; a file holds the samples of a voxel far apart
_BLOCK = 4096  # FIDs looked at together


class Source:
    """The spectra of a measurement, any of them at a time.

    Args:
        data: the measurement; its FIDs may be a memory map.
        n_points: samples to hand out; all when absent.
    """

    def __init__(self, data: MRSData, n_points: int | None = None) -> None:
        self.data = data
        self.n_points = data.n_points if n_points is None else n_points

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Some of the FIDs, as indices into the flattened leading axes. [rows, points], complex"""
        fid = self.data.fid
        places = np.unravel_index(rows, fid.shape[:-1])
        if isinstance(fid, np.memmap):
            found = np.array(_of_mapped(fid, places))[:, : self.n_points]
            release(fid)
            return found
        return np.asarray(fid[places][:, : self.n_points])

    def pieces(self, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
        """The FIDs of many rows in turn, `size` at a time, the last piece shorter. [size, points]"""
        itemsize = np.dtype(self.data.fid.dtype).itemsize
        ahead = max(_AHEAD_BYTES // (self.n_points * itemsize) // size, 1) * size
        for start in range(0, len(rows), ahead):
            block = self.take(rows[start : start + ahead])
            for first in range(0, len(block), size):
                yield block[first : first + size]


def survey(data: MRSData, rows: np.ndarray) -> int:
    """How many samples are used before the zeros that all FIDs end in; looks at the data block by block.

    Raises:
        InputError: nothing but zeros, or no FID that is finite.
    """
    source, n_points = Source(data), data.n_points
    used, finite, signal = 0, False, False
    for block in source.pieces(rows, _BLOCK):
        good = block[np.isfinite(block).all(axis=1)]
        if not len(good):
            continue
        finite = True
        some = np.flatnonzero((good != 0).any(axis=0))
        if some.size:
            signal, used = True, max(used, int(some[-1]) + 1)
        if used == n_points:
            break
    if not finite:
        raise InputError("every spectrum in the data holds NaN or infinite samples; at least one must be finite")
    if not signal:
        raise InputError("the data hold nothing but zeros; at least one spectrum must hold signal")
    return used if used < 0.9 * n_points else n_points


def release(mapped: np.ndarray) -> None:
    """Give back the memory of a memory map; its content stays in the file."""
    base: object = mapped
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _of_mapped(fid: np.ndarray, places: tuple[np.ndarray, ...]) -> np.ndarray:
    """FIDs of a map whose samples lie far apart, one point of time after the other. [rows, points]"""
    found = np.empty((len(places[0]), fid.shape[-1]), fid.dtype)
    for point in range(fid.shape[-1]):
        found[:, point] = fid[(*places, point)]
    return found
