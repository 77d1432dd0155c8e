"""How the slices of a volume lie on paper: radiological convention, from the affine."""

from dataclasses import dataclass

import nibabel as nib
import numpy as np

_LETTERS = ("RL", "AP", "SI")  # of the positive and the negative end of each world axis (NIfTI: RAS)
_PLANES = ("sagittal", "coronal", "axial")  # by the world axis that runs through the slices
_UNKNOWN = "Orientation unknown: voxel {0} runs to the right, voxel {1} upwards."
_KNOWN = "Radiological convention ({plane} slices): {left} is on the left, {top} at the top."
_SIDES = {"R": "the patient's right", "A": "anterior", "S": "superior"}


@dataclass(frozen=True)
class View:
    """Which voxel axis runs where on paper.

    Attributes:
        across: voxel axis from left to right.
        down: voxel axis from top to bottom.
        through: voxel axis from slice to slice.
        flip_across: whether the voxel index falls from left to right.
        flip_down: whether the voxel index falls from top to bottom.
        letters: of the patient's sides at left, right, top and bottom; empty when unknown.
        aspect: height of a voxel over its width.
        note: the convention in words.
    """

    across: int
    down: int
    through: int
    flip_across: bool
    flip_down: bool
    letters: str
    aspect: float
    note: str

    def picture(self, volume: np.ndarray, index: int) -> np.ndarray:
        """One slice of a volume as rows from the top and columns from the left."""
        plane = np.moveaxis(volume, (self.down, self.across, self.through), (0, 1, 2))[:, :, index]
        return plane[:: -1 if self.flip_down else 1, :: -1 if self.flip_across else 1]


def view_of(shape: tuple[int, int, int], affine: np.ndarray | None = None) -> View:
    """The view of a volume.

    Slices lie along the third axis, or along an axis of a single voxel when there is one. On screen, right, anterior
    and superior come first: the patient's right on the left of axial and coronal slices, anterior at the top of
    axial and on the left of sagittal ones.

    Args:
        shape: voxels along x, y and z.
        affine: voxels to mm, RAS as in NIfTI, [4, 4]; unknown when absent.
    """
    through = max((axis for axis in range(3) if shape[axis] == 1), default=2)
    first, second = (axis for axis in range(3) if axis != through)
    world = None if affine is None or not np.isfinite(affine).all() else nib.orientations.io_orientation(affine)
    if affine is None or world is None or not np.isfinite(world).all():
        note = _UNKNOWN.format("xyz"[first], "xyz"[second])
        return View(first, second, through, False, True, "", 1.0, note)
    across, down = sorted((first, second), key=lambda axis: float(world[axis, 0]))
    left, top = _LETTERS[int(world[across, 0])], _LETTERS[int(world[down, 0])]
    size_mm = np.linalg.norm(affine[:3, :3], axis=0)
    note = _KNOWN.format(plane=_PLANES[int(world[through, 0])], left=_SIDES[left[0]], top=_SIDES[top[0]])
    tilted = np.abs(affine[:3, :3] / size_mm).max(axis=0).min() < 0.999
    return View(
        across=across,
        down=down,
        through=through,
        flip_across=bool(world[across, 1] > 0),
        flip_down=bool(world[down, 1] > 0),
        letters=left + top,
        aspect=float(size_mm[down] / size_mm[across]),
        note=note + (" The slices are oblique: sides are the nearest ones." if tilted else ""),
    )


def robust_limits(values: np.ndarray) -> tuple[float, float]:
    """Ends of a colour scale: 2nd and 98th percentile of what is finite, never equal; 0 and 1 of nothing."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(finite, (2, 98)))
    if high - low > 1e-6 * max(abs(low), abs(high)):
        return low, high
    room = 0.05 * abs(low) or 0.5
    return low - room, high + room
