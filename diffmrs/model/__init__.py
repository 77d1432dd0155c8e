"""The signal model: lineshape, phases, baseline and their linear combination, with its derivative."""

from diffmrs.lineshape import voigt_decay, voigt_fwhm_hz
from diffmrs.model.baseline import Baseline, NoBaseline, PolynomialBaseline
from diffmrs.model.fisher import covariance_bound, fisher_information
from diffmrs.model.jacobian import predict_and_jacobian
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import (
    SignalModel,
    first_order_phase,
    model_for,
    predict,
    predict_baseline,
    predict_fid,
    predict_members,
)

__all__ = [
    "Baseline",
    "NoBaseline",
    "Parameters",
    "PolynomialBaseline",
    "SignalModel",
    "covariance_bound",
    "first_order_phase",
    "fisher_information",
    "model_for",
    "predict",
    "predict_and_jacobian",
    "predict_baseline",
    "predict_fid",
    "predict_members",
    "voigt_decay",
    "voigt_fwhm_hz",
]
