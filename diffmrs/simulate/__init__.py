"""Synthetic spectra, raw data and heads: parameters pushed through the signal model, with baselines and noise."""

from diffmrs.simulate.artefacts import Artefacts, Spoiling, draw_spoiling, spoil
from diffmrs.simulate.baseline import RandomBaseline, draw_baseline
from diffmrs.simulate.brain import brain_concentrations, brain_population
from diffmrs.simulate.cohort import Cohort, SimulatedCohort, draw_composition, simulate_cohort
from diffmrs.simulate.cohort_tissue import OEDEMA, TUMOUR, Change, Composition, tissue_amplitudes, with_lipids
from diffmrs.simulate.correlated import Copula, Correlated
from diffmrs.simulate.distributions import Distribution, Gaussianised, LogNormal, LogUniform, Mixture, Normal, Uniform
from diffmrs.simulate.head import simulate_head
from diffmrs.simulate.head_tissue import Tissue, head_tissue
from diffmrs.simulate.noise_level import SNR_DEFINITIONS, noise_sd_for, snr_of
from diffmrs.simulate.population import Population, draw_parameters
from diffmrs.simulate.raw import RawTruth, SimulatedRaw, simulate_raw
from diffmrs.simulate.recipe import Ingredient, Recipe
from diffmrs.simulate.recipes import RECIPES
from diffmrs.simulate.simulate_recipe import recipe_sampler, simulate_recipe
from diffmrs.simulate.simulated_head import SimulatedHead, write_head
from diffmrs.simulate.spectra import Simulated, simulate_fid, simulate_spectra
from diffmrs.simulate.strange import STRANGE, Example, Strange, without_member
from diffmrs.simulate.strange_spectra import example_of, strange_spectra

__all__ = [
    "OEDEMA",
    "RECIPES",
    "SNR_DEFINITIONS",
    "STRANGE",
    "TUMOUR",
    "Artefacts",
    "Change",
    "Cohort",
    "Composition",
    "Copula",
    "Correlated",
    "Distribution",
    "Example",
    "Gaussianised",
    "Ingredient",
    "LogNormal",
    "LogUniform",
    "Mixture",
    "Normal",
    "Population",
    "RandomBaseline",
    "RawTruth",
    "Recipe",
    "Simulated",
    "SimulatedCohort",
    "SimulatedHead",
    "SimulatedRaw",
    "Spoiling",
    "Strange",
    "Tissue",
    "Uniform",
    "brain_concentrations",
    "brain_population",
    "draw_baseline",
    "draw_composition",
    "draw_parameters",
    "draw_spoiling",
    "example_of",
    "head_tissue",
    "noise_sd_for",
    "recipe_sampler",
    "simulate_cohort",
    "simulate_fid",
    "simulate_head",
    "simulate_raw",
    "simulate_recipe",
    "simulate_spectra",
    "snr_of",
    "spoil",
    "strange_spectra",
    "tissue_amplitudes",
    "with_lipids",
    "without_member",
    "write_head",
]
