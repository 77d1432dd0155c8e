"""What a fit looks like to those who judge it: the curves of one spectrum, upright, and nothing of how they were made.

The only file of this room, with `parameters.py`, that knows the parameters of the model.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, first_order_phase, predict, predict_baseline

_TAPER = 0.1  # part of the window at each end over which it fades, so that what is cut off there does not ring in time
BLOCK_S = 0.015  # length of the blocks an FID is looked at in, s: an eddy current or an echo lasts longer


class Seen(NamedTuple):
    """One spectrum and its fit, phases taken off, in units of `diffmrs.axes.spectrum_of`."""

    data: Complex[Array, " window"]
    members: Complex[Array, " window"]  # all fitted basis members
    baseline: Complex[Array, " window"]
    noise_sd: Float[Array, ""]  # of the real part of a point

    @property
    def residual(self) -> Array:
        """Data minus fit. [window]"""
        return self.data - self.members - self.baseline


def seen(
    parameters: Parameters,
    fid: Complex[Array, " points"],
    noise_sd: Float[Array, ""],
    basis_fid: Complex[Array, "members points"],
    model: SignalModel,
) -> Seen:
    """The curves of one fit."""
    back = jnp.conj(jnp.exp(1j * parameters.phase0_rad) * first_order_phase(parameters, model))
    baseline = predict_baseline(parameters, model)
    return Seen(
        data=back * model.window_of(fid),
        members=back * (predict(parameters, basis_fid, model) - baseline),
        baseline=back * baseline,
        noise_sd=noise_sd,
    )


def in_time_blocks(
    curves: Complex[Array, "curves window"], model: SignalModel
) -> tuple[Complex[Array, "curves blocks samples"], float, float]:
    """Curves of the window as FIDs, cut into blocks.

    Args:
        curves: spectra in the fit window.
        model: tells the sampling.

    Returns:
        The blocks, in time order; the duration of one, s; and the noise variance of a complex sample, real and
        imaginary part together, when the real part of a point of the spectrum has a variance of 1.
    """
    n = model.n_window
    fade = np.minimum(1.0, (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / (_TAPER * n))
    taper = np.sin(0.5 * np.pi * fade) ** 2
    sample_s = model.n_points * model.acquisition.dwell_time_s / n
    length = int(np.clip(round(BLOCK_S / sample_s), 4, max(n // 8, 4)))
    n_blocks = n // length
    fids = jnp.fft.ifft(curves * jnp.asarray(taper, curves.real.dtype)[None], axis=-1)
    blocks = fids[:, : n_blocks * length].reshape(curves.shape[0], n_blocks, length)
    return blocks, length * sample_s, float(2 * np.sum(taper**2) / n**2)
