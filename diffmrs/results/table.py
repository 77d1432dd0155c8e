"""Every metabolite of every spectrum: amplitude, uncertainty, ratio and concentration, sums included."""

from dataclasses import dataclass

import numpy as np

from diffmrs.combine import combinations_of, combine
from diffmrs.fitting import FitResult, Status

CRLB_CAP_PERCENT = 999.0  # as LCModel prints what cannot be determined
REFERENCE = "tCr"


@dataclass(frozen=True)
class MetaboliteTable:
    """Numbers per spectrum and metabolite; NaN where there is none.

    Attributes:
        names: the basis members, then the sums.
        n_members: how many of the names are basis members.
        amplitude: in data units per basis unit. [spectra, names]
        sd: Cramér-Rao bound on its standard deviation, same units. [spectra, names]
        crlb_percent: the bound relative to the amplitude, %, at most 999. [spectra, names]
        ratio_tcr: amplitude relative to that of tCr. [spectra, names]
        concentration_mm: concentration, mM; all NaN without a reference. [spectra, names]
        fitted: whether there is a fit at all. [spectra]
    """

    names: tuple[str, ...]
    n_members: int
    amplitude: np.ndarray
    sd: np.ndarray
    crlb_percent: np.ndarray
    ratio_tcr: np.ndarray
    concentration_mm: np.ndarray
    fitted: np.ndarray

    def crlb_text(self, index: int, name: int) -> str:
        """The bound of one name in one spectrum as it is printed, %; empty without a fit."""
        percent = float(self.crlb_percent[index, name])
        return f"{percent:.{0 if percent >= 10 else 1}f}" if np.isfinite(percent) else ""

    @property
    def sums_first(self) -> list[int]:
        """Columns in the order of a report: sums, then members."""
        return [*range(self.n_members, len(self.names)), *range(self.n_members)]


def table_of(result: FitResult, mm_per_amplitude: np.ndarray | None = None) -> MetaboliteTable:
    """The table of a fit.

    Args:
        result: from `diffmrs.fit`.
        mm_per_amplitude: concentration per unit of amplitude, mM, one per spectrum, when a reference gave it.
            [spectra]
    """
    rows = result.flat()
    sum_names, weights = combinations_of(result.names)
    amplitude = np.asarray(rows.parameters.amplitude, np.float64)
    covariance = np.asarray(rows.amplitude_covariance, np.float64)
    sums, sums_sd = combine(amplitude, covariance, weights)
    names = (*result.names, *sum_names)
    amplitudes = np.concatenate([amplitude, sums], axis=1)
    sd = np.concatenate([np.asarray(rows.sd.amplitude, np.float64), sums_sd], axis=1)
    factor = np.full(len(amplitudes), np.nan) if mm_per_amplitude is None else np.asarray(mm_per_amplitude, np.float64)
    return MetaboliteTable(
        names=names,
        n_members=len(result.names),
        amplitude=amplitudes,
        sd=sd,
        crlb_percent=_percent(amplitudes, sd),
        ratio_tcr=_ratio(amplitudes, names),
        concentration_mm=amplitudes * factor[:, None],
        fitted=np.asarray(rows.status != Status.INVALID),
    )


def _percent(amplitude: np.ndarray, sd: np.ndarray) -> np.ndarray:
    positive = amplitude > 0
    percent = np.where(positive, 100 * sd / np.where(positive, amplitude, 1.0), CRLB_CAP_PERCENT)
    return np.where(np.isfinite(amplitude), np.minimum(percent, CRLB_CAP_PERCENT), np.nan)


def _ratio(amplitude: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    if REFERENCE not in names:
        return np.full_like(amplitude, np.nan)
    reference = amplitude[:, [names.index(REFERENCE)]]
    positive = reference > 0
    return np.where(positive, amplitude / np.where(positive, reference, 1.0), np.nan)
