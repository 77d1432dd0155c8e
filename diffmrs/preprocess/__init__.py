"""Steps between the scanner and the fit: pure functions of one FID, and of a whole spectroscopic image."""

from diffmrs.preprocess.alignment import Aligned, align_voxels, shift_and_phase
from diffmrs.preprocess.eddy_current import correct_eddy_currents
from diffmrs.preprocess.lipids import LipidOperator, apply_lipid_operator, line_loss, lipid_operator, suppress_lipids
from diffmrs.preprocess.masks import lipid_mask_from_data, mask_from_data
from diffmrs.preprocess.oscillations import damped_oscillations
from diffmrs.preprocess.water import LIPIDS_PPM, WATER_PPM, remove_water, remove_water_from

__all__ = [
    "LIPIDS_PPM",
    "WATER_PPM",
    "Aligned",
    "LipidOperator",
    "align_voxels",
    "apply_lipid_operator",
    "correct_eddy_currents",
    "damped_oscillations",
    "line_loss",
    "lipid_mask_from_data",
    "lipid_operator",
    "mask_from_data",
    "remove_water",
    "remove_water_from",
    "shift_and_phase",
    "suppress_lipids",
]
