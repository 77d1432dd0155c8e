"""Files to containers and back: NIfTI-MRS, LCModel, jMRUI and FSL-MRS. Plain NumPy; every reader converts the sign."""

from diffmrs.io.dispatch import read_basis, read_data, write_basis
from diffmrs.io.fsl_json import read_fsl_basis, write_fsl_basis
from diffmrs.io.jmrui import read_jmrui, read_jmrui_basis, write_jmrui
from diffmrs.io.lcmodel_basis import read_lcmodel_basis
from diffmrs.io.lcmodel_raw import read_lcmodel_raw, write_lcmodel_raw
from diffmrs.io.lcmodel_write import write_lcmodel_basis
from diffmrs.io.nifti_header import append_processing, dynamic_values
from diffmrs.io.nifti_mrs import read_nifti_mrs, write_nifti_mrs
from diffmrs.io.nifti_slabs import header_at, write_nifti_mrs_slabs
from diffmrs.io.reference_singlet import has_reference_singlet, remove_reference_singlet

__all__ = [
    "append_processing",
    "dynamic_values",
    "has_reference_singlet",
    "header_at",
    "read_basis",
    "read_data",
    "read_fsl_basis",
    "read_jmrui",
    "read_jmrui_basis",
    "read_lcmodel_basis",
    "read_lcmodel_raw",
    "read_nifti_mrs",
    "remove_reference_singlet",
    "write_basis",
    "write_fsl_basis",
    "write_jmrui",
    "write_lcmodel_basis",
    "write_lcmodel_raw",
    "write_nifti_mrs",
    "write_nifti_mrs_slabs",
]
