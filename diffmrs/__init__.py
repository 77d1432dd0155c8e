"""Differentiable magnetic resonance spectroscopy: one signal model for simulation, fitting and uncertainty."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffmrs.axes import Acquisition, fid_of, spectrum_of
    from diffmrs.data import Basis, MRSData
    from diffmrs.errors import InputError
    from diffmrs.fit import Bounds, Estimate, FitResult, LevenbergMarquardt, Status, fit, fit_fid, fit_table
    from diffmrs.io import read_basis, read_data, write_nifti_mrs
    from diffmrs.model import NoBaseline, Parameters, PolynomialBaseline, SignalModel, predict
    from diffmrs.provenance import __version__
    from diffmrs.resample import resample

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
    "__version__",
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

_NAMES_OF = {
    "axes": ("Acquisition", "fid_of", "spectrum_of"),
    "data": ("Basis", "MRSData"),
    "errors": ("InputError",),
    "fit": ("Bounds", "Estimate", "FitResult", "LevenbergMarquardt", "Status", "fit", "fit_fid", "fit_table"),
    "io": ("read_basis", "read_data", "write_nifti_mrs"),
    "model": ("NoBaseline", "Parameters", "PolynomialBaseline", "SignalModel", "predict"),
    "provenance": ("__version__",),
    "resample": ("resample",),
}
_HOME_OF = {name: f"diffmrs.{module}" for module, names in _NAMES_OF.items() for name in names}


class _LazyPackage(ModuleType):
    """Looks a public name up when it is first used, so that `diffmrs --help` does not wait for JAX.

    `fit` and `resample` are modules as well as functions in them. Here they mean the functions: an import of the
    module must not put it in their place.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module 'diffmrs' has no attribute {name!r}")
        return self.__dict__.setdefault(name, getattr(import_module(_HOME_OF[name]), name))

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *_HOME_OF})


sys.modules[__name__].__class__ = _LazyPackage
