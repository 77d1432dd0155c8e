"""Smooth functions of frequency that stand for what the basis does not contain."""

from dataclasses import dataclass

import numpy as np

from diffmrs.errors import InputError


@dataclass(frozen=True)
class NoBaseline:
    """No baseline: the basis set is all there is."""

    def functions(self, n_window: int) -> np.ndarray:
        """An empty set of functions, [0, n_window]."""
        return np.zeros((0, n_window))


@dataclass(frozen=True)
class PolynomialBaseline:
    """Complex polynomial over the fit window, written in Legendre polynomials so that its terms do not overlap.

    Attributes:
        order: highest power; 0 is a complex constant.
    """

    order: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.order <= 40:
            raise InputError(f"baseline order is {self.order}; it must be between 0 and 40")

    def functions(self, n_window: int) -> np.ndarray:
        """The Legendre polynomials on the window, [order + 1, n_window]."""
        return np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, n_window), self.order).T


Baseline = NoBaseline | PolynomialBaseline
