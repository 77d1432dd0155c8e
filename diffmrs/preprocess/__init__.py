"""Steps between the scanner and the fit: pure functions of one FID, and of a whole spectroscopic image."""

from diffmrs.preprocess.alignment import Aligned, align_voxels, shift_and_phase
from diffmrs.preprocess.eddy_current import correct_eddy_currents
from diffmrs.preprocess.edited_alignment import align_edited
from diffmrs.preprocess.lipids import LipidOperator, apply_lipid_operator, line_loss, lipid_operator, suppress_lipids
from diffmrs.preprocess.masks import lipid_mask_from_data, mask_from_data
from diffmrs.preprocess.nuisances import LIPIDS, WATER, Unstable
from diffmrs.preprocess.peak_reference import CREATINE_CHOLINE, NAA, reference_peaks
from diffmrs.preprocess.registration import Offsets, register, take_off
from diffmrs.preprocess.robust_registration import Registered, register_robustly
from diffmrs.preprocess.water import remove_water

__all__ = [
    "CREATINE_CHOLINE",
    "LIPIDS",
    "NAA",
    "WATER",
    "Aligned",
    "LipidOperator",
    "Offsets",
    "Registered",
    "Unstable",
    "align_edited",
    "align_voxels",
    "apply_lipid_operator",
    "correct_eddy_currents",
    "line_loss",
    "lipid_mask_from_data",
    "lipid_operator",
    "mask_from_data",
    "reference_peaks",
    "register",
    "register_robustly",
    "remove_water",
    "shift_and_phase",
    "suppress_lipids",
    "take_off",
]
