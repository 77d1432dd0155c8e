"""How estimators are judged, fits and networks alike: scores with their floors, calibration, bounds and flags."""

from diffmrs.scores.accuracy import Accuracy, accuracy, bootstrap, interval
from diffmrs.scores.baselines import projection, random_forest
from diffmrs.scores.bounds import (
    bayesian_bound,
    expected_slope,
    informations,
    linear_ceiling,
    local_bound,
    sd_over_crlb,
    uniform_precision,
)
from diffmrs.scores.calibration import LEVELS, Calibration, gaussian_calibration, sample_calibration
from diffmrs.scores.detection import Rate, auc, combined, flag_rate, tail_p, threshold
from diffmrs.scores.error_database import ErrorDatabase, error_database, signal_to_background
from diffmrs.scores.figures import plot_coverage, plot_ecdf, plot_ranks, plot_truth_estimate
from diffmrs.scores.floors import Linear, constant_predictor, features_of, ridge
from diffmrs.scores.proper import crps_gaussian, crps_samples, nll_gaussian, nll_truncated
from diffmrs.scores.ranks import ecdf_band, pit_test, rank_test, sbc_ranks
from diffmrs.scores.recalibrate import conformal_radius, sd_factor
from diffmrs.scores.score_table import score_table, write_score_table
from diffmrs.scores.strata import position, strata, thirds

__all__ = [
    "LEVELS",
    "Accuracy",
    "Calibration",
    "ErrorDatabase",
    "Linear",
    "Rate",
    "accuracy",
    "auc",
    "bayesian_bound",
    "bootstrap",
    "combined",
    "conformal_radius",
    "constant_predictor",
    "crps_gaussian",
    "crps_samples",
    "ecdf_band",
    "error_database",
    "expected_slope",
    "features_of",
    "flag_rate",
    "gaussian_calibration",
    "informations",
    "interval",
    "linear_ceiling",
    "local_bound",
    "nll_gaussian",
    "nll_truncated",
    "pit_test",
    "plot_coverage",
    "plot_ecdf",
    "plot_ranks",
    "plot_truth_estimate",
    "position",
    "projection",
    "random_forest",
    "rank_test",
    "ridge",
    "sample_calibration",
    "sbc_ranks",
    "score_table",
    "sd_factor",
    "sd_over_crlb",
    "signal_to_background",
    "strata",
    "tail_p",
    "thirds",
    "threshold",
    "uniform_precision",
    "write_score_table",
]
