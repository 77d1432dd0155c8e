"""Adiabatic full-passage pulses by formula: hyperbolic secant, FOCI, GOIA-WURST."""

import numpy as np

from diffmrs.errors import InputError
from diffmrs.spins.pulses.design import calibrated
from diffmrs.spins.rfpulse import RFPulse


def hyperbolic_secant_pulse(
    duration_s: float, bandwidth_hz: float, peak_b1_hz: float, *, truncation: float = 0.01, steps: int = 512
) -> RFPulse:
    r"""Hyperbolic secant (Silver, Joseph, Hoult 1985): $\mathrm{sech}(\beta t)$, swept as $\tanh(\beta t)$.

    Args:
        duration_s: duration, s.
        bandwidth_hz: range of the frequency sweep, Hz.
        peak_b1_hz: largest γB1/2π, Hz; well above `sqrt(bandwidth_hz / duration_s)` for full inversion.
        truncation: amplitude at both ends relative to the middle.
        steps: number of steps.

    Raises:
        InputError: an argument is out of range.
    """
    beta, t = _sech_time(truncation, steps)
    sweep = -0.5 * bandwidth_hz * np.tanh(beta * t)
    shape = _swept(1 / np.cosh(beta * t), sweep, duration_s)
    return calibrated(shape, duration_s, peak_b1_hz=peak_b1_hz, bandwidth_hz=bandwidth_hz, name="hyperbolic secant")


def foci_pulse(
    duration_s: float,
    bandwidth_hz: float,
    peak_b1_hz: float,
    *,
    factor: float = 10.0,
    truncation: float = 0.01,
    steps: int = 512,
) -> RFPulse:
    """C-shape FOCI (Ordidge et al., Magn Reson Med 1996;36:562): a hyperbolic secant stretched with its gradient.

    Amplitude, sweep and gradient are multiplied by cosh(βt), at most by `factor`.

    Args:
        duration_s: duration, s.
        bandwidth_hz: range of the frequency sweep at full gradient, Hz.
        peak_b1_hz: largest γB1/2π, Hz.
        factor: full gradient over the gradient in the middle.
        truncation: amplitude of the hyperbolic secant at both ends.
        steps: number of steps.

    Raises:
        InputError: an argument is out of range.
    """
    if factor < 1:
        raise InputError(f"FOCI factor is {factor}; it must be at least 1")
    beta, t = _sech_time(truncation, steps)
    stretch = np.minimum(np.cosh(beta * t), factor)
    gradient = stretch / stretch.max()
    sweep = -0.5 * bandwidth_hz * gradient * np.tanh(beta * t)
    shape = _swept(stretch / np.cosh(beta * t), sweep, duration_s)
    return calibrated(
        shape, duration_s, peak_b1_hz=peak_b1_hz, gradient=gradient, bandwidth_hz=bandwidth_hz, name="FOCI"
    )


def goia_wurst_pulse(
    duration_s: float,
    bandwidth_hz: float,
    peak_b1_hz: float,
    *,
    b1_order: int = 16,
    gradient_order: int = 4,
    gradient_depth: float = 0.9,
    steps: int = 512,
) -> RFPulse:
    r"""GOIA-W(16,4) (Andronesi et al., J Magn Reson 2010;203:283): offset-independent with a modulated gradient.

    With $s = |\sin(\pi t/T)|$, t from the middle: amplitude $1 - s^n$, gradient $1 - f + f s^m$, and a sweep for which
    every position passes resonance equally adiabatically, $\Delta\omega/G \propto \int B_1^2/G\,dt$.

    Args:
        duration_s: duration, s.
        bandwidth_hz: range of the frequency sweep at full gradient, Hz.
        peak_b1_hz: largest γB1/2π, Hz.
        b1_order: n.
        gradient_order: m.
        gradient_depth: f.
        steps: number of steps.

    Raises:
        InputError: an argument is out of range.
    """
    if not 0 <= gradient_depth < 1:
        raise InputError(f"gradient_depth is {gradient_depth}; it must be at least 0 and below 1")
    t = _middles(steps)
    s = np.abs(np.sin(np.pi * t / 2))
    b1 = 1 - s**b1_order
    gradient = (1 - gradient_depth) + gradient_depth * s**gradient_order
    passed = np.cumsum(b1**2 / gradient)
    passed = passed - 0.5 * b1**2 / gradient
    place = 1 - 2 * passed / (passed[0] + passed[-1])
    shape = _swept(b1, 0.5 * bandwidth_hz * gradient * place, duration_s)
    return calibrated(
        shape, duration_s, peak_b1_hz=peak_b1_hz, gradient=gradient, bandwidth_hz=bandwidth_hz, name="GOIA-WURST"
    )


def _sech_time(truncation: float, steps: int) -> tuple[float, np.ndarray]:
    if not 0 < truncation < 1:
        raise InputError(f"truncation is {truncation}; it must lie between 0 and 1")
    return float(np.arccosh(1 / truncation)), _middles(steps)


def _middles(steps: int) -> np.ndarray:
    """Middle of each step, from -1 to 1."""
    if steps < 16:
        raise InputError(f"steps is {steps}; an adiabatic pulse needs at least 16")
    return (2 * np.arange(steps) + 1) / steps - 1


def _swept(amplitude: np.ndarray, sweep_hz: np.ndarray, duration_s: float) -> np.ndarray:
    """Samples of a frequency-modulated pulse; the phase is that at the middle of each step, zero in the middle."""
    turns = (np.cumsum(sweep_hz) - 0.5 * sweep_hz) * duration_s / sweep_hz.size
    return amplitude * np.exp(2j * np.pi * (turns - turns[turns.size // 2]))
