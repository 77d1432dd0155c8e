"""Smooth functions of frequency that stand for what the basis does not contain, and how much they may bend.

A baseline is a set of complex functions on the fit window with real coefficients. They are brought to a form in which
they are orthonormal and penalised each by itself: penalised least squares keeps 1 / (1 + stiffness · roughness) of each
(Demmler & Reinsch 1975, Numer Math 24:375). Functions without roughness are not penalised.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import eigh

from diffmrs.errors import InputError

_CANDIDATES = 10
_GENTLE = ((1, 0.03), (0, 0.001))  # order of a difference of spline coefficients, weight against second differences


@dataclass(frozen=True)
class NoBaseline:
    """No baseline: the basis set is all there is."""

    @property
    def in_words(self) -> str:
        """For reports."""
        return "none"

    def functions(self, ppm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """No functions, [0, window], and no penalty, [0, 0]."""
        return np.zeros((0, ppm.size), complex), np.zeros((0, 0))

    @property
    def coarse_order(self) -> int:
        """Order of the polynomial that stands for the baseline while starting values are sought; -1 for none."""
        return -1


@dataclass(frozen=True)
class PolynomialBaseline:
    """Complex polynomial over the fit window, without any penalty.

    Attributes:
        order: highest power; 0 is a complex constant.
    """

    order: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.order <= 40:
            raise InputError(f"baseline order is {self.order}; it must be between 0 and 40")

    @property
    def in_words(self) -> str:
        """For reports."""
        return f"complex polynomial of order {self.order}"

    def functions(self, ppm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Legendre polynomials, real and imaginary, [2 (order + 1), window], and no penalty, [0, 2 (order + 1)]."""
        real = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, ppm.size), self.order).T
        return _both_parts(real), np.zeros((0, 2 * (self.order + 1)))

    @property
    def coarse_order(self) -> int:
        """Order of the polynomial that stands for the baseline while starting values are sought."""
        return self.order


@dataclass(frozen=True)
class SplineBaseline:
    """Penalised cubic B-spline (Eilers & Marx 1996, Stat Sci 11:89), its stiffness given or chosen from the data.

    Stiffness is told as effective dimensions per ppm: the trace of the smoother over the width of the window (as in
    ABfit: Wilson 2021, MRM 85:13). The stiffest is a complex constant, about 1 bends a few times over the whole window,
    7 follows humps of 0.3 ppm.

    Attributes:
        dimensions_per_ppm: effective dimensions per ppm of the curve; None leaves the choice to the data.
        knots_per_ppm: spline functions per ppm; more than the dimensions can use change nothing.
        causal: whether the imaginary part is the Hilbert transform of the real part, as of any signal that begins at
            time zero, plus a complex constant; if not, the two parts are free of each other, which also follows what
            phase errors and water removal leave behind.
        range_per_ppm: smallest and largest dimensions per ppm that the data may choose.
    """

    dimensions_per_ppm: float | None = None
    knots_per_ppm: float = 8.0
    causal: bool = False
    range_per_ppm: tuple[float, float] = (1.0, 6.0)

    def __post_init__(self) -> None:
        given = self.dimensions_per_ppm
        if given is not None and not 0.1 <= given <= 0.8 * self.knots_per_ppm:
            raise InputError(
                f"baseline stiffness is {given} effective dimensions per ppm; it must be between 0.1 and "
                f"{0.8 * self.knots_per_ppm:g}"
            )
        if not 2 <= self.knots_per_ppm <= 30:
            raise InputError(f"baseline knots_per_ppm is {self.knots_per_ppm}; it must be between 2 and 30")
        low, high = self.range_per_ppm
        if not 0.1 <= low < high <= 0.8 * self.knots_per_ppm:
            raise InputError(
                f"baseline range_per_ppm is {self.range_per_ppm}; it must rise and lie between 0.1 and "
                f"{0.8 * self.knots_per_ppm:g}"
            )

    @property
    def in_words(self) -> str:
        """For reports."""
        parts = "causal" if self.causal else "real and imaginary parts free"
        given = self.dimensions_per_ppm
        how = "stiffness chosen from the data" if given is None else f"{given:g} effective dimensions per ppm"
        return f"penalised cubic spline, {parts}, {how}"

    def functions(self, ppm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spline functions, [functions, window], and what of them is penalised, [differences, functions]."""
        return _splines(ppm, self.knots_per_ppm, self.causal)

    @property
    def coarse_order(self) -> int:
        """Order of the polynomial that stands for the baseline while starting values are sought."""
        return 6

    def stiffness_candidates(self, ppm: np.ndarray, roughness: np.ndarray) -> np.ndarray:
        """Stiffness of each candidate, flexible to stiff; a single one when it is given. [candidates]"""
        given = self.dimensions_per_ppm
        each = np.geomspace(*self.range_per_ppm[::-1], _CANDIDATES) if given is None else np.array([given])
        channels = 1 if self.causal else 2
        free = int(np.sum(roughness == 0))
        wanted = np.maximum(channels * float(np.ptp(ppm)) * each, free + 0.05)
        return np.array([_stiffness(roughness, dimensions) for dimensions in wanted])


Baseline = NoBaseline | PolynomialBaseline | SplineBaseline


class SmoothFunctions(NamedTuple):
    """Baseline functions in the form of Demmler and Reinsch."""

    functions: np.ndarray  # [functions, window], complex
    roughness: np.ndarray  # [functions], rising; zeros first


def smooth_functions(baseline: Baseline, ppm: np.ndarray, whitening: np.ndarray) -> SmoothFunctions:
    """Functions that are orthonormal after whitening, each with its roughness.

    Args:
        baseline: the kind of baseline.
        ppm: axis of the window. [window]
        whitening: factor on each point of the window that makes its noise alike. [window]
    """
    raw, difference = baseline.functions(ppm)
    if not len(raw):
        return SmoothFunctions(raw, np.zeros(0))
    white = raw * whitening
    stacked = np.concatenate([white.real, white.imag], axis=1)
    gram = stacked @ stacked.T
    gram += 1e-12 * np.trace(gram) / len(gram) * np.eye(len(gram))
    penalty = difference.T @ difference
    values, vectors = eigh(penalty * np.trace(gram) / max(np.trace(penalty), 1e-30), gram)
    values[: len(gram) - np.linalg.matrix_rank(penalty) if len(difference) else len(gram)] = 0.0
    # Splines without their means add up to nothing: what has no size in the window is no function.
    seen = np.einsum("kf,kl,lf->f", vectors, stacked @ stacked.T, vectors) > 0.5
    return SmoothFunctions((vectors.T @ raw)[seen], np.maximum(values, 0.0)[seen])


def _stiffness(roughness: np.ndarray, dimensions: float) -> float:
    """The stiffness at which the parts let through sum to `dimensions`, by bisection of its logarithm."""
    low, high = -40.0, 60.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        too_limp = np.sum(1 / (1 + np.exp(middle) * roughness)) > dimensions
        low, high = (middle, high) if too_limp else (low, middle)
    return float(np.exp(0.5 * (low + high)))


def _both_parts(real: np.ndarray) -> np.ndarray:
    return np.concatenate([real.astype(complex), 1j * real])


def _splines(ppm: np.ndarray, knots_per_ppm: float, causal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Spline functions on the window, [functions, window], and the second differences of their coefficients."""
    n = ppm.size
    n_segments = max(round(float(np.ptp(ppm)) * knots_per_ppm), 4)
    step = (n - 1) / n_segments
    count = n_segments + 3
    knots = step * np.arange(-3, n_segments + 4)
    # Bends cost; slope and height cost little, so that the stiffest baseline of all is a complex constant.
    penalties = [np.diff(np.eye(count), 2, axis=0)]
    penalties += [weight * np.diff(np.eye(count), order, axis=0) for order, weight in _GENTLE]
    penalty: np.ndarray = np.concatenate(penalties)
    constants = np.stack([np.ones(n), 1j * np.ones(n)])
    if causal:
        room = 4 * n  # on either side, for the tails of the Hilbert transforms
        axis = np.arange(-room, n + room, dtype=float)
        bumps = np.array([BSpline.basis_element(knots[k : k + 5], extrapolate=False)(axis) for k in range(count)])
        splines = _causal(np.nan_to_num(bumps))[:, room : room + n]
    else:
        real = np.nan_to_num(BSpline.design_matrix(np.arange(n, dtype=float), knots, 3).toarray()).T
        centred = real - real.mean(axis=1, keepdims=True)  # the constants have their own functions
        splines, penalty = _both_parts(centred), np.kron(np.eye(2), penalty)
    return np.concatenate([splines, constants]), np.pad(penalty, ((0, 0), (0, 2)))


def _causal(real: np.ndarray) -> np.ndarray:
    """The spectra of FIDs without negative times whose real parts are `real`."""
    n = real.shape[-1]
    fid = np.fft.ifft(real, axis=-1)
    keep = np.zeros(n)
    keep[0] = 1.0
    keep[1 : (n + 1) // 2] = 2.0
    if n % 2 == 0:
        keep[n // 2] = 1.0
    return np.fft.fft(fid * keep, axis=-1)
