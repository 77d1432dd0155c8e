"""Shinnar-Le Roux pulses, designed by SigPy (optional: `pip install 'diffmrs[pulses]'`)."""

import importlib
from typing import Any, Literal

import numpy as np

from diffmrs.errors import InputError
from diffmrs.spins.pulses.profile import full_width_half_maximum
from diffmrs.spins.rfpulse import RFPulse

# What SigPy calls each kind of pulse and filter, and the flip angle in degrees whose profile sets the bandwidth.
_KINDS = {
    "excitation": ("ex", 90.0),
    "saturation": ("sat", 90.0),
    "refocusing": ("se", 180.0),
    "inversion": ("inv", 180.0),
}
_FILTERS = {"least squares": "ls", "equiripple": "pm", "minimum phase": "min", "maximum phase": "max", "sinc": "ms"}


def slr_pulse(
    duration_s: float,
    kind: Literal["excitation", "saturation", "refocusing", "inversion"],
    *,
    time_bandwidth: float = 6.0,
    filter_design: Literal["least squares", "equiripple", "minimum phase", "maximum phase", "sinc"] = "least squares",
    passband_ripple: float = 0.01,
    stopband_ripple: float = 0.01,
    steps: int = 256,
) -> RFPulse:
    """A pulse by the Shinnar-Le Roux transform (Pauly et al., IEEE Trans Med Imaging 1991;10:53), from SigPy.

    Args:
        duration_s: duration, s.
        kind: what it is for: 90° excitation or saturation, 180° refocusing (between crushers) or inversion.
        time_bandwidth: duration times bandwidth of the filter, no unit.
        filter_design: how the filter is found.
        passband_ripple: allowed in the passband, relative to full magnetisation.
        stopband_ripple: allowed in the stopband, relative to full magnetisation.
        steps: number of steps.

    Raises:
        InputError: SigPy is not installed, or an argument is out of range.
    """
    if kind not in _KINDS:
        raise InputError(f"kind is {kind!r}; it must be one of {', '.join(_KINDS)}")
    if filter_design not in _FILTERS:
        raise InputError(f"filter_design is {filter_design!r}; it must be one of {', '.join(_FILTERS)}")
    if steps < 16 or steps % 2 or not 1 <= time_bandwidth <= steps / 4:
        raise InputError(
            f"an SLR pulse has {steps} steps and a time-bandwidth product of {time_bandwidth:g}; steps must be even "
            "and at least 16, the product between 1 and a quarter of them"
        )
    for name, ripple in (("passband_ripple", passband_ripple), ("stopband_ripple", stopband_ripple)):
        if not 0 < ripple < 0.5:
            raise InputError(f"{name} is {ripple}; it must lie between 0 and 0.5")
    letters, flip_deg = _KINDS[kind]
    design = _sigpy().dzrf(steps, time_bandwidth, letters, _FILTERS[filter_design], passband_ripple, stopband_ripple)
    # SigPy gives the angle of each step in radians, about x up to a phase that the whole pulse shares.
    angle = np.asarray(design, dtype=complex)
    angle = angle * np.exp(-1j * np.angle(angle.sum()))
    samples, constant = angle * steps / (2 * np.pi * duration_s), np.ones(steps)
    name = f"SLR {kind}"
    width = full_width_half_maximum(RFPulse(samples, duration_s, constant, 0.0, name), flip_deg)
    return RFPulse(samples, duration_s, constant, width, name)


def _sigpy() -> Any:
    try:
        return importlib.import_module("sigpy.mri.rf.slr")
    except ImportError as error:
        raise InputError(
            "slr_pulse needs SigPy, which is not installed: pip install 'diffmrs[pulses]', or read a pulse from a file "
            "with read_pulse"
        ) from error
