"""Synthetic spectra: distributions of parameters pushed through the signal model, with baselines and noise."""

from diffmrs.simulate.baseline import RandomBaseline, draw_baseline
from diffmrs.simulate.brain import brain_concentrations
from diffmrs.simulate.distributions import Distribution, LogUniform, Normal, Uniform
from diffmrs.simulate.population import Population, draw_parameters
from diffmrs.simulate.spectra import Simulated, simulate_fid, simulate_spectra

__all__ = [
    "Distribution",
    "LogUniform",
    "Normal",
    "Population",
    "RandomBaseline",
    "Simulated",
    "Uniform",
    "brain_concentrations",
    "draw_baseline",
    "draw_parameters",
    "simulate_fid",
    "simulate_spectra",
]
