"""What a set of estimates is worth beside the truth: bias, spread, slope, skill and honesty of the intervals."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from diffmrs.uncertainty import truncated_normal_interval

LEVELS = (50, 68, 90, 95)


@dataclass(frozen=True)
class Fitted:
    """Estimates beside the truth; rows are spectra, columns metabolites, values in units of the usual concentration.

    Attributes:
        truth: what was simulated.
        estimate: what was found.
        centre: mean of the normal whose part above zero is the posterior.
        spread: its standard deviation.
        bound: its Cramér-Rao bound, constraints on ratios left out.
    """

    truth: np.ndarray
    estimate: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    bound: np.ndarray

    def only(self, rows: np.ndarray) -> "Fitted":
        """Some of the spectra."""
        return Fitted(*(getattr(self, name)[rows] for name in ("truth", "estimate", "centre", "spread", "bound")))


def scores(fitted: Fitted, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """The row of each metabolite; bias, SD and RMSE in percent of the usual concentration.

    The bound is the median over spectra. `slope`: of estimate on truth by least squares, 1 when nothing is pulled
    towards an expectation. `skill`: 1 minus
    mean squared error over that of the best constant, which is the mean of the truth.
    """
    error = fitted.estimate - fitted.truth
    away = fitted.truth - fitted.truth.mean(axis=0)
    spread = np.mean(away**2, axis=0)
    square = np.mean(error**2, axis=0)
    slope = np.mean(away * fitted.estimate, axis=0) / spread
    left = fitted.estimate - fitted.estimate.mean(axis=0) - slope * away
    columns = {
        "bias_percent": 100 * error.mean(axis=0),
        "sd_percent": 100 * error.std(axis=0),
        "rmse_percent": 100 * np.sqrt(square),
        "rmse_of_constant_percent": 100 * np.sqrt(spread),
        "rmse_over_crlb": np.sqrt(square) / np.median(fitted.bound, axis=0),
        "slope": slope,
        "slope_se": np.sqrt(np.mean(left**2, axis=0) / spread / len(error)),
        "skill": 1 - square / spread,
        "at_zero_percent": 100 * np.mean(fitted.estimate <= 0, axis=0),
    }
    for level in LEVELS:
        columns[f"coverage_{level}"] = 100 * np.mean(holds_truth(fitted, level / 100), axis=0)
    return {name: {key: float(values[m]) for key, values in columns.items()} for m, name in enumerate(names)}


def holds_truth(fitted: Fitted, level: float) -> np.ndarray:
    """Whether the interval of highest density, cut at zero, holds the truth."""
    low, high = truncated_normal_interval(fitted.centre, fitted.spread, level)
    return (fitted.truth >= low) & (fitted.truth <= high)


def over_all(table: dict[str, dict[str, float]], names: tuple[str, ...]) -> dict[str, float]:
    """What a table says in one row: means over metabolites, and the worst of slope and coverage."""
    rows = [table[name] for name in names]
    mean = {
        key: float(np.mean([row[key] for row in rows]))
        for key in ("rmse_percent", "rmse_over_crlb", "slope", "skill", "coverage_50", "coverage_68", "coverage_90")
    }
    covered = [row["coverage_95"] for row in rows]
    size = {"absolute_bias_percent": float(np.mean([abs(row["bias_percent"]) for row in rows]))}
    return {**size, **mean, "coverage_95": float(np.mean(covered)), "lowest_coverage_95": min(covered)}


def strata(values: dict[str, tuple[np.ndarray, tuple[float, ...], str]]) -> dict[str, np.ndarray]:
    """Spectra of each stratum.

    Args:
        values: for each property, its value for each spectrum, the edges between strata, and a name with the unit.
    """
    found = {"all": np.ones(len(next(iter(values.values()))[0]), bool)}
    for value, edges, label in values.values():
        limits = (-np.inf, *edges, np.inf)
        for low, high in pairwise(limits):
            text = f"{label} < {high:g}" if np.isinf(low) else f"{label} > {low:g}" if np.isinf(high) else ""
            found[text or f"{label} {low:g} to {high:g}"] = (value >= low) & (value < high)
    return found
