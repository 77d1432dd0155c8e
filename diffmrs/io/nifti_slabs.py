"""NIfTI-MRS volumes that are written slice by slice, so that they never need to be in memory as a whole."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.io.nifti_mrs import STANDARD, nifti_image


def header_at(affine: np.ndarray, acquisition: Acquisition, source: str = "") -> Header:
    """A header for data that were not read from a file, with the place of their voxels.

    Args:
        affine: voxel indices to mm, right, front and top positive. [4, 4]
        acquisition: sampling of the data.
        source: what they are.
    """
    image = nib.Nifti2Header()
    image.set_data_dtype(np.complex64)
    image.set_data_shape((1, 1, 1, 16))
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    image["pixdim"][4] = acquisition.dwell_time_s
    image.set_xyzt_units("mm", "sec")
    image["intent_name"] = STANDARD
    meta = {
        "SpectrometerFrequency": [acquisition.spectrometer_frequency_mhz],
        "ResonantNucleus": [acquisition.nucleus],
    }
    return Header(json.dumps(meta), image.binaryblock, (), source)


def write_nifti_mrs_slabs(
    path: str | os.PathLike[str],
    shape: tuple[int, int, int, int],
    acquisition: Acquisition,
    header: Header,
    slabs: Iterable[np.ndarray],
) -> None:
    """Write an uncompressed NIfTI-MRS volume of complex64 FIDs, byte by byte as `write_nifti_mrs` would write it.

    Args:
        path: ends in `.nii`.
        shape: voxels along x, y and z, and points.
        acquisition: sampling.
        header: what else the file shall say.
        slabs: the slices along z, from the first to the last. Each [x, y, points], complex64

    Raises:
        InputError: wrong ending, slices of a wrong shape, type or number, or a folder that cannot be written.
    """
    target = Path(path)
    if not target.name.endswith(".nii"):
        raise InputError(f"{target}: slices are written into an uncompressed file; call it *.nii")
    nx, ny, nz, points = shape
    # All zeros without memory of their own: the header wants to know only shape and type.
    nothing = np.broadcast_to(np.zeros((), np.complex64), shape)
    image = nifti_image(MRSData(nothing, acquisition, header=header), str(target))
    image.header.set_slope_inter(1.0, 0.0)
    with atomic_write(target) as stream:
        image.header.write_to(stream)
        start, written = image.header.get_data_offset(), 0
        for slab in slabs:
            if slab.shape != (nx, ny, points) or slab.dtype != np.complex64 or written == nz:
                raise InputError(
                    f"{target}: slice {written} is {slab.dtype} of shape {slab.shape}; "
                    f"wanted are {nz} of complex64 and shape {(nx, ny, points)}"
                )
            # In the file x runs fastest, then y, z and time: a slice is one piece per point.
            pieces = np.ascontiguousarray(slab.T, np.dtype("<c8"))
            for point, piece in enumerate(pieces):
                stream.seek(start + 8 * nx * ny * (point * nz + written))
                stream.write(piece.tobytes())
            written += 1
        if written != nz:
            raise InputError(f"{target}: there were {written} slices of {nz}")
