"""Synthetic spectra, raw data and heads: parameters pushed through the signal model, with baselines and noise."""

from diffmrs.simulate.baseline import RandomBaseline, draw_baseline
from diffmrs.simulate.brain import brain_concentrations
from diffmrs.simulate.distributions import Distribution, LogUniform, Normal, Uniform
from diffmrs.simulate.head import simulate_head
from diffmrs.simulate.head_tissue import Tissue, head_tissue
from diffmrs.simulate.population import Population, draw_parameters
from diffmrs.simulate.raw import RawTruth, SimulatedRaw, simulate_raw
from diffmrs.simulate.simulated_head import SimulatedHead, write_head
from diffmrs.simulate.spectra import Simulated, simulate_fid, simulate_spectra

__all__ = [
    "Distribution",
    "LogUniform",
    "Normal",
    "Population",
    "RandomBaseline",
    "RawTruth",
    "Simulated",
    "SimulatedHead",
    "SimulatedRaw",
    "Tissue",
    "Uniform",
    "brain_concentrations",
    "draw_baseline",
    "draw_parameters",
    "head_tissue",
    "simulate_fid",
    "simulate_head",
    "simulate_raw",
    "simulate_spectra",
    "write_head",
]
