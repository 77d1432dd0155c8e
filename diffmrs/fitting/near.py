"""A start from the fit of a similar spectrum: only frequency, phase and size are sought, in one correlation.

Neighbours in a spectroscopic image look alike. The spectrum that a neighbour's parameters predict is correlated with
the data at every shift at once; where that explains most of the signal, the neighbour's proportions and widths are a
better start than the exhaustive search of `diffmrs.fitting.start`, and cost a thirtieth of it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.fitting.coordinates import to_parameters, to_vector
from diffmrs.fitting.start import coarse_trend
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict_metabolites
from diffmrs.model.split import Split

_ENOUGH = 0.6  # of the energy of the signal that a neighbour must explain to be trusted
_SEEN = 50.0  # times the variance of the noise: the same, for noise alone reaches 20 at the best of all shifts


class Near(NamedTuple):
    """Fits that others start from; made once by `near_table`."""

    start: Float[Array, "near n"]  # coordinates, amplitudes in units of the scaled basis per unit of energy
    wave: Complex[Array, "near points"]  # conjugate transform of the predicted spectrum, energy 1
    phase0_rad: Float[Array, " near"]
    valid: Bool[Array, " near"]


class Guess(NamedTuple):
    """Where a fit may begin."""

    x: Float[Array, " n"]
    trusted: Bool[Array, ""]


def near_table(parameters: Parameters, basis_fid: Split, model: SignalModel, amplitude_unit: Float[Array, ""]) -> Near:
    """Prepare fitted parameters as starts for others.

    Args:
        parameters: of the fits, [near, ...] on every field; NaN where there is none.
        basis_fid: scaled and reduced to the band of the model. [members, samples]
        model: banded.
        amplitude_unit: unit of the scaled basis over that of the fitted amplitudes.
    """

    def one(fitted: Parameters) -> Near:
        x = to_vector(fitted)
        known = jnp.all(jnp.isfinite(x)) & jnp.any(fitted.amplitude > 0)
        x = jnp.where(known, x, 0.0)
        members = len(model.groups)
        x = x.at[:members].multiply(amplitude_unit)
        spectrum = predict_metabolites(to_parameters(x, model), basis_fid, model)
        spectrum = _off_trend(spectrum, model)
        size = jnp.sqrt(jnp.maximum(jnp.sum(jnp.abs(spectrum) ** 2), 1e-30))
        whole = jnp.zeros(model.n_points, spectrum.dtype).at[slice(*model.window)].set(spectrum / size)
        return Near(x.at[:members].divide(size), jnp.fft.fft(whole).conj(), x[-2], known)

    return jax.lax.map(one, parameters)


def guess(
    spectrum: Complex[Array, " points"],
    near: Near,
    index: Array,
    noise: Float[Array, ""],
    model: SignalModel,
    max_shift_ppm: float,
) -> Guess:
    """Start from one of the fits.

    Args:
        spectrum: the whole spectrum, as `spectrum_of` gives it.
        near: from `near_table`.
        index: which of them.
        noise: standard deviation of the noise in the real part of the spectrum.
        model: the fixed part.
        max_shift_ppm: shifts up to this, ppm, either way.
    """
    n = model.n_points
    bin_hz = model.acquisition.bandwidth_hz / n
    reach = max(int(max_shift_ppm * model.acquisition.spectrometer_frequency_mhz / bin_hz), 1)
    start, wave = near.start[index], near.wave[index]
    overlap = jnp.fft.ifft(jnp.fft.fft(spectrum) * wave)
    shifts = np.arange(-reach, reach + 1)
    here = overlap[shifts % n]
    size = jnp.abs(here)
    best = jnp.clip(jnp.argmax(size), 1, size.shape[0] - 2)
    low, top, high = size[best - 1], size[best], size[best + 1]
    bend = jnp.minimum(low - 2 * top + high, -1e-30)
    part = jnp.clip(0.5 * (low - high) / bend, -0.5, 0.5)  # of a bin, to the top of a parabola
    shift = jnp.asarray(shifts)[best]
    inside = _off_trend(jnp.roll(spectrum, -shift)[slice(*model.window)], model)
    signal = jnp.sum(jnp.abs(inside) ** 2) - 2 * model.n_window * noise**2
    groups = model.n_groups
    first_shift = len(model.groups) + groups
    x = start.at[: len(model.groups)].multiply(top)
    x = x.at[first_shift].add((shift + part).astype(x.dtype) * bin_hz)
    x = x.at[-2].add(jnp.angle(here[best]))
    trusted = near.valid[index] & (top**2 > jnp.maximum(_ENOUGH * signal, _SEEN * noise**2))
    return Guess(x, trusted)


def _off_trend(spectrum: Complex[Array, " window"], model: SignalModel) -> Complex[Array, " window"]:
    trend = coarse_trend(model)
    if trend is None:
        return spectrum
    functions = jnp.asarray(trend, spectrum.real.dtype).astype(spectrum.dtype)
    return spectrum - (spectrum @ functions) @ functions.T
