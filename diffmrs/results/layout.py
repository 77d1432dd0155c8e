"""Where each fitted spectrum sat in the file: voxel and index in the extra dimensions."""

from dataclasses import dataclass

import numpy as np

from diffmrs.data import MRSData
from diffmrs.errors import InputError


@dataclass(frozen=True)
class Layout:
    """The leading axes of a file and which of its spectra were fitted.

    Attributes:
        space: voxels along x, y and z.
        extra: sizes of the extra dimensions.
        rows: which spectra were fitted, as indices into the flattened leading axes. [spectra]
    """

    space: tuple[int, int, int]
    extra: tuple[int, ...]
    rows: np.ndarray

    @property
    def is_mrsi(self) -> bool:
        """Whether there is more than one voxel."""
        return int(np.prod(self.space)) > 1

    @property
    def n_extra(self) -> int:
        """Spectra per voxel."""
        return int(np.prod(self.extra, dtype=int))

    def voxel(self) -> np.ndarray:
        """Voxel x, y and z of each fitted spectrum. [spectra, 3]"""
        return np.stack(np.unravel_index(self.rows // self.n_extra, self.space), axis=-1)

    def spectrum(self) -> np.ndarray:
        """Index of each fitted spectrum in the flattened extra dimensions. [spectra]"""
        return self.rows % self.n_extra

    @property
    def place_columns(self) -> tuple[str, ...]:
        """Names of the columns that say which spectrum a row is about."""
        return ("spectrum", "x", "y", "z") if self.is_mrsi else ("spectrum",)

    def places(self) -> list[list[str]]:
        """Cells of those columns for each fitted spectrum."""
        numbers = np.concatenate([self.spectrum()[:, None], self.voxel()], axis=1)
        return [[str(number) for number in row[: len(self.place_columns)]] for row in numbers]

    def volume(self, values: np.ndarray) -> np.ndarray:
        """Values of the fitted spectra put back in place, 0 elsewhere. [x, y, z, *extra], float32"""
        flat = np.zeros(int(np.prod(self.space)) * self.n_extra, np.float32)
        flat[self.rows] = values
        return flat.reshape(*self.space, *self.extra)


def layout_of(data: MRSData, mask: np.ndarray | None = None) -> Layout:
    """The layout of a measurement.

    Args:
        data: as read from a file, [x, y, z, *extra, points]; with fewer leading axes than three and no tags, all of
            them count as extra dimensions.
        mask: voxels to fit, those above 0. [x, y, z]

    Raises:
        InputError: the mask has another shape than the data, or selects nothing.
    """
    lead = data.fid.shape[:-1]
    n_space = len(lead) - len(data.dim_tags)
    from_file = n_space == 3
    space = lead[:3] if from_file else (1, 1, 1)
    extra = lead[3:] if from_file else lead
    layout = Layout((int(space[0]), int(space[1]), int(space[2])), tuple(extra), np.arange(data.n_spectra))
    if mask is None:
        return layout
    if mask.shape != layout.space:
        raise InputError(f"the mask has the shape {mask.shape}; the data have {layout.space} voxels")
    chosen = np.repeat((mask > 0).reshape(-1), layout.n_extra)
    if not chosen.any():
        raise InputError("the mask selects no voxel; at least one value must be above 0")
    return Layout(layout.space, layout.extra, np.flatnonzero(chosen))
