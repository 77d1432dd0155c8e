"""Differentiable magnetic resonance spectroscopy: one signal model for simulation, fitting and uncertainty."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffmrs.axes import Acquisition, fid_of, spectrum_of
    from diffmrs.data import Basis, MRSData
    from diffmrs.errors import InputError
    from diffmrs.fitting import (
        Bounds,
        Estimate,
        FitResult,
        LevenbergMarquardt,
        ModelOptions,
        Status,
        fit,
        fit_fid,
        fit_table,
    )
    from diffmrs.io import read_basis, read_data, write_nifti_mrs
    from diffmrs.model import (
        Lineshape,
        NoBaseline,
        Parameters,
        PolynomialBaseline,
        SignalModel,
        SplineBaseline,
        predict,
    )
    from diffmrs.plot import fit_figure, plot_fit
    from diffmrs.priors import ParameterPrior, RatioPrior
    from diffmrs.provenance import __version__
    from diffmrs.resampling import resample
    from diffmrs.volume import VolumeFit, fit_volume

__all__ = [
    "Acquisition",
    "Basis",
    "Bounds",
    "Estimate",
    "FitResult",
    "InputError",
    "LevenbergMarquardt",
    "Lineshape",
    "MRSData",
    "ModelOptions",
    "NoBaseline",
    "ParameterPrior",
    "Parameters",
    "PolynomialBaseline",
    "RatioPrior",
    "SignalModel",
    "SplineBaseline",
    "Status",
    "VolumeFit",
    "__version__",
    "fid_of",
    "fit",
    "fit_fid",
    "fit_figure",
    "fit_table",
    "fit_volume",
    "plot_fit",
    "predict",
    "read_basis",
    "read_data",
    "resample",
    "spectrum_of",
    "write_nifti_mrs",
]

# Looked up when first used, so that `diffmrs --help` does not wait for JAX.
_NAMES_OF = {
    "axes": ("Acquisition", "fid_of", "spectrum_of"),
    "data": ("Basis", "MRSData"),
    "errors": ("InputError",),
    "fitting": (
        "Bounds",
        "Estimate",
        "FitResult",
        "LevenbergMarquardt",
        "ModelOptions",
        "Status",
        "fit",
        "fit_fid",
        "fit_table",
    ),
    "io": ("read_basis", "read_data", "write_nifti_mrs"),
    "model": (
        "Lineshape",
        "NoBaseline",
        "Parameters",
        "PolynomialBaseline",
        "SignalModel",
        "SplineBaseline",
        "predict",
    ),
    "plot": ("fit_figure", "plot_fit"),
    "priors": ("ParameterPrior", "RatioPrior"),
    "provenance": ("__version__",),
    "resampling": ("resample",),
    "volume": ("VolumeFit", "fit_volume"),
}
_HOME_OF = {name: f"diffmrs.{module}" for module, names in _NAMES_OF.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'diffmrs' has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(_HOME_OF[name]), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
