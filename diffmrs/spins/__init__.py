"""Spin systems, pulses and sequences: basis sets from first principles, differentiable."""

from diffmrs.spins.basis import BRAIN, simulate_basis
from diffmrs.spins.editing import HERMES, MEGA, editing_pulse, hermes, mega, mega_press, mega_slaser, simulate_edited
from diffmrs.spins.events import CoherenceFilter, Delay, Event, Gradient, Pulse, Sequence, ShapedPulse
from diffmrs.spins.library import Metabolite, SpinGroup, describe, metabolite, metabolite_names, spin_group, variants
from diffmrs.spins.macromolecules import MacromoleculeSet, macromolecule_basis, macromolecule_sets, macromolecules
from diffmrs.spins.play import Grid
from diffmrs.spins.protocols import PROTOCOLS, Protocol, protocol
from diffmrs.spins.rfpulse import RFPulse
from diffmrs.spins.sequences import press, pulse_acquire, slaser, special, spin_echo, steam
from diffmrs.spins.spectrum import SpectralLines, simulate_lines
from diffmrs.spins.water import water_members

__all__ = [
    "BRAIN",
    "HERMES",
    "MEGA",
    "PROTOCOLS",
    "CoherenceFilter",
    "Delay",
    "Event",
    "Gradient",
    "Grid",
    "MacromoleculeSet",
    "Metabolite",
    "Protocol",
    "Pulse",
    "RFPulse",
    "Sequence",
    "ShapedPulse",
    "SpectralLines",
    "SpinGroup",
    "describe",
    "editing_pulse",
    "hermes",
    "macromolecule_basis",
    "macromolecule_sets",
    "macromolecules",
    "mega",
    "mega_press",
    "mega_slaser",
    "metabolite",
    "metabolite_names",
    "press",
    "protocol",
    "pulse_acquire",
    "simulate_basis",
    "simulate_edited",
    "simulate_lines",
    "slaser",
    "special",
    "spin_echo",
    "spin_group",
    "steam",
    "variants",
    "water_members",
]
