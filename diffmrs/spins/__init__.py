"""Spin systems, pulses and sequences: basis sets from first principles, differentiable."""

from diffmrs.spins.basis import BRAIN, simulate_basis
from diffmrs.spins.events import CoherenceFilter, Delay, Event, Gradient, Pulse, Sequence, ShapedPulse
from diffmrs.spins.library import Metabolite, SpinGroup, describe, metabolite, metabolite_names, spin_group, variants
from diffmrs.spins.play import Grid

__all__ = [
    "BRAIN", "CoherenceFilter", "Delay", "Event", "Gradient", "Grid", "Metabolite", "Pulse", "Sequence", "ShapedPulse",
    "SpinGroup", "describe", "metabolite", "metabolite_names", "simulate_basis", "spin_group", "variants",
]  # fmt: skip
