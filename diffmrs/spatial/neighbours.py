"""Which voxels of an image touch: tables of neighbours, so that no voxel outside of the mask costs anything."""

from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from diffmrs.errors import InputError
from diffmrs.fitting import FitResult
from diffmrs.results.layout import Layout


class Neighbours(NamedTuple):
    """A graph of voxels; what is absent has the number 0 and counts 0.

    The sides come in pairs, there and back: the way back along side j is side j ^ 1.
    """

    number: Int[Array, "voxels sides"]
    present: Float[Array, "voxels sides"]

    @property
    def degree(self) -> Float[Array, " voxels"]:
        """How many neighbours each voxel has."""
        return self.present.sum(axis=1)

    def among(self, good: Float[Array, " voxels"]) -> "Neighbours":
        """The graph without the voxels where `good` is 0."""
        return Neighbours(self.number, self.present * good[:, None] * good[self.number])

    def to_neighbours(self, values: Float[Array, "voxels k"]) -> Float[Array, "voxels k"]:
        """Sum of the values of each voxel's neighbours."""
        return jnp.sum(self.present[:, :, None] * values[self.number], axis=1)


def faces(places: np.ndarray) -> Neighbours:
    """Voxels that share a face: up to six, or four in a plane.

    Args:
        places: x, y, z of each voxel, and further columns that neighbours share. [voxels, 3 or more]
    """
    steps = np.zeros((6, places.shape[1]), int)
    steps[np.arange(6), np.arange(6) // 2] = (1, -1) * 3
    return _graph(places, steps)


def surround(places: np.ndarray) -> Neighbours:
    """Voxels that share at least a corner: up to 26, or eight in a plane."""
    half = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
    steps = np.zeros((26, places.shape[1]), int)
    steps[0::2, :3], steps[1::2, :3] = half, -np.array(half)
    return _graph(places, steps)


def places_of(result: FitResult, layout: Layout | None, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Where the spectra of a result sit.

    Args:
        result: its leading axes are x, y, z (or the first of these) and the extra dimensions, unless there is a layout.
        layout: of a result with one row per spectrum.
        mask: voxels that count, those above 0. [x, y, z], or the axes of space that the result has

    Returns:
        Rows of the flattened result that lie in the mask, and x, y, z and extra index of each.

    Raises:
        InputError: shapes do not go together, or the mask selects nothing.
    """
    lead = result.data.fid.shape[:-1]
    if layout is not None:
        if layout.rows.size != result.data.n_spectra:
            raise InputError(f"the layout has {layout.rows.size} spectra; the result has {result.data.n_spectra}")
        places = np.concatenate([layout.voxel(), layout.spectrum()[:, None]], axis=1)
        space: tuple[int, ...] = layout.space
    else:
        n_space = len(lead) - len(result.data.dim_tags)
        if not 1 <= n_space <= 3:
            raise InputError(
                f"the result has {n_space} axes in space (shape {lead}); a map has 1 to 3, or say where its rows "
                "belong with layout="
            )
        space, sheets = lead[:n_space], int(np.prod(lead[n_space:], dtype=int))
        number = np.arange(result.data.n_spectra)
        voxel = np.stack(np.unravel_index(number // sheets, space), axis=-1)
        places = np.zeros((number.size, 4), int)
        places[:, :n_space], places[:, 3] = voxel, number % sheets
    if mask is None:
        return np.arange(len(places)), places
    if mask.shape != space:
        raise InputError(f"the mask has the shape {mask.shape}; the result has {space} voxels")
    inside = np.asarray(mask > 0)[tuple(places[:, : len(space)].T)]
    if not inside.any():
        raise InputError("the mask selects no voxel of the result; at least one value must be above 0")
    return np.flatnonzero(inside), places[inside]


def _graph(places: np.ndarray, steps: np.ndarray) -> Neighbours:
    low = places.min(axis=0) - 1
    shape = tuple(places.max(axis=0) - low + 2)
    number = np.full(shape, -1)
    number[tuple((places - low).T)] = np.arange(len(places))
    found = np.stack([number[tuple((places - low + step).T)] for step in steps], axis=1)
    real = jax.dtypes.canonicalize_dtype(float)
    return Neighbours(jnp.asarray(np.maximum(found, 0)), jnp.asarray(found >= 0, real))
