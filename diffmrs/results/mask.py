"""A mask: an image whose voxels above 0 are to be fitted."""

import os
import warnings
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from diffmrs.errors import InputError


def read_mask(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read a NIfTI mask.

    Returns:
        Its values, [x, y, z], and its affine, [4, 4], voxels to mm.

    Raises:
        InputError: no such file, not a NIfTI image, or not of three dimensions.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file; --mask takes a NIfTI image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Any = nib.load(file)
            values = np.asarray(image.dataobj)
    except (ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{file}: not a readable NIfTI image ({' '.join(str(error).split())})") from None
    if np.iscomplexobj(values) or values.dtype.fields is not None:
        raise InputError(f"{file}: holds values of type {values.dtype}; a mask holds real numbers")
    shape = values.shape + (1,) * (3 - values.ndim)
    if int(np.prod(shape[3:])) != 1:
        raise InputError(f"{file}: has the shape {values.shape}; a mask has three dimensions")
    return values.reshape(shape[:3]), np.asarray(image.affine)
