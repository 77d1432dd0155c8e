"""What the fit left over, in numbers: how much, how high its worst point, and whether it looks like noise."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.quality.seen import Seen


class ResidualNumbers(NamedTuple):
    """Of one spectrum, or arrays over spectra."""

    fqn: Float[Array, "*spectra"]  # variance of the residual over that of the noise
    residual_peak: Float[Array, "*spectra"]  # largest residual, in standard deviations of the noise
    residual_durbin_watson: Float[Array, "*spectra"]  # 2 when neighbours are independent, 0 when equal
    unexplained: Float[Array, "*spectra"]  # root mean square of what is above the noise, over that of the members


def residual_numbers(one: Seen) -> ResidualNumbers:
    r"""Statistics of the complex residual $r$ in the fit window, noise of standard deviation $\sigma$ per part.

    The fit quality number is the variance of the residual over that of the noise (Slotboom et al. 2009, Meas Sci
    Technol 20:104034; Near et al. 2021, NMR Biomed 34:e4257). Points of a discrete spectrum without zero-filling have
    independent noise, so that the ratio of Durbin & Watson (1950, Biometrika 37:409),
    $\sum |r_{k+1} - r_k|^2 / \sum |r_k|^2$, is 2 for noise and near 0 for a residual with lines or waves in it.
    """
    residual = one.residual
    power = jnp.abs(residual) ** 2
    noise = 2 * one.noise_sd**2
    spread = jnp.mean(jnp.abs(residual - residual.mean()) ** 2)
    excess = jnp.maximum(power.mean() - noise, 0.0)
    peak = jnp.maximum(jnp.abs(residual.real).max(), jnp.abs(residual.imag).max())
    return ResidualNumbers(
        fqn=spread / noise,
        residual_peak=peak / one.noise_sd,
        residual_durbin_watson=jnp.sum(jnp.abs(jnp.diff(residual)) ** 2) / jnp.sum(power),
        unexplained=jnp.sqrt(excess / jnp.mean(jnp.abs(one.members) ** 2)),
    )
