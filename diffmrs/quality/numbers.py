"""How good each spectrum and its fit are, in the numbers that reports and exclusion criteria ask for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffmrs.curves import signal_height
from diffmrs.fitting import Bounds, FitResult, Status
from diffmrs.quality.flags import FLAGS, Evidence, Flags, judge, measure
from diffmrs.quality.linewidth import basis_linewidth_hz
from diffmrs.quality.parameters import at_bounds, metabolite_shift_hz, metabolite_width_hz, phase_deg

DEFINITIONS = {
    "snr": "height of the tallest point of the fitted metabolites (real part, phased, without baseline) in the fit "
    "window, divided by the standard deviation of the noise in the real part of the spectrum",
    "linewidth_hz": "full width at half maximum of a single line, Hz: the fitted line of the metabolites, lineshape "
    "kernel included, together with the narrowest line of the basis set itself, taken as Lorentzian",
    "linewidth_ppm": "the same, ppm",
    "shift_ppm": "shift of the metabolites against the basis set, ppm; positive to higher ppm",
    "phase_deg": "zero-order phase of the data, degrees, -180 to 180; the figures have it taken off",
    "chi2_reduced": "sum of squared residuals over noise variance and degrees of freedom; 1 when the model explains "
    "all but the noise",
    "noise_sd": "standard deviation of the noise in the real part of the spectrum (unscaled discrete Fourier "
    "transform of the FID), data units",
    "converged": "whether the fit ended where no parameter would still move, or as it was asked to (status)",
    "status": "how the fit ended, in words",
    "fqn": "fit quality number: variance of the residual in the fit window over that of the noise; 1 for a perfect "
    "fit (Near et al. 2021)",
    "residual_peak": "largest residual, real or imaginary, in standard deviations of the noise; about 4 in noise alone",
    "residual_durbin_watson": "mean squared difference of neighbouring residuals over their mean square: 2 for noise, "
    "towards 0 when lines or waves are left over",
    "unexplained": "root mean square of the residual above the noise, over that of the fitted basis members",
    "at_bounds": "parameters that rest at a bound, separated by semicolons; amplitudes at 0 among them",
    "flags": "reasons to distrust the fit, separated by semicolons; empty when there is none",
}

NUMBERS = (
    "snr",
    "linewidth_hz",
    "linewidth_ppm",
    "shift_ppm",
    "phase_deg",
    "chi2_reduced",
    "noise_sd",
    "fqn",
    "residual_peak",
    "residual_durbin_watson",
    "unexplained",
)
"""Those of the above that are real numbers."""


@dataclass(frozen=True)
class Quality:
    """Quality numbers, one entry per spectrum; NaN where a spectrum could not be fitted. `DEFINITIONS` defines them.

    Attributes:
        snr: signal-to-noise ratio. [spectra]
        linewidth_hz: full width at half maximum, Hz. [spectra]
        linewidth_ppm: full width at half maximum, ppm. [spectra]
        shift_ppm: frequency shift, ppm, positive to higher ppm. [spectra]
        phase_deg: zero-order phase, degrees. [spectra]
        chi2_reduced: reduced chi-square of the residual. [spectra]
        noise_sd: noise of the real part of the spectrum, data units. [spectra]
        fqn: fit quality number. [spectra]
        residual_peak: largest residual, standard deviations of the noise. [spectra]
        residual_durbin_watson: how independent neighbouring residuals are. [spectra]
        unexplained: residual above the noise over fitted signal. [spectra]
        at_bounds: names of the parameters at a bound. [spectra]
        converged: whether the fit converged. [spectra]
        status: how it ended, in words. [spectra]
        flags: reasons to distrust the fit.
    """

    snr: np.ndarray
    linewidth_hz: np.ndarray
    linewidth_ppm: np.ndarray
    shift_ppm: np.ndarray
    phase_deg: np.ndarray
    chi2_reduced: np.ndarray
    noise_sd: np.ndarray
    fqn: np.ndarray
    residual_peak: np.ndarray
    residual_durbin_watson: np.ndarray
    unexplained: np.ndarray
    at_bounds: tuple[tuple[str, ...], ...]
    converged: np.ndarray
    status: tuple[str, ...]
    flags: Flags

    def cell(self, name: str, index: int, digits: int = 6) -> str:
        """One entry as text: numbers with that many digits, lists with semicolons, nothing where there is nothing."""
        if name in NUMBERS:
            value = getattr(self, name)[index]
            return f"{value:.{digits}g}" if np.isfinite(value) else ""
        match name:
            case "converged":
                return str(bool(self.converged[index]))
            case "flags":
                return ";".join(self.flags.names(index))
            case "at_bounds":
                return ";".join(self.at_bounds[index])
            case _:
                return str(getattr(self, name)[index])


def fit_numbers(result: FitResult) -> dict[str, np.ndarray]:
    """The numbers that need no look at the residual: `snr` to `noise_sd` of `DEFINITIONS`. [spectra] each"""
    rows, basis, model = result.flat(), result.basis, result.model
    f0 = model.acquisition.spectrometer_frequency_mhz
    noise = np.where(rows.noise_sd > 0, rows.noise_sd, np.nan)
    own_hz = basis_linewidth_hz(basis)
    fitted = rows.status != Status.INVALID
    width_hz = np.where(fitted, metabolite_width_hz(rows, basis, model, own_hz), np.nan)
    numbers: dict[str, Any] = {
        "snr": signal_height(result) / noise,
        "linewidth_hz": width_hz,
        "linewidth_ppm": width_hz / f0,
        "shift_ppm": -metabolite_shift_hz(rows, basis, model) / f0,
        "phase_deg": phase_deg(rows),
        "chi2_reduced": np.where(np.isfinite(noise), rows.chi2_reduced, np.nan),
        "noise_sd": rows.noise_sd,
    }
    return {name: np.asarray(values, np.float64) for name, values in numbers.items()}


def quality_of(result: FitResult, bounds: Bounds | None = None) -> Quality:
    """Quality numbers and flags of every spectrum of a fit.

    Args:
        result: from `diffmrs.fit`.
        bounds: what the fit was bounded by; those of `diffmrs.fit` when absent.
    """
    rows, basis, model = result.flat(), result.basis, result.model
    measured, clipped = measure(result)
    residual = {name: np.asarray(values, np.float64) for name, values in measured.residual._asdict().items()}
    numbers: dict[str, Any] = fit_numbers(result) | residual
    resting = at_bounds(rows, basis, model, bounds or Bounds())
    evidence = Evidence(
        status=np.asarray(rows.status),
        added_width_hz=metabolite_width_hz(rows, basis, model),
        at_bounds=resting,
        duration_s=model.n_points * model.acquisition.dwell_time_s,
        n_window=model.n_window,
        nucleus=model.acquisition.nucleus,
        n_clipped=clipped,
        **measured._asdict(),
        **{name: numbers[name] for name in ("snr", "linewidth_hz", "linewidth_ppm", "shift_ppm", "chi2_reduced")},
    )
    return Quality(
        **numbers,
        at_bounds=resting,
        converged=np.isin(rows.status, (Status.CONVERGED, Status.ESTIMATED)),
        status=tuple(Status(int(code)).explanation for code in rows.status),
        flags=judge(evidence),
    )


def sidecar() -> dict[str, dict[str, object]]:
    """What each column and each flag means, to lie beside the table (as BIDS asks of tables)."""
    return {
        "columns": dict(DEFINITIONS),
        "flags": {
            flag.name: {"bit": bit, "severe": flag.severe, "meaning": flag.meaning} for bit, flag in enumerate(FLAGS)
        },
    }
