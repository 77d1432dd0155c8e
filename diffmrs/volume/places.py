"""Where voxels lie."""

import numpy as np

from diffmrs.data import Header
from diffmrs.io.volume import nifti_header_of
from diffmrs.results import Layout


def places_mm(layout: Layout, header: Header) -> np.ndarray:
    """Centre of each fitted spectrum's voxel; voxels are taken as 1 mm cubes where no file says. [spectra, 3]"""
    voxel = layout.voxel()
    source = nifti_header_of(header)
    if source is None:
        return voxel.astype(float)
    return voxel @ source.get_best_affine()[:3, :3].T
