"""How a line decays: the Voigt profile in the time domain."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

# Gaussian decay exponent per (FWHM² · t²): π² / (4 ln 2).
GAUSSIAN_EXPONENT = math.pi**2 / (4 * math.log(2.0))
# Phase per (third central moment of a frequency distribution · t³), from its cumulant expansion: (2π)³ / 6.
THIRD_MOMENT_PHASE = (2 * math.pi) ** 3 / 6


def voigt_decay(
    time_s: Float[Array, " points"],
    lorentzian_fwhm_hz: Float[Array, "*groups"],
    gaussian_variance_hz2: Float[Array, "*groups"],
) -> Float[Array, "*groups points"]:
    r"""Decay of a Voigt line, 1 at time zero.

    $$d(t) = \exp\!\left(-\pi L t - \frac{\pi^2 G^2 t^2}{4 \ln 2}\right)$$

    Args:
        time_s: sample times, s.
        lorentzian_fwhm_hz: Lorentzian full width at half maximum $L$, Hz.
        gaussian_variance_hz2: square of the Gaussian full width at half maximum, $G^2$, Hz². The square is the
            parameter because the signal depends on nothing else: its derivative does not vanish at width zero, so
            that neither a fit nor a Fisher matrix is singular there.

    Returns:
        The factor on each sample, no unit.
    """
    rate = jnp.pi * lorentzian_fwhm_hz[..., None]
    curvature = GAUSSIAN_EXPONENT * gaussian_variance_hz2[..., None]
    return jnp.exp(-rate * _like(time_s, rate) - curvature * _like(time_s, rate) ** 2)


def voigt_fwhm_hz(lorentzian_fwhm_hz: Float[Array, "*any"], gaussian_fwhm_hz: Float[Array, "*any"]) -> Array:
    """Full width at half maximum of a Voigt line, Hz, to 0.02 % (Olivero & Longbothum 1977, JQSRT 17:233, eq. 6)."""
    return 0.5346 * lorentzian_fwhm_hz + jnp.sqrt(0.2166 * lorentzian_fwhm_hz**2 + gaussian_fwhm_hz**2)


def _like(time_s: Array, groups: Array) -> Array:
    return time_s.reshape((1,) * (groups.ndim - 1) + (-1,))
