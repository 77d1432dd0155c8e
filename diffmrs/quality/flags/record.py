"""Faults of the recorded samples themselves: a receiver that ran out of range, and samples that jump."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from diffmrs.axes import spectrum_of
from diffmrs.model.signal import SignalModel

SIGNAL_PPM = (0.0, 5.5)  # of 1H; the fit window for other nuclei
_LEAST_BAND = 0.25  # part of the band that must be free of signal, to look for spikes there
_BLOCK = 64  # samples over which the usual size of the noise is measured
_SKIPPED = 16  # samples at each end, where what is cut out of a spectrum rings
_RAYLEIGH_MEDIAN = float(np.sqrt(2 * np.log(2)))  # median magnitude of complex noise of unit variance in each part
_TIED = 1e-6  # two samples whose difference is less than this part of the largest are equal
_ABOVE_NOISE = 10.0  # a largest sample below this many standard deviations of the tail is no clipped signal


class Spike(NamedTuple):
    """The sample of an FID that stands out most, in the part of the band without signal; 0 when there is too little."""

    height: Float[Array, "*spectra"]  # its magnitude there over the standard deviation around it
    wave: Float[Array, "*spectra"]  # amplitude of the wave it adds to the spectrum, over the noise of the spectrum
    at: Int[Array, "*spectra"]  # its index


def strongest_spike(fid: Complex[Array, " points"], model: SignalModel) -> Spike:
    """Look for a sample that stands out. A spike is in the whole band, signals are not: what lies outside shows it."""
    n = model.n_points
    ppm = model.acquisition.ppm(n)
    low, high = SIGNAL_PPM if model.acquisition.nucleus == "1H" else (model.ppm.min(), model.ppm.max())
    free = (ppm < low) | (ppm > high)
    part, whole = float(free.mean()), n // _BLOCK * _BLOCK
    if part < _LEAST_BAND or whole < 4 * _BLOCK:
        zero = jnp.zeros((), fid.real.dtype)
        return Spike(zero, zero, jnp.zeros((), int))
    fade = np.convolve(free, np.hanning(23)[1:-1] / np.hanning(23).sum(), mode="same") * free
    outside = jnp.abs(jnp.fft.ifft(jnp.fft.ifftshift(spectrum_of(fid) * jnp.asarray(fade, fid.real.dtype))))
    blocks = outside[:whole].reshape(-1, _BLOCK)
    sd = jnp.maximum(jnp.median(blocks, axis=1) / _RAYLEIGH_MEDIAN, 1e-6 * jnp.abs(fid).max() + 1e-30)
    inner = (np.arange(whole) >= _SKIPPED) & (np.arange(whole) < n - _SKIPPED)
    height = jnp.where(jnp.asarray(inner.reshape(blocks.shape)), blocks / sd[:, None], 0.0).ravel()
    # In the free part of the band a spike keeps that part of its amplitude, noise the root of it.
    return Spike(height.max(), height.max() / np.sqrt(part * n), height.argmax())


def n_clipped(fids: Complex[np.ndarray, "spectra points"]) -> Int[np.ndarray, " spectra"]:
    """How many samples share the largest value of the real or imaginary part.

    Only in FIDs as they were recorded: after a phase correction point by point, clipping no longer shows.
    """
    usable = np.where(np.isfinite(fids).all(axis=1, keepdims=True), fids, 0)
    return np.maximum(_at_the_top(usable.real), _at_the_top(usable.imag))


def _at_the_top(parts: Float[np.ndarray, "spectra points"]) -> Int[np.ndarray, " spectra"]:
    magnitude = np.abs(parts)
    top = magnitude.max(axis=1)
    tail = np.std(parts[:, 3 * parts.shape[1] // 4 :], axis=1)
    tied = np.sum(magnitude >= (1 - _TIED) * top[:, None], axis=1)
    return np.where(top > _ABOVE_NOISE * tail, tied, 0)
