"""Sums of metabolites that overlap too much to be told apart, with uncertainties from the full covariance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Combination:
    """A sum of metabolites.

    Attributes:
        name: what the sum is called.
        parts: the metabolites in it; each as the names it goes by in basis sets, in any case.
        at_least: parts a basis must hold for the sum to be reported.
    """

    name: str
    parts: tuple[tuple[str, ...], ...]
    at_least: int = 2

    def rows(self, names: Sequence[str]) -> list[int]:
        """Indices of the members that belong to the sum; empty when the basis holds too few of its parts."""
        lower = [name.lower() for name in names]
        found = [[i for i, name in enumerate(lower) if name in {s.lower() for s in part}] for part in self.parts]
        enough = sum(bool(rows) for rows in found) >= self.at_least
        return sorted(row for rows in found for row in rows) if enough else []


COMBINATIONS = (
    Combination("tNAA", (("NAA",), ("NAAG",))),
    Combination("tCr", (("Cr", "Cre"), ("PCr",)), at_least=1),
    Combination("tCho", (("GPC",), ("PCho", "PCh"), ("Cho",))),
    Combination("Glx", (("Glu",), ("Gln",))),
    Combination("Ins+Gly", (("Ins", "mI", "mIns"), ("Gly",))),
)


def combinations_of(names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The sums that a basis allows.

    A sum is left out when the basis has a member of that name already.

    Args:
        names: of the basis members.

    Returns:
        The names of the sums, and their weights over the members, [sums, members], of zeros and ones.
    """
    found = [(sum_.name, sum_.rows(names)) for sum_ in COMBINATIONS if sum_.name not in names]
    found = [(name, rows) for name, rows in found if rows]
    weights = np.zeros((len(found), len(names)))
    for weight, (_, rows) in zip(weights, found, strict=True):
        weight[rows] = 1.0
    return tuple(name for name, _ in found), weights


def combine(amplitude: np.ndarray, covariance: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Amplitude and standard deviation of weighted sums.

    $$a_w = w^\top a, \qquad \sigma_w = \sqrt{w^\top C\, w}$$

    The covariances matter: Cr and PCr trade against each other, so that the sum is known far better than either.

    Args:
        amplitude: of the members, data units. [..., members]
        covariance: of the members, data units squared. [..., members, members]
        weights: of the sums. [sums, members]

    Returns:
        Amplitude and standard deviation of each sum, data units. [..., sums] each
    """
    variance = np.sum((weights @ covariance) * weights, axis=-1)
    return amplitude @ weights.T, np.sqrt(np.maximum(variance, 0.0))


def correlation(covariance: np.ndarray) -> np.ndarray:
    """Correlation matrix of a covariance matrix, between -1 and 1; 0 where a variance is 0. [..., n, n]"""
    sd = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    scale = sd[..., :, None] * sd[..., None, :]
    return np.clip(np.where(scale == 0, 0.0, covariance / np.where(scale == 0, 1.0, scale)), -1.0, 1.0)
