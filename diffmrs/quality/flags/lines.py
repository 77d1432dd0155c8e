"""How high the lines of a spectrum stand, region by region, whatever the fit made of them."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.model.signal import SignalModel

WATER_PPM = (4.4, 4.95)
LIPID_PPM = (0.8, 1.8)
METABOLITE_PPM = (1.9, 3.5)
_RISE_S = 0.015  # time to the top of the weighting, s: short enough to see lipids of 30 Hz


class LineHeights(NamedTuple):
    """Tallest line of three regions of a 1H spectrum, all in the same unit; NaN for another nucleus."""

    water: Float[Array, "*spectra"]
    lipids: Float[Array, "*spectra"]
    metabolites: Float[Array, "*spectra"]


def rising(time_s: np.ndarray, top_s: float) -> np.ndarray:
    """Weight t/T exp(1 - t/T): 0 at time zero, 1 at T. Tails of lines, offsets and broad humps live near time zero."""
    return time_s / top_s * np.exp(1 - time_s / top_s)


def line_heights(fid: Complex[Array, " points"], shift_hz: Float[Array, ""], model: SignalModel) -> LineHeights:
    """Heights in the magnitude spectrum of the FID weighted by `rising`; the regions move with the fitted shift."""
    if model.acquisition.nucleus != "1H":
        missing = jnp.full((), jnp.nan, fid.real.dtype)
        return LineHeights(missing, missing, missing)
    weight = jnp.asarray(rising(model.time_s, _RISE_S), fid.real.dtype)
    magnitude = jnp.abs(spectrum_of(fid * weight))
    moved_ppm = -shift_hz / model.acquisition.spectrometer_frequency_mhz
    ppm = jnp.asarray(model.acquisition.ppm(model.n_points), magnitude.dtype) - moved_ppm

    def tallest(region: tuple[float, float]) -> Array:
        return jnp.where((ppm > region[0]) & (ppm < region[1]), magnitude, 0.0).max()

    return LineHeights(tallest(WATER_PPM), tallest(LIPID_PPM), tallest(METABOLITE_PPM))
