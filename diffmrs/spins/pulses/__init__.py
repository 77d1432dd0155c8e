"""Radio-frequency pulses: shapes, files and profiles."""

from diffmrs.spins.pulses.adiabatic import foci_pulse, goia_wurst_pulse, hyperbolic_secant_pulse
from diffmrs.spins.pulses.design import calibrated, gaussian_pulse, sinc_pulse
from diffmrs.spins.pulses.files import read_pulse
from diffmrs.spins.pulses.plot import plot_profile, plot_pulse
from diffmrs.spins.pulses.profile import (
    excitation_profile,
    full_width_half_maximum,
    inversion_profile,
    refocusing_profile,
)
from diffmrs.spins.pulses.slr import slr_pulse
from diffmrs.spins.rfpulse import RFPulse

__all__ = [
    "RFPulse",
    "calibrated",
    "excitation_profile",
    "foci_pulse",
    "full_width_half_maximum",
    "gaussian_pulse",
    "goia_wurst_pulse",
    "hyperbolic_secant_pulse",
    "inversion_profile",
    "plot_profile",
    "plot_pulse",
    "read_pulse",
    "refocusing_profile",
    "sinc_pulse",
    "slr_pulse",
]
