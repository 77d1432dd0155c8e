"""Errors to be expected of a spectrum, looked up among simulated ones like it (Lee & Kim 2020, Magn Reson Med 84:559).

Any estimator is run over simulated spectra once; how far it was off there, where SNR, linewidth and the strength of a
metabolite beside all else were alike, is what it may be off on a measured spectrum. Errors that depend on anything
else are averaged over.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from diffmrs.errors import InputError
from diffmrs.scores.arrays import pair, table

_FAINTEST = 1e-6  # ratio that stands for amplitudes a fit found to be 0


@dataclass(frozen=True)
class ErrorDatabase:
    """Errors of simulated spectra, and what they are looked up by; make it with `error_database`.

    Attributes:
        features: logarithms of SNR, linewidth and signal over background. [metabolites, spectra, 3]
        error: estimate minus truth. [metabolites, spectra]
        neighbours: how many spectra are looked at.
    """

    features: np.ndarray
    error: np.ndarray
    neighbours: int

    def expected(
        self, snr: Any, linewidth_hz: Any, signal_to_background: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bias and standard deviation that estimates of like spectra had.

        Args:
            snr: signal-to-noise ratio, by the definition of the database. [spectra]
            linewidth_hz: full width at half maximum. [spectra]
            signal_to_background: of the estimates; see the function of that name. [spectra, metabolites]

        Returns:
            Bias, standard deviation, and whether all three numbers lie within those of the database; where they do
            not, bias and standard deviation are NaN. [spectra, metabolites]

        Raises:
            InputError: the shapes do not fit.
        """
        found = _features(snr, linewidth_hz, signal_to_background)
        if found.shape[0] != self.features.shape[0]:
            raise InputError(f"there are {found.shape[0]} metabolites, but the database has {self.features.shape[0]}")
        bias, sd = (np.full(found.shape[:2], np.nan) for _ in range(2))
        inside = np.zeros(found.shape[:2], bool)
        for k, (asked, known, error) in enumerate(zip(found, self.features, self.error, strict=True)):
            inside[k] = np.all((asked >= known.min(axis=0)) & (asked <= known.max(axis=0)), axis=1)
            spread = known.std(axis=0)
            spread = np.where(spread > 0, spread, 1.0)
            _, near = cKDTree(known / spread).query(asked[inside[k]] / spread, k=self.neighbours)
            bias[k, inside[k]], sd[k, inside[k]] = error[near].mean(axis=1), error[near].std(axis=1, ddof=1)
        return bias.T, sd.T, inside.T


def error_database(
    snr: Any,
    linewidth_hz: Any,
    signal_to_background: Any,
    truth: Any,
    estimate: Any,
    *,
    neighbours: int = 100,
) -> ErrorDatabase:
    """A database of the errors of an estimator.

    Spectra without a finite estimate are left out.

    Args:
        snr: of simulated spectra, measured as it will be measured later. [spectra]
        linewidth_hz: the same. [spectra]
        signal_to_background: of the estimates, not of the truth, which is not known later. [spectra, metabolites]
        truth: [spectra, metabolites]
        estimate: [spectra, metabolites]
        neighbours: spectra that are looked at for each one that is asked for; few follow the three numbers closely,
            many tell the standard deviation well (to 7 % with 100).

    Raises:
        InputError: the shapes do not fit, or fewer spectra have estimates than neighbours are wanted.
    """
    true, found = pair(truth, estimate)
    features = _features(snr, linewidth_hz, signal_to_background)
    if features.shape[:2] != true.T.shape:
        raise InputError(f"there are features of {features.shape[:2][::-1]} numbers, but errors of {true.shape}")
    error = (found - true).T
    usable = np.all(np.isfinite(error), axis=0) & np.all(np.isfinite(features), axis=(0, 2))
    if not 2 <= neighbours <= usable.sum():
        raise InputError(f"neighbours is {neighbours}; it must be from 2 to the {usable.sum()} usable spectra")
    return ErrorDatabase(features[:, usable], error[:, usable], neighbours)


def signal_to_background(amplitude: Any, basis_fid: Any) -> np.ndarray:
    r"""Size of each member's signal over that of all other members together, as estimated.

    $\lVert a_m b_m \rVert / \lVert \sum_{j \neq m} a_j b_j \rVert$ over the whole FID.

    Args:
        amplitude: [spectra, members]
        basis_fid: complex. [members, points]

    Returns:
        Ratios, NaN where there is no background. [spectra, members]

    Raises:
        InputError: the shapes do not fit.
    """
    size, basis = table(amplitude, "amplitude"), np.asarray(basis_fid)
    if basis.ndim != 2 or basis.shape[0] != size.shape[1]:
        raise InputError(f"basis has shape {basis.shape}; it must be [{size.shape[1]}, points]")
    gram = (basis @ basis.conj().T).real
    own = np.diag(gram) * size**2
    with_all = size @ gram
    rest = np.sum(with_all * size, axis=1, keepdims=True) - 2 * size * with_all + own
    # What remains of a difference of equals is rounding.
    rest = np.where(rest > 1e-12 * np.sum(own, axis=1, keepdims=True), rest, np.nan)
    ratio: np.ndarray = np.sqrt(own / rest)
    return ratio


def _features(snr: Any, linewidth_hz: Any, ratio: Any) -> np.ndarray:
    strength = np.maximum(table(ratio, "signal_to_background"), _FAINTEST)
    columns = []
    for name, found in (("snr", snr), ("linewidth_hz", linewidth_hz)):
        column = np.asarray(found, float)
        if column.shape != strength.shape[:1]:
            raise InputError(f"{name} has shape {column.shape}; it must be ({strength.shape[0]},)")
        columns.append(np.broadcast_to(column[:, None], strength.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        features: np.ndarray = np.log(np.stack([*columns, strength], axis=-1))
    return np.where(np.isfinite(features), features, np.nan).transpose(1, 0, 2)
