"""Files to containers and back."""

from diffmrs.io.lcmodel_basis import read_lcmodel_basis
from diffmrs.io.nifti_header import append_processing
from diffmrs.io.nifti_mrs import read_nifti_mrs, write_nifti_mrs

__all__ = ["append_processing", "read_lcmodel_basis", "read_nifti_mrs", "write_nifti_mrs"]
