"""The options of `diffmrs fit` about the model: what they are called, and what they may be."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diffmrs.errors import InputError

if TYPE_CHECKING:
    from diffmrs.fitting import ModelOptions

_HIGHEST_ORDER = 40
_SETS = ("none", "weak", "ratios")


@dataclass(frozen=True)
class ModelChoices:
    """The options, read but not yet turned into objects that need JAX."""

    baseline: tuple[str, float | None]
    priors: str
    lineshape: tuple[str, float]
    noise_scale: tuple[tuple[float, float, float], ...]
    inflate: bool


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--baseline",
        default="spline",
        metavar="KIND",
        help="spline (stiffness from the data), spline:D or causal-spline:D with D effective dimensions per ppm, "
        "causal-spline, poly:N or none (default %(default)s)",
    )
    model.add_argument(
        "--priors",
        default="ratios",
        metavar="none|weak|ratios|FILE",
        help="soft constraints: a ready set, or a JSON file (docs/priors.md) (default %(default)s)",
    )
    model.add_argument(
        "--lineshape",
        default="voigt",
        metavar="KIND",
        help="voigt, asymmetric, or kernel:HZ for a free kernel reaching that far to either side (default %(default)s)",
    )
    model.add_argument(
        "--noise-scale",
        type=float,
        nargs=3,
        action="append",
        default=[],
        metavar=("LO", "HI", "FACTOR"),
        help="from LO to HI ppm noise counts FACTOR times; may be repeated",
    )
    model.add_argument(
        "--inflate", action="store_true", help="let uncertainties grow where the residual exceeds the noise"
    )


def model_choices(arguments: argparse.Namespace) -> ModelChoices:
    """Check the options.

    Raises:
        InputError: one cannot be understood, or a file of constraints is not there.
    """
    priors: str = arguments.priors
    if priors not in _SETS and not Path(priors).is_file():
        raise InputError(f"--priors is {priors!r}; it must be {', '.join(_SETS)} or the name of a file")
    return ModelChoices(
        _baseline(arguments.baseline),
        priors,
        _lineshape(arguments.lineshape),
        tuple((low, high, factor) for low, high, factor in arguments.noise_scale),
        arguments.inflate,
    )


def model_options(choices: ModelChoices) -> "ModelOptions":
    """The options as the library takes them.

    Raises:
        InputError: a number is out of its range, or the file of constraints cannot be used.
    """
    from diffmrs.fitting import ModelOptions
    from diffmrs.model import Lineshape, NoBaseline, PolynomialBaseline, SplineBaseline
    from diffmrs.priors import read_priors

    kind, number = choices.baseline
    baseline: NoBaseline | PolynomialBaseline | SplineBaseline = NoBaseline()
    if kind == "poly":
        baseline = PolynomialBaseline(int(number or 0))
    elif kind != "none":
        baseline = SplineBaseline(number, causal=kind == "causal-spline")
    shape, reach = choices.lineshape
    lineshape = Lineshape(asymmetric=shape == "asymmetric", kernel_half_width_hz=reach)
    own = () if choices.priors in _SETS else read_priors(Path(choices.priors))
    return ModelOptions(
        baseline=baseline,
        priors=own or choices.priors,
        priors_source=f"set {own[0]} and those of the file {Path(choices.priors).name}" if own else "",
        lineshape=lineshape,
        noise_scale=choices.noise_scale,
        inflate=choices.inflate,
    )


def _baseline(text: str) -> tuple[str, float | None]:
    kind, colon, number = text.partition(":")
    if kind == "none" and not colon:
        return kind, None
    if kind == "poly" and number.isdecimal() and int(number) <= _HIGHEST_ORDER:
        return kind, float(number)
    if kind in ("spline", "causal-spline") and (not colon or _is_positive(number)):
        return kind, float(number) if colon else None
    raise InputError(
        f"--baseline is {text!r}; it must be none, poly:N with N from 0 to {_HIGHEST_ORDER}, spline, causal-spline, "
        "spline:D or causal-spline:D with D effective dimensions per ppm"
    )


def _lineshape(text: str) -> tuple[str, float]:
    kind, colon, number = text.partition(":")
    if kind in ("voigt", "asymmetric") and not colon:
        return kind, 0.0
    if kind == "kernel" and _is_positive(number):
        return kind, float(number)
    raise InputError(f"--lineshape is {text!r}; it must be voigt, asymmetric or kernel:HZ with HZ up to 60")


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False
