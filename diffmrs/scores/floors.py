r"""Estimators that know nothing, or only what is linear: whatever does not beat them has learned nothing worth having.

`ridge` is the linear estimator of least mean square error, $W = (X^T X + \lambda)^{-1} X^T Y$ on centred features,
with $\lambda$ by generalised cross-validation (Golub, Heath, Wahba 1979, Technometrics 21:215) or a validation set.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmrs.errors import InputError
from diffmrs.scores.arrays import pair, table

_STRENGTHS = np.logspace(-8, 2, 41)  # of the mean eigenvalue


@dataclass(frozen=True)
class Linear:
    """An estimator that is linear in the features; constant where the weights are 0.

    Attributes:
        weights: [features, metabolites]
        intercept: [metabolites]
        strength: regularisation of each metabolite, as added to the eigenvalues of XᵀX. [metabolites]
    """

    weights: np.ndarray
    intercept: np.ndarray
    strength: np.ndarray

    def __call__(self, features: Any) -> np.ndarray:
        """Estimates for features [spectra, features]: [spectra, metabolites]."""
        return table(features, "features") @ self.weights + self.intercept[None]


def features_of(fids: Any) -> np.ndarray:
    """Real features of complex FIDs or spectra: real parts, then imaginary parts. [spectra, 2 points]"""
    array = np.asarray(fids)
    if array.ndim != 2 or not np.iscomplexobj(array):
        raise InputError(
            f"fids have shape {array.shape} and type {array.dtype}; they must be complex [spectra, points]"
        )
    return np.concatenate([array.real, array.imag], axis=1).astype(np.float64)


def constant_predictor(features: Any, truth: Any) -> Linear:
    """The mean of the training truth, whatever the spectrum.

    Args:
        features: not looked at. [spectra, features]
        truth: of the training. [spectra, metabolites]

    Raises:
        InputError: the shapes do not fit.
    """
    inputs, true = _checked(features, truth)
    return Linear(np.zeros((inputs.shape[1], true.shape[1])), true.mean(axis=0), np.full(true.shape[1], np.inf))


def ridge(features: Any, truth: Any, *, strength: Any = None, validation: tuple[Any, Any] | None = None) -> Linear:
    """The linear estimator of least mean square error.

    Needs one eigen-decomposition of a matrix as large as the features are many.

    Args:
        features: of the training, real. [spectra, features]
        truth: of the training. [spectra, metabolites]
        strength: regularisation, positive, for all metabolites or one each; chosen when absent, for each metabolite.
        validation: features and truth to choose by; generalised cross-validation when absent.

    Raises:
        InputError: the shapes do not fit, something is not finite, or a strength is not positive.
    """
    inputs, true = _checked(features, truth)
    n, count = true.shape
    mean_in, mean_out = inputs.mean(axis=0), true.mean(axis=0)
    centred, targets = inputs - mean_in[None], true - mean_out[None]
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (centred.T @ targets)  # [features, metabolites]
    if strength is None:
        tried = _STRENGTHS * max(values.mean(), 1e-300)
        if validation is None:
            losses = _cross_validation(tried, values, projected, (targets**2).sum(axis=0), n)
        else:
            others, wanted = _checked(*validation)
            turned, left = (others - mean_in[None]) @ vectors, wanted - mean_out[None]
            losses = np.stack(
                [((left - turned @ (projected / (values + one)[:, None])) ** 2).mean(axis=0) for one in tried]
            )
        chosen = tried[losses.argmin(axis=0)]
    else:
        chosen = np.broadcast_to(np.asarray(strength, np.float64), (count,))
        if not (np.isfinite(chosen) & (chosen > 0)).all():
            raise InputError(f"strength is {strength}; it must be positive")
    weights = vectors @ (projected / (values[:, None] + chosen[None]))
    return Linear(weights, mean_out - mean_in @ weights, np.array(chosen))


def _cross_validation(
    tried: np.ndarray, values: np.ndarray, projected: np.ndarray, total: np.ndarray, n: int
) -> np.ndarray:
    """n RSS / (n - degrees of freedom)² for each strength; infinite where nothing is left. [strengths, metabolites]"""
    losses = []
    for one in tried:
        kept = 1 / (values + one)
        residual = total - ((2 * kept - values * kept**2)[:, None] * projected**2).sum(axis=0)
        free = n - 1 - (values * kept).sum()
        # Interpolation leaves neither residual nor freedom: their ratio is rounding, and must not win.
        losses.append(np.where(free > 1e-3 * n, np.maximum(residual, 0.0) / free**2, np.inf))
    return np.stack(losses)


def _checked(features: Any, truth: Any) -> tuple[np.ndarray, np.ndarray]:
    inputs, true = table(features, "features"), table(truth, "truth")
    pair(truth, truth)
    if len(inputs) != len(true):
        raise InputError(f"there are features of {len(inputs)} spectra, but truth of {len(true)}")
    if not np.isfinite(inputs).all():
        raise InputError("features hold numbers that are not finite; leave those spectra out")
    return inputs, true
