"""Tissue fractions of MRS voxels from segmented images: the mean of each map over the box that a voxel covers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diffmrs.errors import InputError
from diffmrs.io.volume import read_volume
from diffmrs.quantify.tissue import LEAST_TISSUE, TissueFractions

OPTION = "--tissue-maps"
_SAMPLES_PER_MAP_VOXEL = 2.0
_FEWEST, _MOST = 8, 64  # samples along an edge of the MRS voxel
_COVERED = 0.5  # of an MRS voxel must lie in brain for its fractions to stand for it


def fractions_from_maps(
    paths: Sequence[Path], affine: np.ndarray, voxels: np.ndarray
) -> tuple[TissueFractions, tuple[str, ...]]:
    """Mean fractions of grey matter, white matter and CSF in each voxel.

    A voxel is the box half an index to each side of its centre. It is sampled on a regular grid at least twice as
    fine as the map, and each sample takes the value of the map voxel it falls in. Outside a map all fractions are 0;
    what is missing to 1 (skull, air, the edge of the map) holds no water and is left out.

    Args:
        paths: the maps of GM, WM and CSF, values from 0 to 1, each on its own grid.
        affine: of the MRS data, voxel indices to mm. [4, 4]
        voxels: indices of the voxels. [spectra, 3]

    Returns:
        The fractions, and what the user should know. Voxels less than half of which lie in the maps, or that hold no
        tissue, have NaN.

    Raises:
        InputError: a file cannot be read, holds other values than fractions, or no voxel holds tissue.
    """
    names = ", ".join(path.name for path in paths)
    places, inverse = np.unique(voxels, axis=0, return_inverse=True)
    means = np.stack([_means(path, affine, places) for path in paths], axis=-1)  # [places, 3]
    total = means.sum(axis=-1)
    if (total > 1.05).any():
        raise InputError(f"{OPTION}: {names}: the fractions add up to {total.max():.3g} in a voxel, more than 1")
    inside, tissue = total >= _COVERED, means[:, 0] + means[:, 1] >= LEAST_TISSUE
    if not inside.any():
        raise InputError(
            f"{OPTION}: the data lie outside {names} (largest part covered: {100 * total.max():.0f} %); "
            "are the maps in the same space as the data?"
        )
    if not (inside & tissue).any():
        raise InputError(f"{OPTION}: {names}: no voxel holds tissue, so there is no tissue concentration")
    notes = []
    missed = (
        ((~inside).sum(), "lie mostly outside the maps"),
        ((inside & ~tissue).sum(), "hold no GM or WM"),
    )
    for count, reason in missed:
        if count:
            notes.append(f"{count} of {len(places)} voxels {reason} and got no concentrations.")
    if (np.abs(total[inside] - 1) > 0.01).any():
        notes.append(
            f"The tissue maps add up to between {total[inside].min():.2f} and {total[inside].max():.2f} in the "
            "voxels; the fractions were divided by their sum."
        )
    means = np.where((inside & tissue)[:, None], means / np.where(inside, total, 1.0)[:, None], np.nan)
    each = means[inverse.reshape(-1)]
    return TissueFractions(each[:, 0], each[:, 1], each[:, 2]), tuple(notes)


def geometry(header: Any) -> np.ndarray:
    """Affine of the MRS data, voxel indices to mm, [4, 4].

    Args:
        header: the nibabel header of the data, None when they were not NIfTI.

    Raises:
        InputError: there is no geometry.
    """
    if header is None or int(header["qform_code"]) == int(header["sform_code"]) == 0:
        raise InputError(
            f"{OPTION} needs data whose file says where the voxel lies: NIfTI-MRS with qform_code or sform_code above "
            "0; give the fractions as numbers with --tissue instead"
        )
    return np.asarray(header.get_best_affine(), dtype=float)


def _means(path: Path, affine: np.ndarray, places: np.ndarray) -> np.ndarray:
    values, map_affine = read_volume(path, OPTION, "a tissue map")
    if not np.isfinite(values).all() or values.min() < -1e-3 or values.max() > 1.001:
        raise InputError(f"{path}: holds values from {values.min():g} to {values.max():g}; fractions lie from 0 to 1")
    to_map = np.linalg.inv(map_affine) @ affine  # MRS voxel indices to map indices
    edges = np.linalg.norm(to_map[:3, :3], axis=0)  # of an MRS voxel, in map voxels
    counts = np.clip(np.ceil(_SAMPLES_PER_MAP_VOXEL * edges), _FEWEST, _MOST).astype(int)
    ticks = [(np.arange(count) + 0.5) / count - 0.5 for count in counts]
    offsets = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.array([_mean_in_box(values, to_map, place + offsets) for place in places])


def _mean_in_box(values: np.ndarray, to_map: np.ndarray, points: np.ndarray) -> float:
    index = np.floor(points @ to_map[:3, :3].T + to_map[:3, 3] + 0.5).astype(int)
    inside = ((index >= 0) & (index < values.shape)).all(axis=1)
    return float(values[tuple(index[inside].T)].sum() / len(points))
