"""Absolute concentrations: water, tissue and relaxation."""

from diffmrs.quantify.concentrations import (
    ConcentrationFactors,
    TissueReference,
    WaterReference,
    metabolites_per_water,
)
from diffmrs.quantify.lcmodel_areas import LCModelAreas
from diffmrs.quantify.options import TissueOptions
from diffmrs.quantify.relaxation import (
    MetaboliteRelaxation,
    Relaxation,
    WaterRelaxation,
    metabolite_relaxation,
    tabulated_field,
    water_relaxation,
)
from diffmrs.quantify.signals import AtTimeZero
from diffmrs.quantify.tissue import TissueFractions, tissue_fractions

__all__ = [
    "AtTimeZero",
    "ConcentrationFactors",
    "LCModelAreas",
    "MetaboliteRelaxation",
    "Relaxation",
    "TissueFractions",
    "TissueOptions",
    "TissueReference",
    "WaterReference",
    "WaterRelaxation",
    "metabolite_relaxation",
    "metabolites_per_water",
    "tabulated_field",
    "tissue_fractions",
    "water_relaxation",
]
