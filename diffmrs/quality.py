"""How good each spectrum and its fit are, in the numbers that reports and exclusion criteria ask for."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from diffmrs.curves import signal_height
from diffmrs.data import Basis, is_macromolecule
from diffmrs.fitting import FitResult, Status
from diffmrs.lineshape import voigt_fwhm_hz

MISFIT_CHI2 = 2.0  # reduced chi-square above which a reader is warned

DEFINITIONS = {
    "snr": "height of the tallest point of the fitted metabolites (real part, phased, without baseline) in the fit "
    "window, divided by the standard deviation of the noise in the real part of the spectrum",
    "linewidth_hz": "full width at half maximum of a single line, Hz: the fitted Voigt line of the metabolites "
    "together with the narrowest line of the basis set itself, taken as Lorentzian",
    "linewidth_ppm": "the same, ppm",
    "shift_ppm": "shift of the metabolites against the basis set, ppm; positive to higher ppm",
    "phase_deg": "zero-order phase of the data, degrees, -180 to 180; the figures have it taken off",
    "chi2_reduced": "sum of squared residuals over noise variance and degrees of freedom; 1 when the model explains "
    "all but the noise",
    "noise_sd": "standard deviation of the noise in the real part of the spectrum (unscaled discrete Fourier "
    "transform of the FID), data units",
    "converged": "whether the fit ended where no parameter would still move",
    "status": "how the fit ended, in words",
}


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
        converged: whether the fit converged. [spectra]
        status: how it ended, in words. [spectra]
    """

    snr: np.ndarray
    linewidth_hz: np.ndarray
    linewidth_ppm: np.ndarray
    shift_ppm: np.ndarray
    phase_deg: np.ndarray
    chi2_reduced: np.ndarray
    noise_sd: np.ndarray
    converged: np.ndarray
    status: tuple[str, ...]


def misfit_note(quality: Quality, index: int) -> str:
    """One sentence when the residual of a spectrum is far above its noise, else an empty string.

    The Cramér-Rao bound knows the noise only: where the model leaves signal unexplained, the true error is larger.
    """
    excess = float(quality.chi2_reduced[index])
    if not excess > MISFIT_CHI2:
        return ""
    return (
        f"The residual is {np.sqrt(excess):.1f} times the noise (reduced chi-square {excess:.3g}): the model leaves "
        "signal unexplained, and the errors are larger than the Cramér-Rao bounds say."
    )


def quality_of(result: FitResult) -> Quality:
    """Quality numbers of every spectrum of a fit.

    Width and shift are those of the first group, the metabolites.
    """
    rows = result.flat()
    parameters = rows.parameters
    f0 = result.model.acquisition.spectrometer_frequency_mhz
    fitted = rows.status != Status.INVALID
    noise = np.where(rows.noise_sd > 0, rows.noise_sd, np.nan)
    width_hz = np.asarray(
        voigt_fwhm_hz(
            jnp.asarray(parameters.lorentzian_fwhm_hz)[:, 0] + basis_linewidth_hz(result.basis, result.model.groups),
            jnp.asarray(parameters.gaussian_fwhm_hz)[:, 0],
        )
    )
    numbers = {
        "snr": signal_height(result) / noise,
        "linewidth_hz": np.where(fitted, width_hz, np.nan),
        "linewidth_ppm": np.where(fitted, width_hz / f0, np.nan),
        "shift_ppm": -np.asarray(parameters.frequency_shift_hz)[:, 0] / f0,
        "phase_deg": np.degrees(np.asarray(parameters.phase0_rad)),
        "chi2_reduced": np.where(np.isfinite(noise), rows.chi2_reduced, np.nan),
        "noise_sd": np.asarray(rows.noise_sd),
    }
    return Quality(
        **{name: values.astype(np.float64) for name, values in numbers.items()},
        converged=np.asarray(rows.status == Status.CONVERGED),
        status=tuple(Status(int(code)).explanation for code in rows.status),
    )


def basis_linewidth_hz(basis: Basis, groups: tuple[int, ...] | None = None) -> float:
    """Full width at half maximum of the narrowest line in a basis, Hz.

    Each member's tallest line is measured on a zero-filled spectrum, phased to it. A short exponential is applied
    before and its width subtracted after, so that the end of the FID does not broaden the line.

    Args:
        basis: the basis set.
        groups: group of each member; only members of group 0 count. All that are not macromolecules when absent.
    """
    chosen = [g == 0 for g in groups] if groups else [not is_macromolecule(name) for name in basis.names]
    fid = np.asarray(basis.fid)[np.array(chosen) if any(chosen) else slice(None)]
    time_s = basis.acquisition.time_s(basis.n_points)
    added_hz = 2.0 / (basis.n_points * basis.acquisition.dwell_time_s)
    n_filled = 16 * basis.n_points
    bin_hz = basis.acquisition.bandwidth_hz / n_filled
    widths = []
    for row in fid * np.exp(-np.pi * added_hz * time_s):
        spectrum = np.fft.fft(row - 0.5 * row[0] * (time_s == 0), n_filled)
        peak = int(np.abs(spectrum).argmax())
        line = np.roll((spectrum * np.conj(spectrum[peak])).real, n_filled // 2 - peak)
        widths.append(_width_at_half_height(line, n_filled // 2) * bin_hz - added_hz)
    return max(min(widths), 0.0)


def _width_at_half_height(line: np.ndarray, peak: int) -> float:
    """Distance between the two crossings of half the height of `line[peak]`, in points."""
    half = 0.5 * line[peak]

    def reach(outward: np.ndarray) -> float:
        below = np.flatnonzero(outward < half)
        if below.size == 0:
            return float(outward.size)
        k = int(below[0])
        return k - 1 + (outward[k - 1] - half) / (outward[k - 1] - outward[k])

    return float(reach(line[peak:]) + reach(line[peak::-1]))
