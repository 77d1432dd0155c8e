"""The parameters of one FID, as named fields in physical units."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.data import ArrayLike
from diffmrs.pytree import container


@container()
@dataclass(frozen=True)
class Parameters:
    """What the signal model needs to know about one FID, or about a stack with the same leading axes on every field.

    Attributes:
        amplitude: of each basis member, in units of the data per unit of the basis. [..., members]
        lorentzian_fwhm_hz: Lorentzian width added to the basis, per group, Hz. [..., groups]
        gaussian_variance_hz2: square of the Gaussian width added to the basis, per group, Hz². [..., groups]
        frequency_shift_hz: shift of each group, Hz; positive moves lines to lower ppm. [..., groups]
        phase0_rad: zero-order phase, rad. [...]
        delay_s: time by which sampling began late, s: the first-order phase, 2π·frequency·delay. [...]
        baseline: real and imaginary coefficients of each baseline function, in units of the spectrum.
            [..., functions, 2]
    """

    amplitude: ArrayLike
    lorentzian_fwhm_hz: ArrayLike
    gaussian_variance_hz2: ArrayLike
    frequency_shift_hz: ArrayLike
    phase0_rad: ArrayLike
    delay_s: ArrayLike
    baseline: ArrayLike

    @property
    def gaussian_fwhm_hz(self) -> Float[Array, "*groups"]:
        """Gaussian full width at half maximum added to the basis, per group, Hz."""
        return jnp.sqrt(self.gaussian_variance_hz2)

    @property
    def baseline_complex(self) -> Array:
        """Complex coefficient of each baseline function. [..., functions]"""
        return jax.lax.complex(self.baseline[..., 0], self.baseline[..., 1])
