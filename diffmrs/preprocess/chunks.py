"""Many spectra, a few at a time, so that memory does not grow with the volume."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Shaped

from diffmrs.data import MRSData
from diffmrs.errors import InputError

CHUNK = 512  # spectra; of 2048 points a handful of complex arrays of that many take about 50 MB


def chunks_of(
    *stacks: Shaped[np.ndarray, "spectra ..."], chunk: int = CHUNK
) -> Iterator[tuple[slice, list[jax.Array]]]:
    """Equal pieces of stacks of rows, as device arrays; the last one is filled up with zeros, so that one compiled
    function serves them all.

    Yields:
        The rows of the piece, and the pieces; rows past the last are to be thrown away.
    """
    count = len(stacks[0])
    size = min(chunk, count)
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        pieces = [stack[rows] for stack in stacks]
        missing = size - (rows.stop - start)
        yield rows, [jnp.asarray(np.pad(piece, [(0, missing)] + [(0, 0)] * (piece.ndim - 1))) for piece in pieces]


def in_chunks(one_chunk: Callable[..., Any], *stacks: Shaped[np.ndarray, "spectra ..."], chunk: int = CHUNK) -> Any:
    """Apply a function of arrays with the spectra along the first axis; the results, a tree, come back in NumPy."""
    found = []
    for rows, pieces in chunks_of(*stacks, chunk=chunk):
        found.append(jax.tree.map(lambda leaf, n=rows.stop - rows.start: np.asarray(leaf)[:n], one_chunk(*pieces)))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *found)


def rows_of(data: MRSData) -> np.ndarray:
    """The FIDs in one row each, where spectra with NaN or infinite samples are zeros. [spectra, points]"""
    rows = np.asarray(data.spectra)
    finite = np.isfinite(rows).all(axis=-1)
    return rows if finite.all() else np.where(finite[:, None], rows, 0)


def spectra_in(mask: Bool[np.ndarray, "..."], data: MRSData) -> Bool[np.ndarray, " spectra"]:
    """Which rows belong to the voxels of a mask."""
    leading = data.fid.shape[:-1]
    return np.broadcast_to(mask.reshape(*mask.shape, *(1,) * (len(leading) - 3)), leading).reshape(-1)


def check_volume(data: MRSData) -> tuple[int, int, int]:
    """The three spatial axes of a 1H volume.

    Raises:
        InputError: the data are no volume, or not of 1H.
    """
    space = data.fid.shape[: data.fid.ndim - 1 - len(data.dim_tags)]
    if len(space) != 3:
        raise InputError(
            f"data of shape {tuple(data.fid.shape)} with {len(data.dim_tags)} tagged dimensions are not a volume; "
            "[x, y, z, ..., points] is needed, with one tag for each dimension between z and points"
        )
    if data.acquisition.nucleus != "1H":
        raise InputError(f"this step knows the spectrum of 1H only; the data are of {data.acquisition.nucleus}")
    return space


def check_mask(mask: Bool[np.ndarray, "..."], data: MRSData, what: str) -> None:
    """Refuse a mask of another shape than the volume, or one of nothing."""
    space = check_volume(data)
    if mask.shape != space:
        raise InputError(f"{what} has the shape {mask.shape}, but the volume {space}")
    if not mask.any():
        raise InputError(f"{what} holds no voxel")
