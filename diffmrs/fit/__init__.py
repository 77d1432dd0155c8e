"""Fitting: one FID, many FIDs, and the solver beneath."""

from diffmrs.fit.coordinates import Bounds
from diffmrs.fit.estimate import Estimate, FitTable, fit_fid, fit_table
from diffmrs.fit.fit import FitResult, fit
from diffmrs.fit.solver import LevenbergMarquardt, Solution, Status

__all__ = [
    "Bounds",
    "Estimate",
    "FitResult",
    "FitTable",
    "LevenbergMarquardt",
    "Solution",
    "Status",
    "fit",
    "fit_fid",
    "fit_table",
]
