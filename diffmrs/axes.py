"""Time, frequency and ppm axes, the one Fourier pair, and the only place that knows a sign.

Convention (NIfTI-MRS, after Levitt, ω = -γB0): in memory a resonance at a higher ppm lies at a more negative
frequency, `ppm = ppm_reference - f / f0`. A line at δ ppm is therefore stored as
`exp(-2πi (δ - ppm_reference) f0 t)`. Readers that meet the conjugate convention convert; nobody else does.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Num

from diffmrs.errors import InputError

# Chemical shift at the carrier when a file does not say, ppm. 1H and 2H: water at 37 °C (4.65, the value of
# LCModel, FSL-MRS and the NIfTI-MRS standard); 31P: phosphocreatine; 13C: TMS; 23Na, 129Xe: the reference line.
PPM_REFERENCE = {"1H": 4.65, "2H": 4.65, "31P": 0.0, "13C": 0.0, "19F": 0.0, "23Na": 0.0, "129Xe": 0.0}


def ppm_reference_of(nucleus: str) -> float:
    """Chemical shift of the carrier of `nucleus` when nothing else is known, ppm (0 for a nucleus not listed)."""
    return PPM_REFERENCE.get(nucleus, 0.0)


@dataclass(frozen=True)
class Acquisition:
    """How an FID was sampled: all that is needed to put axes on it.

    Hashable and free of arrays, so that it can be a static field of a pytree.

    Attributes:
        dwell_time_s: time between two samples, s.
        spectrometer_frequency_mhz: Larmor frequency, MHz.
        nucleus: for example `"1H"`.
        ppm_reference: chemical shift at zero frequency, ppm.
    """

    dwell_time_s: float
    spectrometer_frequency_mhz: float
    nucleus: str = "1H"
    ppm_reference: float = 4.65

    def __post_init__(self) -> None:
        for field, low, high, unit in (
            ("dwell_time_s", 1e-7, 1.0, "s"),
            ("spectrometer_frequency_mhz", 0.1, 5000.0, "MHz"),
            ("ppm_reference", -1e4, 1e4, "ppm"),
        ):
            value = getattr(self, field)
            if not (isinstance(value, (int, float, np.number)) and np.isfinite(value) and low <= value <= high):
                raise InputError(f"{field} is {value!r}; it must be a number between {low:g} and {high:g} {unit}")
            object.__setattr__(self, field, float(value))
        if not self.nucleus:
            raise InputError("nucleus is empty; give it as mass number and symbol, for example '1H'")

    @property
    def bandwidth_hz(self) -> float:
        """Spectral width, Hz."""
        return 1.0 / self.dwell_time_s

    def time_s(self, n_points: int) -> np.ndarray:
        """Sample times of an FID of `n_points`, s; the first is zero."""
        return np.arange(n_points) * self.dwell_time_s

    def frequency_hz(self, n_points: int) -> np.ndarray:
        """Frequency of each point of `spectrum_of`, Hz, rising."""
        return np.fft.fftshift(np.fft.fftfreq(n_points, self.dwell_time_s))

    def ppm(self, n_points: int) -> np.ndarray:
        """Chemical shift of each point of `spectrum_of`, ppm, falling."""
        return self.hz_to_ppm(self.frequency_hz(n_points))

    def hz_to_ppm(self, frequency_hz: Any) -> Any:
        """Chemical shift at a frequency, ppm."""
        return self.ppm_reference - frequency_hz / self.spectrometer_frequency_mhz

    def ppm_to_hz(self, ppm: Any) -> Any:
        """Frequency at a chemical shift, Hz."""
        return (self.ppm_reference - ppm) * self.spectrometer_frequency_mhz

    def window(self, n_points: int, ppm_range: tuple[float, float]) -> slice:
        """The points of `spectrum_of` with `ppm_range[0] <= ppm <= ppm_range[1]`, as a slice.

        Raises:
            InputError: the limits are reversed, reach outside the axis or hold fewer than 16 points.
        """
        low, high = ppm_range
        axis = self.ppm(n_points)
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise InputError(f"ppm range is {low:g} to {high:g}; the first limit must be the lower one")
        if low < axis.min() or high > axis.max():
            raise InputError(
                f"ppm range is {low:g} to {high:g}, but the data reach only from "
                f"{axis.min():.2f} to {axis.max():.2f} ppm"
            )
        inside = np.flatnonzero((axis >= low) & (axis <= high))
        if inside.size < 16:
            raise InputError(
                f"ppm range {low:g} to {high:g} holds {inside.size} points of the spectrum; at least 16 are needed"
            )
        return slice(int(inside[0]), int(inside[-1]) + 1)


def spectrum_of(fid: Num[Array | np.ndarray, "*batch points"]) -> Complex[Array, "*batch points"]:
    r"""Spectrum of an FID, frequency rising (ppm falling) along the last axis.

    The first point is halved, as the trapezium rule of the one-sided Fourier integral demands; otherwise every line
    would stand on a constant offset. No scale factor: $S_k = \tfrac12 s_0 + \sum_{n>0} s_n e^{-2\pi i kn/N}$.
    """
    halved = jnp.asarray(fid).at[..., 0].multiply(0.5)
    return jnp.fft.fftshift(jnp.fft.fft(halved, axis=-1), axes=-1)


def fid_of(spectrum: Complex[Array | np.ndarray, "*batch points"]) -> Complex[Array, "*batch points"]:
    """FID of a spectrum: the inverse of `spectrum_of`."""
    fid = jnp.fft.ifft(jnp.fft.ifftshift(jnp.asarray(spectrum), axes=-1), axis=-1)
    return fid.at[..., 0].multiply(2.0)


def shift_frequency(
    fid: Complex[Array, "*batch points"], time_s: Float[Array, " points"], frequency_shift_hz: Any
) -> Complex[Array, "*batch points"]:
    """Move every line of an FID up by `frequency_shift_hz`, Hz: to lower ppm when it is positive."""
    return fid * jnp.exp(2j * jnp.pi * frequency_shift_hz * time_s)
