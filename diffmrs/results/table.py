"""Every metabolite of every spectrum: amplitude, uncertainty, ratio and concentration, sums included."""

from dataclasses import dataclass

import numpy as np

from diffmrs.combine import combinations_of, combine
from diffmrs.fitting import Estimate, FitResult, Status
from diffmrs.quantify.concentrations import ConcentrationFactors
from diffmrs.results.constraints import learned_percent, prior_percent
from diffmrs.uncertainty.intervals import Interval, ratio_moments, truncated_normal_interval

CRLB_CAP_PERCENT = 999.0  # as LCModel prints what cannot be determined
REFERENCE = "tCr"
CONCENTRATIONS = (
    "concentration_mm",
    "concentration_mm_tissue",
    "concentration_mmol_per_kg",
    "concentration_mmol_per_kg_voxel",
)


@dataclass(frozen=True)
class MetaboliteTable:
    """Numbers per spectrum and metabolite; NaN where there is none.

    Attributes:
        names: the basis members, then the sums.
        n_members: how many of the names are basis members.
        amplitude: in data units per basis unit. [spectra, names]
        sd: standard deviation of the posterior, same units. [spectra, names]
        crlb_percent: what the data alone say: the Cramér-Rao bound without the constraints on ratios of amplitudes,
            relative to the amplitude, %, at most 999. [spectra, names]
        ci95_low: lower limit of the 95 % interval of the amplitude, at least 0. [spectra, names]
        ci95_high: its upper limit. [spectra, names]
        ratio_tcr: amplitude relative to that of tCr. [spectra, names]
        ratio_tcr_ci95_low: lower limit of the 95 % interval of that ratio, at least 0. [spectra, names]
        ratio_tcr_ci95_high: its upper limit. [spectra, names]
        concentration_mm: mmol per litre of voxel; all NaN without a reference. [spectra, names]
        concentration_mm_tissue: mmol per litre of tissue, CSF taken out; NaN without tissue. [spectra, names]
        concentration_mmol_per_kg: mmol per kg of tissue water, CSF taken out; NaN without tissue. [spectra, names]
        concentration_mmol_per_kg_voxel: mmol per kg of all water, CSF left in; NaN without tissue. [spectra, names]
        concentration_reference: what these rest on: `"lcmodel"`, `"tissue"`, or nothing without a reference.
        prior_percent: share of the information on the amplitude that came from constraints on ratios, %; NaN without
            such constraints. [spectra, names]
        learned_percent: 100 (1 - posterior variance / prior variance) of the ratio that a constraint of its own is
            about; NaN without one. [spectra, names]
        fitted: whether there is a fit at all. [spectra]
    """

    names: tuple[str, ...]
    n_members: int
    amplitude: np.ndarray
    sd: np.ndarray
    crlb_percent: np.ndarray
    ci95_low: np.ndarray
    ci95_high: np.ndarray
    ratio_tcr: np.ndarray
    ratio_tcr_ci95_low: np.ndarray
    ratio_tcr_ci95_high: np.ndarray
    concentration_mm: np.ndarray
    concentration_mm_tissue: np.ndarray
    concentration_mmol_per_kg: np.ndarray
    concentration_mmol_per_kg_voxel: np.ndarray
    concentration_reference: str
    prior_percent: np.ndarray
    learned_percent: np.ndarray
    fitted: np.ndarray

    def crlb_text(self, index: int, name: int) -> str:
        """The bound of one name in one spectrum as it is printed, %; empty without a fit."""
        return _percent_text(float(self.crlb_percent[index, name]))

    def sd_text(self, index: int, name: int) -> str:
        """The standard deviation of one name in one spectrum relative to its amplitude, as it is printed, %."""
        amplitude, sd = float(self.amplitude[index, name]), float(self.sd[index, name])
        return _percent_text(min(100 * sd / amplitude, CRLB_CAP_PERCENT) if amplitude > 0 else CRLB_CAP_PERCENT)

    @property
    def sums_first(self) -> list[int]:
        """Columns in the order of a report: sums, then members."""
        return [*range(self.n_members, len(self.names)), *range(self.n_members)]


def table_of(result: FitResult, factors: ConcentrationFactors | None = None) -> MetaboliteTable:
    """The table of a fit.

    Args:
        result: from `diffmrs.fit`.
        factors: concentration per unit of amplitude of each spectrum and basis member, when a reference gave it.
    """
    rows = result.flat()
    sum_names, weights = combinations_of(result.names)
    amplitude = np.asarray(rows.parameters.amplitude, np.float64)
    names = (*result.names, *sum_names)
    members_and_sums = np.concatenate([np.eye(len(result.names)), weights])
    amplitudes, sd = combine(amplitude, np.asarray(rows.amplitude_covariance, np.float64), members_and_sums)
    _, bound = combine(amplitude, np.asarray(rows.crlb_covariance, np.float64), members_and_sums)
    interval, ratio_interval = _intervals(rows, weights, names)
    return MetaboliteTable(
        names=names,
        n_members=len(result.names),
        amplitude=amplitudes,
        sd=sd,
        crlb_percent=_percent(amplitudes, bound),
        ci95_low=interval.low,
        ci95_high=interval.high,
        ratio_tcr=_ratio(amplitudes, names),
        ratio_tcr_ci95_low=ratio_interval.low,
        ratio_tcr_ci95_high=ratio_interval.high,
        **_concentrations(amplitude, weights, factors),
        concentration_reference="" if factors is None else factors.reference,
        prior_percent=prior_percent(result, members_and_sums),
        learned_percent=learned_percent(result),
        fitted=np.asarray(rows.status != Status.INVALID),
    )


def _intervals(rows: Estimate, weights: np.ndarray, names: tuple[str, ...]) -> tuple[Interval, Interval]:
    """95 % intervals of members and sums, and of their ratios to tCr. [spectra, names] each

    A member rests on its centre, which may be negative; a sum on the amplitudes of its members.
    """
    every = np.concatenate([np.eye(weights.shape[1]), weights])
    mean = np.asarray(rows.parameters.amplitude, np.float64) @ every.T
    covariance = every @ np.asarray(rows.amplitude_covariance, np.float64) @ every.T
    members = weights.shape[1]
    variance = np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0).copy()
    centre, spread = mean.copy(), np.sqrt(variance)
    centre[:, :members], spread[:, :members] = rows.amplitude_centre, rows.amplitude_spread
    interval = truncated_normal_interval(centre, spread)
    if REFERENCE not in names:
        nothing = np.full_like(mean, np.nan)
        return interval, Interval(nothing, nothing)
    tcr = names.index(REFERENCE)
    ratio, sd = ratio_moments(centre, spread**2, mean[:, [tcr]], variance[:, [tcr]], covariance[:, :, tcr])
    return interval, truncated_normal_interval(ratio, sd)


def _concentrations(
    amplitude: np.ndarray, weights: np.ndarray, factors: ConcentrationFactors | None
) -> dict[str, np.ndarray]:
    """Members and sums; a sum adds concentrations, as its members may relax differently. Each [spectra, names]"""
    found = {}
    for name in CONCENTRATIONS:
        factor = np.nan if factors is None else getattr(factors, name.removeprefix("concentration_"))
        members = amplitude * factor
        found[name] = np.concatenate([members, members @ weights.T], axis=1)
    return found


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


def _percent_text(percent: float) -> str:
    return f"{percent:.{0 if percent >= 10 else 1}f}" if np.isfinite(percent) else ""
