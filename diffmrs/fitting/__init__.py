"""Fitting: one FID, many FIDs, and the solver beneath."""

from diffmrs.fitting.coordinates import Bounds
from diffmrs.fitting.estimate import Estimate, FitTable, fit_fid, fit_table
from diffmrs.fitting.fit import FitResult, fit
from diffmrs.fitting.options import ModelOptions
from diffmrs.fitting.solver import LevenbergMarquardt, Solution, Status

__all__ = [
    "Bounds",
    "Estimate",
    "FitResult",
    "FitTable",
    "LevenbergMarquardt",
    "ModelOptions",
    "Solution",
    "Status",
    "fit",
    "fit_fid",
    "fit_table",
]
