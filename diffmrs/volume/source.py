"""The FIDs of a volume, handed out in pieces: a file that was not read whole stays on the disk."""

import mmap
from collections.abc import Iterator

import numpy as np

from diffmrs.data import MRSData
from diffmrs.errors import InputError

_AHEAD_BYTES = 64 * 2**20  # read at once; a file holds the samples of a voxel far apart
_BLOCK = 4096  # FIDs looked at together
_POINTS = 16  # of time gathered together, after which the memory of the map is given back


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
            return _of_mapped(fid, places, self.n_points)
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


def _of_mapped(fid: np.memmap, places: tuple[np.ndarray, ...], n_points: int) -> np.ndarray:
    """FIDs of a map whose samples may lie far apart, some points of time after the other. [rows, points]"""
    count, step = len(places[0]), fid.itemsize
    found = np.empty((count, n_points), fid.dtype.newbyteorder("="))
    # The samples as they lie in the file, whatever the order of its axes.
    flat = np.lib.stride_tricks.as_strided(np.asarray(fid), (fid.size,), (step,), writeable=False)
    first = sum(place * (stride // step) for place, stride in zip(places, fid.strides, strict=False))
    for start in range(0, n_points, _POINTS):
        points = np.arange(start, min(start + _POINTS, n_points)) * (fid.strides[-1] // step)
        found[:, start : start + len(points)] = flat[points[:, None] + first].T
        release(fid)  # the system maps up to 2 MiB around each place that is touched
    return found
