"""The mask: an image whose voxels above 0 are to be fitted."""

import os

import numpy as np

from diffmrs.io.volume import read_volume


def read_mask(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read a NIfTI mask.

    Returns:
        Its values, [x, y, z], and its affine, [4, 4], voxels to mm.

    Raises:
        InputError: no such file, not a NIfTI image, or not of three dimensions.
    """
    return read_volume(path, "--mask", "a mask")
