"""Figures of pulses."""

from typing import Any

import numpy as np

from diffmrs.spins.pulses.profile import excitation_profile, inversion_profile, refocusing_profile
from diffmrs.spins.rfpulse import RFPulse


def plot_profile(pulse: RFPulse, ax: Any = None, *, width_hz: float | None = None, b1_scale: float = 1.0) -> Any:
    """Excitation, inversion and refocusing profile of a pulse along its slice.

    Args:
        pulse: the pulse.
        ax: matplotlib axes; new ones when None.
        width_hz: range of offsets, Hz; three times the bandwidth when None.
        b1_scale: factor on the amplitude.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    width = width_hz or 3 * float(np.asarray(pulse.bandwidth_hz)) or 20 / float(np.asarray(pulse.duration_s))
    offset = np.linspace(-width / 2, width / 2, 401)
    for label, profile in (
        ("excitation |Mxy|", excitation_profile),
        ("inversion Mz", inversion_profile),
        ("refocusing", refocusing_profile),
    ):
        values = np.asarray(profile(pulse, offset, b1_scale=b1_scale, along_slice=True))
        ax.plot(offset, np.abs(values) if np.iscomplexobj(values) else values, label=label)
    ax.set(xlabel="offset / Hz", title=pulse.name, ylim=(-1.05, 1.05))
    ax.legend(loc="lower right", fontsize="small")
    return ax


def plot_pulse(pulse: RFPulse, ax: Any = None) -> Any:
    """Amplitude and gradient of a pulse against time; matplotlib axes are returned, new ones when `ax` is None."""
    ax = _axes(ax)
    time = (np.arange(pulse.n_steps) + 0.5) * 1e3 * float(np.asarray(pulse.step_s))
    b1 = np.abs(np.asarray(pulse.b1_hz))
    ax.plot(time, b1, label="amplitude / Hz")
    ax.plot(time, np.asarray(pulse.gradient) * b1.max(), "--", label="gradient, relative")
    ax.set(xlabel="time / ms", title=pulse.name)
    ax.legend(fontsize="small")
    return ax


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(layout="constrained").add_subplot()
