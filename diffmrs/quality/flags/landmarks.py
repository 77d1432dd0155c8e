"""Where the three tall singlets of a 1H brain spectrum lie, and whether the spectrum is the right way round.

The methyl singlets of NAA, creatine and choline, equally high, are moved along the spectrum; where the match is best
is where the axis is.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.model.signal import SignalModel
from diffmrs.quality.flags.lines import rising

LANDMARKS = (("NAA",), ("Cr", "PCr"), ("GPC", "PCho", "PCh", "Cho"))
CORE_PPM = (1.8, 3.4)  # the three singlets; water and lipids stay outside for the smaller shifts
REACH_PPM = 1.0  # shifts looked at, either way
NEAR_PPM = 0.06  # a match no further than this from the fitted shift counts as found by the fit
_RISE_S = 0.03  # of the weighting; the lines of a usable spectrum last longer


class Match(NamedTuple):
    """How well the landmarks match, as the part of the signal in their region that they explain, 0 to 1; NaN when the
    basis does not have them."""

    fitted: Float[Array, "*spectra"]  # where the fit put them
    best: Float[Array, "*spectra"]  # at the best shift
    best_ppm: Float[Array, "*spectra"]  # that shift, ppm, positive to higher ppm
    mirrored: Float[Array, "*spectra"]  # at the best shift of the conjugated data
    best_snr: Float[Array, "*spectra"]  # matched signal over its noise, at the best shift of either


def template(names: tuple[str, ...]) -> tuple[int, ...]:
    """Rows of the landmarks in a basis, empty when it has fewer than all three."""
    rows = [next((names.index(name) for name in same if name in names), None) for same in LANDMARKS]
    return tuple(row for row in rows if row is not None) if None not in rows else ()


def match(
    fid: Complex[Array, " points"],
    shift_hz: Float[Array, ""],
    noise_sd: Float[Array, ""],
    basis_fid: Complex[Array, "members points"],
    rows: tuple[int, ...],
    model: SignalModel,
) -> Match:
    """Match of one spectrum.

    Args:
        fid: the data.
        shift_hz: shift of the metabolites that the fit found, Hz.
        noise_sd: of the real part of the spectrum.
        basis_fid: the basis.
        rows: of the landmarks, from `template`.
        model: tells the axes.
    """
    real, n = fid.real.dtype, model.n_points
    ppm = model.acquisition.ppm(n)
    core = np.flatnonzero((ppm > CORE_PPM[0]) & (ppm < CORE_PPM[1]))
    bin_ppm = abs(ppm[1] - ppm[0])
    reach = min(int(REACH_PPM / bin_ppm), n // 2)
    if model.acquisition.nucleus != "1H" or not rows or core.size < 16:
        missing = jnp.full((), jnp.nan, real)
        return Match(missing, missing, missing, missing, missing)
    weight = rising(model.time_s, _RISE_S)
    singlets = spectrum_of(basis_fid[np.array(rows)] * jnp.asarray(weight, real)[None])[:, core]
    shape = jnp.sum(singlets / jnp.abs(singlets).max(axis=1, keepdims=True), axis=0)
    shape = shape / jnp.sqrt(jnp.sum(jnp.abs(shape) ** 2))

    steps = np.arange(-reach, reach + 1)
    at = jnp.asarray((core[None, :] + steps[:, None]) % n)

    def along(fid: Array) -> tuple[Array, Array]:
        spectrum = spectrum_of(fid * jnp.asarray(weight, real))[at]
        overlap = jnp.abs(spectrum @ shape.conj()) ** 2
        return overlap, overlap / jnp.maximum(jnp.sum(jnp.abs(spectrum) ** 2, axis=1), 1e-30)

    overlap, part = along(fid)
    overlap_mirrored, part_mirrored = along(fid.conj())
    # One bin further along the spectrum is one bin lower in ppm.
    steps_ppm = jnp.asarray(-steps * bin_ppm, real)
    fitted_ppm = -shift_hz / model.acquisition.spectrometer_frequency_mhz
    near = jnp.abs(steps_ppm - fitted_ppm) <= NEAR_PPM
    best = part.argmax()
    in_time = jnp.fft.ifft(jnp.zeros(n, shape.dtype).at[core].set(shape))
    noise = 2 * noise_sd**2 * n * jnp.sum(jnp.asarray(weight**2, real) * jnp.abs(in_time) ** 2)
    strongest = jnp.maximum(overlap[best], overlap_mirrored[part_mirrored.argmax()])
    return Match(
        fitted=jnp.where(near, part, 0.0).max(),
        best=part[best],
        best_ppm=steps_ppm[best],
        mirrored=part_mirrored.max(),
        best_snr=jnp.sqrt(strongest / noise),
    )
