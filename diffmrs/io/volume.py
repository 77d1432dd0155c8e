"""Ordinary NIfTI images of one real number per voxel: masks and tissue maps; and where the voxels of MRS data lie."""

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from diffmrs.data import Header
from diffmrs.errors import InputError


def read_volume(path: str | os.PathLike[str], option: str, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a NIfTI image.

    Args:
        path: the file.
        option: where the user named it, for error messages.
        what: what it is, for error messages ("a mask").

    Returns:
        Its values, [x, y, z], and its affine, [4, 4], voxels to mm.

    Raises:
        InputError: no such file, not a NIfTI image, complex, or not of three dimensions.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file; {option} takes a NIfTI image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Any = nib.load(file)
            values = np.asarray(image.dataobj)
    except (ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{file}: not a readable NIfTI image ({' '.join(str(error).split())})") from None
    if np.iscomplexobj(values) or values.dtype.fields is not None:
        raise InputError(f"{file}: holds values of type {values.dtype}; {what} holds real numbers")
    shape = values.shape + (1,) * (3 - values.ndim)
    if int(np.prod(shape[3:])) != 1:
        raise InputError(f"{file}: has the shape {values.shape}; {what} has three dimensions")
    return values.reshape(shape[:3]), np.asarray(image.affine)


def nifti_header_of(header: Header) -> Any:
    """The nibabel header of MRS data, with their geometry; None when they did not come from NIfTI."""
    if header.nifti is None:
        return None
    sizes = struct.unpack("<i", header.nifti[:4]) + struct.unpack(">i", header.nifti[:4])
    return (nib.Nifti1Header if 348 in sizes else nib.Nifti2Header)(header.nifti)
