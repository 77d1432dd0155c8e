"""Where a fit begins: frequency offset, phase and linewidth found from the data by an exhaustive coarse search.

For every candidate shift, phase and width the best non-negative amplitudes are found approximately; the candidate that
explains most of the spectrum wins. Shifting moves the data, not the basis, so one Gram matrix per width serves all.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.lineshape import voigt_decay
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, parameters_for

WIDTHS_HZ = (1.5, 4.0, 8.0, 14.0, 22.0)  # Lorentzian and Gaussian width each; 0.5346 L + ... gives a Voigt 1.6 times it
_COARSE = 2  # index of the width used while shift and phase are unknown
_STEP_PPM = 0.02
_ROUNDS_TO_RANK = 15  # of projected gradient: enough to tell candidates apart
_ROUNDS_TO_START = 40


class StartTable(NamedTuple):
    """What the search needs of the basis: made once per basis, not once per spectrum."""

    basis: Complex[Array, "widths members window"]  # unit norm, orthogonal to the baseline functions
    gram: Float[Array, "widths members members"]
    norm: Float[Array, "widths members"]


def start_table(basis_fid: Complex[Array, "members points"], model: SignalModel) -> StartTable:
    """Broaden, transform and orthogonalise the basis for each candidate width."""
    real = basis_fid.real.dtype
    time_s = jnp.asarray(model.time_s, real)

    def at_width(width_hz: Array) -> Complex[Array, "members window"]:
        return _off_baseline(model.window_of(basis_fid * voigt_decay(time_s, width_hz, width_hz**2)[None]), model)

    basis = jax.vmap(at_width)(jnp.asarray(WIDTHS_HZ, real))
    norm = jnp.sqrt(jnp.sum(jnp.abs(basis) ** 2, axis=-1))
    # A member without signal in the window (all its lines lie elsewhere) must not divide by zero.
    norm = jnp.maximum(norm, 1e-6 * norm.max(axis=1, keepdims=True))
    basis = basis / norm[..., None]
    gram = jnp.einsum("wmk,wnk->wmn", basis, basis.conj()).real
    return StartTable(basis, gram, norm)


def find_start(
    spectrum: Complex[Array, " points"], table: StartTable, model: SignalModel, max_shift_ppm: float
) -> Parameters:
    """Starting values for one spectrum.

    Args:
        spectrum: the whole spectrum, as `spectrum_of` gives it.
        table: from `start_table`.
        model: the fixed part.
        max_shift_ppm: shifts up to this, ppm, either way are tried.

    Returns:
        Parameters near enough for Newton steps: the shift to about 0.01 ppm, the phase to about 15°.
    """
    bin_ppm = 1.0 / (model.n_points * model.acquisition.dwell_time_s * model.acquisition.spectrometer_frequency_mhz)
    step = max(round(_STEP_PPM / bin_ppm), 1)
    reach = int(max_shift_ppm / bin_ppm) // step
    coarse_shifts = np.arange(-reach, reach + 1) * step
    coarse_phases = jnp.asarray(np.arange(12) * 2 * np.pi / 12, spectrum.real.dtype)

    width = jnp.asarray(_COARSE)
    gain, _ = _try_all(spectrum, jnp.asarray(coarse_shifts), coarse_phases, table, width, model, _ROUNDS_TO_RANK)
    best = jnp.unravel_index(gain.argmax(), gain.shape)
    shift, phase = jnp.asarray(coarse_shifts)[best[0]], coarse_phases[best[1]]

    near = shift + jnp.asarray(np.arange(-2, 3) * max(step // 3, 1))
    near_phases = phase + jnp.asarray(np.arange(-2, 3) * np.pi / 24, phase.dtype)
    gains, amplitudes = jax.vmap(lambda w: _try_all(spectrum, near, near_phases, table, w, model, _ROUNDS_TO_START))(
        jnp.arange(len(WIDTHS_HZ))
    )
    w, s, p = jnp.unravel_index(gains.argmax(), gains.shape)
    shift_hz = near[s] / (model.n_points * model.acquisition.dwell_time_s)
    width_hz = jnp.asarray(WIDTHS_HZ, phase.dtype)[w]
    return parameters_for(
        model,
        amplitudes[w, s, p] / table.norm[w],
        lorentzian_fwhm_hz=width_hz,
        gaussian_fwhm_hz=width_hz,
        frequency_shift_hz=shift_hz.astype(phase.dtype),
        phase0_rad=near_phases[p],
    )


def _try_all(
    spectrum: Array,
    shifts: Array,
    phases: Array,
    table: StartTable,
    width: Array,
    model: SignalModel,
    rounds: int,
) -> tuple[Float[Array, "shifts phases"], Float[Array, "shifts phases members"]]:
    """Explained energy and amplitudes for each shift (in points) and phase at one width."""
    points = jnp.asarray(np.arange(*model.window))[None, :] + shifts[:, None]
    shifted = _off_baseline(spectrum[points % model.n_points], model)
    overlap = shifted @ table.basis[width].conj().T  # [shifts, members]
    rotated = overlap[:, None, :] * jnp.exp(-1j * phases)[None, :, None]
    return _nonnegative(table.gram[width], rotated.real, rounds)


def _nonnegative(gram: Float[Array, "m m"], overlap: Float[Array, "*batch m"], rounds: int) -> tuple[Array, Array]:
    """Gain and argument of max aᵀp - ½ aᵀGa over a ≥ 0, by accelerated projected gradient (Beck & Teboulle 2009)."""
    step = 1.0 / jnp.maximum(jnp.max(jnp.sum(jnp.abs(gram), axis=1)), 1e-30)  # 1 / (bound on the largest eigenvalue)

    def iterate(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        amplitude, ahead = state
        moved = jnp.maximum(ahead + step * (overlap - ahead @ gram), 0.0)
        momentum = k / (k + 3.0)
        return moved, moved + jnp.asarray(momentum, moved.dtype) * (moved - amplitude)

    zero = jnp.zeros_like(overlap)
    amplitude, _ = jax.lax.fori_loop(0, rounds, iterate, (zero, zero))
    gain = jnp.sum(amplitude * overlap, axis=-1) - 0.5 * jnp.sum(amplitude * (amplitude @ gram), axis=-1)
    return gain, amplitude


def coarse_trend(model: SignalModel) -> np.ndarray | None:
    """Orthonormal polynomials that stand for the baseline while starts are sought, [window, order + 1], or None."""
    order = model.baseline.coarse_order
    if order < 0:
        return None
    return np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, model.n_window), order))[0]


def _off_baseline(spectra: Complex[Array, "*batch window"], model: SignalModel) -> Complex[Array, "*batch window"]:
    """The part of spectra that a smooth baseline cannot explain: a complex polynomial is taken off."""
    trend = coarse_trend(model)
    if trend is None:
        return spectra
    orthonormal = jnp.asarray(trend, spectra.real.dtype).astype(spectra.dtype)
    return spectra - (spectra @ orthonormal) @ orthonormal.T
