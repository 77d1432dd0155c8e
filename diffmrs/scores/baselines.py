"""Estimators that published networks are compared with: projection on the basis, and a random forest."""

from collections.abc import Callable
from typing import Any

import numpy as np

from diffmrs.errors import InputError
from diffmrs.scores.arrays import pair, table

Estimator = Callable[[Any], np.ndarray]


def projection(basis_fid: Any) -> Estimator:
    r"""Linear least squares on the basis as it is: $\min_a \lVert x - \sum_m a_m b_m \rVert^2$ with real amplitudes.

    It knows no shift, no width and no phase, so it is biased wherever spectra have them.

    Args:
        basis_fid: complex, sampled as the FIDs. [members, points]

    Returns:
        Amplitudes [spectra, members] of complex FIDs [spectra, points].

    Raises:
        InputError: the basis is no complex table, or its members are not independent; later, FIDs of other length.
    """
    basis = np.asarray(basis_fid)
    if basis.ndim != 2 or not np.iscomplexobj(basis):
        raise InputError(f"basis has shape {basis.shape} and type {basis.dtype}; it must be complex [members, points]")
    rows = np.concatenate([basis.real, basis.imag], axis=1).astype(np.float64)
    size = np.linalg.norm(rows, axis=1)
    if not (size > 0).all() or np.linalg.matrix_rank(rows / size[:, None]) < len(rows):
        raise InputError("members of the basis are not independent of each other")
    inverse = np.linalg.pinv(rows)

    def estimate(fids: Any) -> np.ndarray:
        found = np.asarray(fids)
        if found.ndim != 2 or found.shape[1] != basis.shape[1]:
            raise InputError(f"fids have shape {found.shape}; they must be [spectra, {basis.shape[1]}]")
        return np.concatenate([found.real, found.imag], axis=1).astype(np.float64) @ inverse

    return estimate


def random_forest(features: Any, truth: Any, *, trees: int = 100, depth: int | None = None, seed: int = 0) -> Estimator:
    """A forest of regression trees (Breiman 2001, Mach Learn 45:5) by scikit-learn, which must be installed.

    At each split a third of the features are looked at; other numbers are the library's.

    Args:
        features: of the training. [spectra, features]
        truth: [spectra, metabolites]
        trees: how many.
        depth: most splits from the root; no limit when absent.
        seed: of the forest.

    Returns:
        Estimates [spectra, metabolites] for features [spectra, features].

    Raises:
        InputError: scikit-learn is missing, or the shapes do not fit.
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ModuleNotFoundError:
        raise InputError("a random forest needs scikit-learn, which is missing: pip install scikit-learn") from None
    inputs = table(features, "features")
    true, _ = pair(truth, truth)
    if len(inputs) != len(true):
        raise InputError(f"there are features of {len(inputs)} spectra, but the truth of {len(true)}")
    forest = RandomForestRegressor(trees, max_depth=depth, max_features=1 / 3, random_state=seed)
    forest.fit(inputs, true[:, 0] if true.shape[1] == 1 else true)

    def estimate(features: Any) -> np.ndarray:
        found: np.ndarray = forest.predict(table(features, "features"))
        return found.reshape(len(found), -1)

    return estimate
