"""Differentiable magnetic resonance spectroscopy: one signal model for simulation, fitting and uncertainty."""

from importlib.metadata import PackageNotFoundError, version

from diffmrs.axes import Acquisition, fid_of, spectrum_of
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fit import Bounds, Estimate, FitResult, LevenbergMarquardt, Status, fit, fit_fid, fit_table
from diffmrs.io import read_basis, read_data, write_nifti_mrs
from diffmrs.model import NoBaseline, Parameters, PolynomialBaseline, SignalModel, predict
from diffmrs.resample import resample

try:
    __version__ = version("diffmrs")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "Acquisition",
    "Basis",
    "Bounds",
    "Estimate",
    "FitResult",
    "InputError",
    "LevenbergMarquardt",
    "MRSData",
    "NoBaseline",
    "Parameters",
    "PolynomialBaseline",
    "SignalModel",
    "Status",
    "fid_of",
    "fit",
    "fit_fid",
    "fit_table",
    "predict",
    "read_basis",
    "read_data",
    "resample",
    "spectrum_of",
    "write_nifti_mrs",
]
