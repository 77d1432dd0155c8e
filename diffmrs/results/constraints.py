"""What the soft constraints expected, what the fit found, and how much they said about each amplitude."""

from dataclasses import dataclass, fields

import numpy as np

from diffmrs.combine import combinations_of
from diffmrs.fitting import Estimate, FitResult
from diffmrs.model.parameters import Parameters
from diffmrs.priors import Priors

_IN_WORDS = {  # field of `Parameters`: what it is called, unit
    "lorentzian_fwhm_hz": ("Lorentzian width", "Hz"),
    "frequency_shift_hz": ("shift to lower ppm", "Hz"),
    "gaussian_variance_hz2": ("squared Gaussian width", "Hz²"),
    "third_moment_hz3": ("third moment of the line shape", "Hz³"),
    "phase0_rad": ("zero-order phase", "rad"),
    "delay_s": ("delay (first-order phase)", "s"),
}


@dataclass(frozen=True)
class ConstraintTable:
    """Every soft constraint of a fit, those on ratios of amplitudes first; NaN where a spectrum has no fit.

    Attributes:
        subjects: what is constrained, in words.
        units: of the constrained quantity; empty for ratios.
        sources: where mean and standard deviation come from.
        n_ratios: how many are about ratios.
        mean: expected value. [constraints]
        sd: its standard deviation. [constraints]
        side: 0 both sides, -1 only values below, 1 only values above the mean cost something. [constraints]
        found: fitted value. [spectra, constraints]
        found_sd: its posterior standard deviation; NaN for all but ratios. [spectra, constraints]
        learned_percent: 100 (1 - posterior variance / prior variance) of each ratio: how much of what was unknown
            before the measurement the data have settled. [spectra, ratios]
    """

    subjects: tuple[str, ...]
    units: tuple[str, ...]
    sources: tuple[str, ...]
    n_ratios: int
    mean: np.ndarray
    sd: np.ndarray
    side: np.ndarray
    found: np.ndarray
    found_sd: np.ndarray
    learned_percent: np.ndarray

    @property
    def tension(self) -> np.ndarray:
        """Distance of what was found from the mean, in standard deviations; 0 on a free side. [spectra, constraints]"""
        off = (self.found - self.mean) / self.sd
        return np.where((self.side != 0) & (self.side * off < 0), 0.0, off)

    @property
    def counts(self) -> dict[str, int]:
        """How many constraints there are of each kind, in words."""
        ratios = {"ratios of amplitudes": self.n_ratios} if self.n_ratios else {}
        kinds = [subject.partition(" of ")[0] for subject in self.subjects[self.n_ratios :]]
        return ratios | {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def constraints_of(result: FitResult) -> ConstraintTable:
    """The soft constraints of a fit beside its answers."""
    priors, rows = result.priors, result.flat()
    ratio, ratio_sd = _ratios(rows, priors)
    values = _values(rows.parameters, priors.weights)
    side, sd = np.concatenate([priors.ratio_side, priors.value_side]), np.asarray(priors.ratio_sd)
    learned = 100 * np.clip(1 - (ratio_sd / sd) ** 2, 0.0, 1.0)
    ratios = [_ratio_in_words(row, result) for row in range(priors.n_ratios)]
    named = [_value_in_words(row, result) for row in range(len(priors.value_mean))]
    return ConstraintTable(
        subjects=(*ratios, *(words for words, _ in named)),
        units=(*[""] * priors.n_ratios, *(unit for _, unit in named)),
        sources=priors.sources,
        n_ratios=priors.n_ratios,
        mean=np.concatenate([priors.ratio_mean, priors.value_mean]),
        sd=np.concatenate([sd, priors.value_sd]),
        side=side,
        found=np.concatenate([ratio, values], axis=1),
        found_sd=np.concatenate([ratio_sd, np.full_like(values, np.nan)], axis=1),
        learned_percent=np.where(side[: priors.n_ratios] == 0, learned, np.nan),
    )


def learned_percent(result: FitResult) -> np.ndarray:
    """How much the data have settled of each member and sum that has a ratio constraint of its own; NaN for others.

    `ConstraintTable.learned_percent` of the constraint whose numerator is that member or sum; of several the narrowest.

    Returns:
        In percent; members, then sums. [spectra, names]
    """
    table = constraints_of(result)
    above = np.asarray(result.priors.numerator).reshape(-1, len(result.names))
    wanted = np.concatenate([np.eye(len(result.names)), combinations_of(result.names)[1]])
    found = np.full((len(table.found), len(wanted)), np.nan)
    for name, weights in enumerate(wanted):
        own = [k for k, row in enumerate(above) if np.array_equal(row, weights) and table.side[k] == 0]
        if own:
            found[:, name] = table.learned_percent[:, own].min(axis=1)
    return found


def prior_percent(result: FitResult, weights: np.ndarray) -> np.ndarray:
    r"""Share of the information on weighted sums of amplitudes that came from constraints on ratios, percent.

    Information is the inverse of a variance, so that the share is

    $$1 - \frac{w^\top C\, w}{w^\top C_\text{data}\, w}$$

    with the covariance $C$ of the posterior and $C_\text{data}$ without the constraints on ratios. It also counts what
    a constraint on one amplitude says about others.

    Args:
        result: from `diffmrs.fit`.
        weights: of the sums. [sums, members]

    Returns:
        0 to 100; NaN where there is no fit, and everywhere without any constraint on a ratio. [spectra, sums]
    """
    rows = result.flat()
    with_ratios, without = (
        np.sum((weights @ np.asarray(covariance, np.float64)) * weights, axis=-1)
        for covariance in (rows.amplitude_covariance, rows.crlb_covariance)
    )
    if result.priors.n_ratios == 0:
        return np.full_like(without, np.nan)
    known = without > 0
    return np.where(known, 100 * np.clip(1 - with_ratios / np.where(known, without, 1.0), 0.0, 1.0), np.nan)


def _ratios(rows: Estimate, priors: Priors) -> tuple[np.ndarray, np.ndarray]:
    """Each ratio and its standard deviation to first order. [spectra, ratios] each"""
    amplitude = np.asarray(rows.parameters.amplitude, np.float64)
    covariance = np.asarray(rows.amplitude_covariance, np.float64)
    below = amplitude @ np.asarray(priors.denominator).T
    below = np.where(below > 0, below, np.nan)
    ratio = amplitude @ np.asarray(priors.numerator).T / below
    slope = (priors.numerator - ratio[..., None] * priors.denominator) / below[..., None]
    variance = np.sum((slope @ covariance) * slope, axis=-1)
    return ratio, np.sqrt(np.maximum(variance, 0.0))


def _values(parameters: Parameters, weights: Parameters) -> np.ndarray:
    """Each constrained weighted sum of parameters. [spectra, values]"""
    spectra, count = len(parameters.amplitude), len(weights.amplitude)
    total = np.zeros((spectra, count))
    for field in fields(Parameters):
        value, weight = np.asarray(getattr(parameters, field.name)), np.asarray(getattr(weights, field.name), float)
        total += value.reshape(spectra, value[0].size) @ weight.reshape(count, value[0].size).T
    return total


def _ratio_in_words(row: int, result: FitResult) -> str:
    above, below = (np.asarray(weights)[row] for weights in (result.priors.numerator, result.priors.denominator))
    return f"{_sum_in_words(above, result.names)} / {_sum_in_words(below, result.names)}"


def _sum_in_words(weights: np.ndarray, names: tuple[str, ...]) -> str:
    """Such as `(Cr+PCr)`, or `mean of A, B, C`."""
    some = np.flatnonzero(weights)
    if some.size > 1 and np.allclose(weights[some], 1 / some.size):
        return f"mean of {', '.join(names[k] for k in some)}"
    parts = [names[k] if weights[k] == 1 else f"{weights[k]:g} {names[k]}" for k in some]
    return parts[0] if len(parts) == 1 else f"({'+'.join(parts)})"


def _value_in_words(row: int, result: FitResult) -> tuple[str, str]:
    """What a constraint on a parameter is about, and its unit."""
    for name, (words, unit) in _IN_WORDS.items():
        weights = np.asarray(getattr(result.priors.weights, name))[row]
        if not weights.any():
            continue
        if weights.ndim == 0:
            return words, unit
        per_group = name in ("lorentzian_fwhm_hz", "frequency_shift_hz")
        groups = np.array(result.model.groups if per_group else result.model.shims)
        own = "+".join(np.array(result.names)[groups == np.argmax(weights)])
        against = np.array(result.names)[weights[groups] < 0]
        if against.size == 0:
            return f"{words} of {own}", unit
        others = ", ".join(against) if against.size <= 3 else f"the mean of {against.size} others"
        return f"{words} of {own} against {others}", unit
    return "nothing", ""
