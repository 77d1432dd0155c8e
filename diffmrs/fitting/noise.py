"""The noise of a spectrum, measured where there is no signal."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.model.signal import SignalModel

_BLOCK = 32  # points; short enough that a quadratic follows the tail of the water line
_EDGE = 0.04  # fraction of the band at each end where receiver filters bend the noise
_WATER_PPM = (4.65 - 0.8, 4.65 + 0.8)


def noise_sd(spectrum: Complex[Array, " points"], model: SignalModel) -> Float[Array, ""]:
    """Standard deviation of the noise in the real (and in the imaginary) part of a spectrum.

    The spectrum outside the fit window, the water line (1H) and the ends of the band is cut into blocks of 32 points;
    in each, a quadratic is taken off and the variance measured; the median over blocks counts, so that a minority
    of blocks with lines in them does no harm. Where the band holds too little beside the window, the last quarter of
    the FID is used instead.

    Args:
        spectrum: the whole spectrum, as `diffmrs.axes.spectrum_of` gives it.
        model: tells the axes and the window.
    """
    blocks = _signal_free_blocks(model)
    if len(blocks) >= 4:
        trend = np.polynomial.legendre.legvander(np.linspace(-1, 1, _BLOCK), 2)
        remove = np.eye(_BLOCK) - trend @ np.linalg.pinv(trend)
        rest = spectrum[blocks] @ jnp.asarray(remove.T, spectrum.real.dtype).astype(spectrum.dtype)
        degrees = 2 * (_BLOCK - trend.shape[1])
        variance = jnp.sum(jnp.abs(rest) ** 2, axis=1) / degrees
        # The median of a χ² variable lies below its mean: Wilson & Hilferty (1931).
        return jnp.sqrt(jnp.median(variance) / (1 - 2 / (9 * degrees)) ** 3)
    fid = jnp.fft.ifft(jnp.fft.ifftshift(spectrum))
    tail = fid[3 * model.n_points // 4 :]
    return jnp.sqrt(jnp.mean(jnp.abs(tail) ** 2) / 2 * model.n_points)


def _signal_free_blocks(model: SignalModel) -> np.ndarray:
    """Indices of the points of each block, [blocks, 32]."""
    points = np.arange(model.n_points)
    edge = int(np.ceil(_EDGE * model.n_points))
    free = (points >= edge) & (points < model.n_points - edge)
    free &= (points < model.window[0]) | (points >= model.window[1])
    if model.acquisition.nucleus == "1H":
        ppm = model.acquisition.ppm(model.n_points)
        free &= (ppm < _WATER_PPM[0]) | (ppm > _WATER_PPM[1])
    blocks = [
        points[start : start + _BLOCK]
        for start in range(0, model.n_points - _BLOCK + 1, _BLOCK)
        if free[start : start + _BLOCK].all()
    ]
    return np.array(blocks, dtype=int).reshape(-1, _BLOCK)
