"""Amplitude-modulated pulses by formula: sinc and Gaussian."""

import numpy as np

from diffmrs.errors import InputError
from diffmrs.spins.pulses.profile import full_width_half_maximum
from diffmrs.spins.rfpulse import RFPulse


def sinc_pulse(
    duration_s: float, flip_deg: float, *, lobes: int = 5, window: float = 0.46, steps: int = 256
) -> RFPulse:
    """A windowed sinc.

    Args:
        duration_s: duration, s.
        flip_deg: flip angle on resonance, degrees.
        lobes: zero crossings plus one: the time-bandwidth product is about `lobes + 1`.
        window: 0.46 for a Hamming window, 0.5 for Hann, 0 for none.
        steps: number of steps.

    Raises:
        InputError: duration, lobes or steps are out of range.
    """
    t = _centred(steps)
    shape = np.sinc((lobes + 1) * t) * ((1 - window) + window * np.cos(2 * np.pi * t))
    return calibrated(shape, duration_s, flip_deg=flip_deg, name="sinc")


def gaussian_pulse(duration_s: float, flip_deg: float, *, truncation: float = 0.01, steps: int = 256) -> RFPulse:
    """A Gaussian, the usual editing pulse.

    Args:
        duration_s: duration, s.
        flip_deg: flip angle on resonance, degrees.
        truncation: amplitude at both ends relative to the middle.
        steps: number of steps.

    Raises:
        InputError: an argument is out of range.
    """
    if not 0 < truncation < 1:
        raise InputError(f"truncation is {truncation}; it must lie between 0 and 1")
    shape = np.exp(np.log(truncation) * (2 * _centred(steps)) ** 2)
    return calibrated(shape, duration_s, flip_deg=flip_deg, name="Gaussian")


def calibrated(
    shape: np.ndarray,
    duration_s: float,
    *,
    flip_deg: float | None = None,
    peak_b1_hz: float | None = None,
    gradient: np.ndarray | None = None,
    bandwidth_hz: float | None = None,
    name: str = "pulse",
) -> RFPulse:
    """A pulse from samples of any scale.

    Args:
        shape: complex or real samples, [steps].
        duration_s: duration, s.
        flip_deg: flip angle on resonance, degrees: sets the amplitude of an amplitude-modulated pulse.
        peak_b1_hz: largest γB1/2π, Hz: sets the amplitude of an adiabatic pulse. Give one of the two.
        gradient: gradient in each step relative to the nominal one; constant when None.
        bandwidth_hz: full width at half maximum of the profile, Hz; measured on the pulse when None.
        name: for messages and figures.

    Raises:
        InputError: both or none of the amplitudes are given, or the samples add up to nothing.
    """
    samples = np.asarray(shape, dtype=complex)
    if (flip_deg is None) == (peak_b1_hz is None):
        raise InputError(f"{name} needs either flip_deg or peak_b1_hz to set its amplitude")
    if samples.ndim != 1 or samples.size < 1 or not np.isfinite(samples).all() or not samples.any():
        raise InputError(f"{name} has no usable samples; it needs finite ones that are not all zero")
    if flip_deg is not None:
        area = abs(samples.sum()) / samples.size * duration_s
        if area < 1e-6 * np.abs(samples).max() * duration_s:
            raise InputError(f"{name} has no net area; give peak_b1_hz, as for adiabatic pulses, instead of flip_deg")
        samples = samples * (flip_deg / 360.0) / area
    else:
        samples = samples / np.abs(samples).max() * peak_b1_hz
    played = np.ones(samples.size) if gradient is None else np.asarray(gradient, dtype=float)
    pulse = RFPulse(samples, duration_s, played, 0.0, name)
    if bandwidth_hz is None:
        bandwidth_hz = full_width_half_maximum(pulse, 180.0 if flip_deg is None else flip_deg)
    return RFPulse(samples, duration_s, played, bandwidth_hz, name)


def _centred(steps: int) -> np.ndarray:
    """Middle of each step, from -1/2 to 1/2 of the duration."""
    if steps < 4:
        raise InputError(f"steps is {steps}; a pulse needs at least 4")
    return (np.arange(steps) + 0.5) / steps - 0.5
