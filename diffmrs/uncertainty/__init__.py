"""How sure an estimate is: bounds, intervals, simulation, and samples of the posterior."""

from diffmrs.model.fisher import covariance_bound, fisher_information
from diffmrs.uncertainty.bootstrap import parametric_bootstrap, residual_bootstrap
from diffmrs.uncertainty.intervals import Interval, ratio_moments, truncated_normal_interval
from diffmrs.uncertainty.sampling import PosteriorSamples, sample_posterior

__all__ = [
    "Interval",
    "PosteriorSamples",
    "covariance_bound",
    "fisher_information",
    "parametric_bootstrap",
    "ratio_moments",
    "residual_bootstrap",
    "sample_posterior",
    "truncated_normal_interval",
]
