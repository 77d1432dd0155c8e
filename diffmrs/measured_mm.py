"""A measured macromolecule spectrum made ready to be a member of a basis set.

A metabolite-nulled scan (inversion recovery) still holds noise, residual water, what is left of metabolites with a
short T1 (the CH2 of creatine above all), and the phase and frequency offset of the scan; the basis member holds none.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import fit
from diffmrs.model import SplineBaseline
from diffmrs.preprocess.oscillations import damped_oscillations
from diffmrs.priors.constraints import ParameterPrior
from diffmrs.priors.heavy import heavy_spread
from diffmrs.spins.macromolecules import macromolecule_basis, nearest_measured_set

MEASURED_NAME = "MMmeas"
_LEFT_OUT = 2  # first samples, which receiver filters of some scanners spoil
_DELAY_SD_S = 2e-5
_STIFF = SplineBaseline(1.0, causal=True)  # a flexible baseline would take up any phase error of lines this broad


@dataclass(frozen=True)
class MeasuredMacromolecules:
    """A basis member made of a measurement, and what was done to it.

    Attributes:
        basis: the one member, of zero phase, sampled like the measurement; its first sample has modulus 1.
        phase0_rad: zero-order phase that was taken off, at the carrier.
        delay_s: first-order phase that was taken off, as a delay.
        shift_ppm: how far the lines were moved, ppm.
        narrow_ppm: chemical shifts of the narrow lines that were taken out.
    """

    basis: Basis
    phase0_rad: float
    delay_s: float
    shift_ppm: float
    narrow_ppm: tuple[float, ...]

    @property
    def in_words(self) -> str:
        """For a report."""
        taken = ", ".join(f"{ppm:.2f}" for ppm in self.narrow_ppm)
        return (
            f"measured ({self.basis.source}), as {MEASURED_NAME}: phase {np.rad2deg(self.phase0_rad):.0f}° and delay "
            f"{1e6 * self.delay_s:.0f} µs taken off, moved by {self.shift_ppm:.3f} ppm; "
            + (f"narrow lines at {taken} ppm taken out" if taken else "no narrow line found")
        )


def measured_macromolecules(
    data: MRSData,
    *,
    components: int = 24,
    narrowest_ppm: float = 0.08,
    range_ppm: tuple[float, float] = (0.2, 4.25),
) -> MeasuredMacromolecules:
    """Turn a metabolite-nulled scan into a basis member.

    1. The mean of all FIDs is written as a sum of damped oscillations (HSVD). Those outside `range_ppm` (residual
       water, noise) and those narrower than `narrowest_ppm` (residual metabolites) are left out; the sum of the others
       is free of noise, and reaches back to time zero although the first two samples are not used.
    2. A published set of lines with a stiff baseline is fitted to it. Its phases and its shift are taken off, so that
       the member lies like those of a simulated basis.

    The first-order phase is held near zero (20 µs), as broad lines hardly tell it from a baseline.

    Args:
        data: the scan; eddy currents corrected where there is a water scan
            (`diffmrs.conditioning.without_eddy_currents`), residual water removed where there is much.
        components: damped oscillations; more than there are lines does no harm.
        narrowest_ppm: full width at half maximum below which a line counts as a metabolite, ppm; 0 keeps all.
        range_ppm: where macromolecules are, ppm.

    Raises:
        InputError: not 1H, samples not finite, or a parameter is out of its range.
    """
    fid = _mean_fid(data)
    low, high = range_ppm
    if not low < high:
        raise InputError(f"range_ppm is {low:g} to {high:g}; the first limit must be the lower one")
    if not 0 <= narrowest_ppm < 1:
        raise InputError(f"narrowest_ppm is {narrowest_ppm:g}; it must be at least 0 and below 1")
    acquisition, n_points = data.acquisition, data.n_points
    # In the working precision there, in double precision here.
    found = damped_oscillations(jnp.asarray(fid[_LEFT_OUT:], jnp.result_type(complex)), components)
    poles, amplitudes = (np.asarray(part).astype(complex) for part in found)
    amplitudes = amplitudes / poles**_LEFT_OUT
    ppm = np.asarray(acquisition.hz_to_ppm(np.angle(poles) / (2 * np.pi * acquisition.dwell_time_s)))
    width_ppm = -np.log(np.abs(poles)) / (np.pi * acquisition.dwell_time_s * acquisition.spectrometer_frequency_mhz)
    inside = (ppm > low) & (ppm < high)
    kept = inside & (width_ppm >= narrowest_ppm)
    if not kept.any():
        raise InputError(f"no line between {low:g} and {high:g} ppm is broader than {narrowest_ppm:g} ppm")
    narrow = poles[inside & ~kept], amplitudes[inside & ~kept]
    poles, amplitudes = poles[kept], amplitudes[kept]
    phase0_rad, delay_s, shift_hz = _offsets(fid - _sum_of(*narrow, np.arange(n_points)), acquisition)
    steps = np.arange(n_points) - delay_s / acquisition.dwell_time_s
    turned = np.exp(-1j * phase0_rad - 2j * np.pi * shift_hz * acquisition.time_s(n_points))
    member = _sum_of(poles, amplitudes, steps) * turned
    source = data.header.source or "a measurement"
    return MeasuredMacromolecules(
        Basis((member / abs(member[0]))[None].astype(np.complex64), acquisition, (MEASURED_NAME,), source),
        phase0_rad,
        delay_s,
        shift_hz / acquisition.spectrometer_frequency_mhz,
        tuple(sorted(float(p) for p in ppm[inside & ~kept])),
    )


def _mean_fid(data: MRSData) -> np.ndarray:
    if data.acquisition.nucleus != "1H":
        raise InputError(f"macromolecules are measured with 1H, but this scan is of {data.acquisition.nucleus}")
    fid = np.asarray(data.spectra).astype(complex).mean(axis=0)
    if not np.isfinite(fid).all() or not fid.any():
        raise InputError("the macromolecule scan holds NaN, infinite samples or only zeros")
    return fid


def _offsets(fid: np.ndarray, acquisition: Acquisition) -> tuple[float, float, float]:
    """Phase (rad), delay (s) and shift (Hz) of a spectrum against a published set of lines."""
    lines = macromolecule_basis(nearest_measured_set(acquisition), acquisition, fid.size)
    names = lines.names
    scale = np.abs(np.asarray(lines.fid)).max() / np.abs(fid).max()
    data = MRSData(jnp.asarray(scale * fid, jnp.complex64), acquisition)
    common = tuple((name, 1.0) for name in names)
    held = [ParameterPrior("delay_s", "", 0.0, _DELAY_SD_S, "broad lines hardly tell it from a baseline")]
    for name in names:
        shift_sd, width_sd, source = heavy_spread(name, acquisition.spectrometer_frequency_mhz)
        held.append(ParameterPrior("frequency_shift_hz", name, 0.0, shift_sd, source, common))
        held.append(ParameterPrior("lorentzian_fwhm_hz", name, 0.0, width_sd, source, common))
    found = fit(data, lines, baseline=_STIFF, priors=held, shims=(0,) * len(names)).flat().parameters
    return float(found.phase0_rad[0]), float(found.delay_s[0]), float(found.frequency_shift_hz[0].mean())


def _sum_of(poles: np.ndarray, amplitudes: np.ndarray, steps: np.ndarray) -> np.ndarray:
    return np.exp(np.log(poles)[None, :] * steps[:, None]) @ amplitudes
