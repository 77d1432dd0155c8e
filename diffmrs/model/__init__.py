"""The signal model: lineshape, phases, baseline and their linear combination, with its derivative."""

from diffmrs.lineshape import voigt_decay, voigt_fwhm_hz
from diffmrs.model.band import Band
from diffmrs.model.baseline import Baseline, NoBaseline, PolynomialBaseline, SplineBaseline
from diffmrs.model.fisher import covariance_bound, fisher_information
from diffmrs.model.jacobian import predict_and_jacobian
from diffmrs.model.parameters import Parameters
from diffmrs.model.shape import Lineshape
from diffmrs.model.signal import (
    SignalModel,
    first_order_phase,
    model_for,
    parameters_for,
    predict,
    predict_baseline,
    predict_fid,
    predict_members,
    predict_metabolites,
)

__all__ = [
    "Band",
    "Baseline",
    "Lineshape",
    "NoBaseline",
    "Parameters",
    "PolynomialBaseline",
    "SignalModel",
    "SplineBaseline",
    "covariance_bound",
    "first_order_phase",
    "fisher_information",
    "model_for",
    "parameters_for",
    "predict",
    "predict_and_jacobian",
    "predict_baseline",
    "predict_fid",
    "predict_members",
    "predict_metabolites",
    "voigt_decay",
    "voigt_fwhm_hz",
]
