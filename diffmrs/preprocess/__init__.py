"""Steps between the scanner and the fit: pure functions of one FID, and of a whole spectroscopic image."""

from diffmrs.preprocess.alignment import Aligned, align_voxels, shift_and_phase
from diffmrs.preprocess.averaging import TransientWeights, transient_weights, weighted_mean
from diffmrs.preprocess.coil_noise import noise_covariance
from diffmrs.preprocess.coils import coil_weights, combine_coils, sensitivities_by_svd, sensitivities_from_water
from diffmrs.preprocess.eddy_current import correct_eddy_currents, correct_eddy_currents_smoothly, reference_mismatch
from diffmrs.preprocess.eddy_phase import smooth_eddy_phase
from diffmrs.preprocess.edited_alignment import align_edited
from diffmrs.preprocess.editing import Edited, edit_difference, edit_order, edit_sum, edited_pair
from diffmrs.preprocess.elementary import (
    apodise,
    apply_phase,
    remove_dc_offset,
    shift_frequency,
    shift_time,
    truncate,
    zero_fill,
)
from diffmrs.preprocess.lipids import LipidOperator, apply_lipid_operator, line_loss, lipid_operator, suppress_lipids
from diffmrs.preprocess.masks import lipid_mask_from_data, mask_from_data
from diffmrs.preprocess.nuisances import LIPIDS, WATER, Unstable
from diffmrs.preprocess.oscillations import damped_oscillations
from diffmrs.preprocess.peak_reference import CREATINE_CHOLINE, NAA, reference_peaks
from diffmrs.preprocess.registration import Offsets, register, take_off
from diffmrs.preprocess.robust_registration import Registered, register_robustly
from diffmrs.preprocess.spatial_filter import hamming_filter
from diffmrs.preprocess.water import LIPIDS_PPM, WATER_PPM, remove_water, remove_water_from

__all__ = [
    "CREATINE_CHOLINE",
    "LIPIDS",
    "LIPIDS_PPM",
    "NAA",
    "WATER",
    "WATER_PPM",
    "Aligned",
    "Edited",
    "LipidOperator",
    "Offsets",
    "Registered",
    "TransientWeights",
    "Unstable",
    "align_edited",
    "align_voxels",
    "apodise",
    "apply_lipid_operator",
    "apply_phase",
    "coil_weights",
    "combine_coils",
    "correct_eddy_currents",
    "correct_eddy_currents_smoothly",
    "damped_oscillations",
    "edit_difference",
    "edit_order",
    "edit_sum",
    "edited_pair",
    "hamming_filter",
    "line_loss",
    "lipid_mask_from_data",
    "lipid_operator",
    "mask_from_data",
    "noise_covariance",
    "reference_mismatch",
    "reference_peaks",
    "register",
    "register_robustly",
    "remove_dc_offset",
    "remove_water",
    "remove_water_from",
    "sensitivities_by_svd",
    "sensitivities_from_water",
    "shift_and_phase",
    "shift_frequency",
    "shift_time",
    "smooth_eddy_phase",
    "suppress_lipids",
    "take_off",
    "transient_weights",
    "truncate",
    "weighted_mean",
    "zero_fill",
]
