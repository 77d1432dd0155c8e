"""The parameters of one FID, as named fields in physical units."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.pytree import container


@container()
@dataclass(frozen=True)
class Parameters:
    """What the signal model needs to know about one FID, or about a stack with the same leading axes on every field.

    Attributes:
        amplitude: of each basis member, in units of the data per unit of the basis. [..., members]
        lorentzian_fwhm_hz: Lorentzian width added to the basis, per group, Hz. [..., groups]
        frequency_shift_hz: shift of each group, Hz; positive moves lines to lower ppm. [..., groups]
        gaussian_variance_hz2: square of the Gaussian width added to the basis, per shim group, Hz². [..., shims]
        third_moment_hz3: third central moment of the field distribution, per shim group, Hz³; 0 for symmetric lines,
            positive with a tail to higher frequency (lower ppm). Empty unless the model is asymmetric. [..., shims]
        lineshape: weight of each point of the lineshape kernel; sums to 1. Empty without a kernel. [..., kernel]
        phase0_rad: zero-order phase, rad. [...]
        delay_s: time by which sampling began late, s: the first-order phase, 2π·frequency·delay. [...]
        baseline: coefficient of each baseline function, real, in units of the spectrum. [..., functions]
    """

    amplitude: jax.Array
    lorentzian_fwhm_hz: jax.Array
    frequency_shift_hz: jax.Array
    gaussian_variance_hz2: jax.Array
    third_moment_hz3: jax.Array
    lineshape: jax.Array
    phase0_rad: jax.Array
    delay_s: jax.Array
    baseline: jax.Array

    @property
    def gaussian_fwhm_hz(self) -> Float[Array, "*shims"]:
        """Gaussian full width at half maximum added to the basis, per shim group, Hz."""
        return jnp.sqrt(self.gaussian_variance_hz2)
