"""What `published.py` counts."""

from typing import Any

import numpy as np

GROUPS = {
    "well": ("NAA", "GPC", "Cr", "Ins", "Glu"),
    "medium": ("Glc", "NAAG", "Gln", "GSH"),
    "weak": ("sIns", "Gly", "Asp", "PE", "Tau", "Lac", "GABA"),
}


def smape(truth: np.ndarray, estimate: np.ndarray, count: int) -> float:
    """Mean over the first metabolites of the sum of errors over the sum of sizes, %. Estimates below 0 count as 0."""
    true, found = truth[:, :count], np.maximum(np.asarray(estimate)[:, :count], 0)
    return float(100 * np.mean(np.abs(true - found).sum(axis=0) / (true + found).sum(axis=0)))


def statistics(values: Any) -> dict[str, float]:
    """Mean and SD over initialisations."""
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}


def lines(truth: np.ndarray, estimate: np.ndarray) -> dict[str, np.ndarray]:
    """Slope a and R² of the line of estimate on truth, and σ: RMSE over the mean truth, %. [metabolites] each"""
    t, e = truth - truth.mean(axis=0), estimate - estimate.mean(axis=0)
    together, spread = (t * e).mean(axis=0), (t**2).mean(axis=0)
    slope = together / spread
    r2 = together**2 / (spread * np.maximum((e**2).mean(axis=0), 1e-30))
    sigma = 100 * np.sqrt(((estimate - truth) ** 2).mean(axis=0)) / truth.mean(axis=0)
    return {"slope": slope, "r2": r2, "a_r2": slope * r2, "sigma_percent": sigma}


def in_groups(rows: list[dict[str, np.ndarray]], names: tuple[str, ...]) -> dict[str, Any]:
    """Means of `lines` over the three groups of Rizzo et al. 2023, mean and SD over initialisations."""
    told = {}
    for group, members in GROUPS.items():
        which = [names.index(each) for each in members]
        scores = ("a_r2", "sigma_percent", "slope")
        told[group] = {score: statistics([float(np.mean(one[score][which])) for one in rows]) for score in scores}
    return told
