"""Elementary steps on one FID: phase, frequency, time, apodisation, length and offset."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Complex

from diffmrs import axes
from diffmrs.axes import Acquisition, fid_of, spectrum_of
from diffmrs.errors import InputError
from diffmrs.lineshape import voigt_decay


def apply_phase(
    fid: Complex[Array, " points"],
    acquisition: Acquisition,
    phase0_rad: Any,
    *,
    phase1_s: Any = 0.0,
    pivot_ppm: float | None = None,
) -> Complex[Array, " points"]:
    r"""Turn the phase of a spectrum, to zero and first order in frequency.

    $$S'(f) = S(f)\, e^{i(\varphi_0 + 2\pi (f - f_p)\tau)}$$

    The signs are those of the fit (`phase0_rad`, `delay_s`): what a fit found is taken off by its negative.

    Args:
        fid: one FID.
        acquisition: its sampling.
        phase0_rad: $\varphi_0$, rad.
        phase1_s: $\tau$, s: the spectrum of an FID whose sampling began $\tau$ late has this phase too much.
        pivot_ppm: where the first-order phase is zero, ppm; at the carrier when None.
    """
    pivot_hz = 0.0 if pivot_ppm is None else acquisition.ppm_to_hz(pivot_ppm)
    real = fid.real.dtype
    turned = fid * _turn(jnp.asarray(phase0_rad, real)).astype(fid.dtype)
    from_pivot = jnp.asarray(acquisition.frequency_hz(fid.size) - pivot_hz, real)
    slope = _turn(2 * jnp.pi * from_pivot * jnp.asarray(phase1_s, real))
    return fid_of(spectrum_of(turned) * slope.astype(fid.dtype))


def shift_frequency(
    fid: Complex[Array, " points"], acquisition: Acquisition, shift_hz: Any
) -> Complex[Array, " points"]:
    """Move every line by `shift_hz`, Hz: to lower ppm when it is positive."""
    real = fid.real.dtype
    time = jnp.asarray(acquisition.time_s(fid.size), real)
    return axes.shift_frequency(fid, time, jnp.asarray(shift_hz, real)).astype(fid.dtype)


def shift_time(fid: Complex[Array, " points"], acquisition: Acquisition, delay_s: Any) -> Complex[Array, " points"]:
    r"""The FID as if its sampling had begun `delay_s` later: $s'(t) = s(t + d)$.

    A positive delay drops leading points, such as those of a digital filter or before the top of an echo; zeros fill
    up the end. A negative one puts zeros before the first point. The shift is a phase in the Fourier transform of the
    FID, zero-filled to twice its length so that nothing comes round: exact for whole dwell times. A fraction of one
    rings at the first points, where an FID starts from nothing: their error is up to a sixth of the first sample
    and falls as one over their number. For less than a dwell time turn the phase of the spectrum (`apply_phase`).

    Args:
        fid: one FID.
        acquisition: its sampling.
        delay_s: $d$, s; may be a fraction of a dwell time.
    """
    n, real = fid.size, fid.real.dtype
    steps = jnp.asarray(delay_s, real) / acquisition.dwell_time_s
    frequency = jnp.fft.fftfreq(2 * n).astype(real)
    slope = _turn(2 * jnp.pi * frequency * steps)
    # The highest frequency has no sign: its mean over both keeps whole shifts exact and has a derivative.
    slope = slope.at[n].set(jnp.cos(jnp.pi * steps))
    return jnp.fft.ifft(jnp.fft.fft(fid, 2 * n) * slope.astype(fid.dtype))[:n]


def apodise(
    fid: Complex[Array, " points"],
    acquisition: Acquisition,
    *,
    lorentzian_fwhm_hz: Any = 0.0,
    gaussian_fwhm_hz: Any = 0.0,
) -> Complex[Array, " points"]:
    """Let every line become wider, and the noise less: multiplication with the decay of a Voigt line.

    Args:
        fid: one FID.
        acquisition: its sampling.
        lorentzian_fwhm_hz: full width at half maximum of the exponential part, Hz; negative to make lines narrower.
        gaussian_fwhm_hz: full width at half maximum of the Gaussian part, Hz.
    """
    real = fid.real.dtype
    time = jnp.asarray(acquisition.time_s(fid.size), real)
    decay = voigt_decay(time, jnp.asarray(lorentzian_fwhm_hz, real), jnp.asarray(gaussian_fwhm_hz, real) ** 2)
    return fid * decay


def truncate(fid: Complex[Array, " points"], n_points: int) -> Complex[Array, " kept"]:
    """The first `n_points` of an FID.

    Raises:
        InputError: there are not so many, or fewer than one is wanted.
    """
    if not 1 <= n_points <= fid.size:
        raise InputError(f"cannot cut an FID of {fid.size} points to {n_points}")
    return fid[:n_points]


def zero_fill(fid: Complex[Array, " points"], n_points: int) -> Complex[Array, " filled"]:
    """An FID with zeros at its end, `n_points` long: the same spectrum on a finer axis.

    Raises:
        InputError: the FID is longer.
    """
    if n_points < fid.size:
        raise InputError(f"an FID of {fid.size} points cannot be filled up to {n_points}; cut it with truncate")
    return jnp.pad(fid, (0, n_points - fid.size))


def remove_dc_offset(fid: Complex[Array, " points"], *, share: float = 0.125) -> Complex[Array, " points"]:
    """Take the mean of the end of an FID off all of it: the spike at the carrier that a receiver leaves.

    The signal must have decayed there: a line at the carrier that has not is taken for an offset.

    Args:
        fid: one FID.
        share: the part at its end that is looked at.

    Raises:
        InputError: the share is not between 0 and 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"share is {share:g}; it must lie above 0 and not above 1")
    return fid - jnp.mean(fid[-max(round(share * fid.size), 1) :])


def _turn(phase_rad: Array) -> Array:
    return jnp.exp(1j * phase_rad)
