r"""What is expected of neighbouring voxels: frequency, phase and width differ by little.

$$E = \tfrac12 \sum_{(u,v)} \sum_q \left(\frac{\theta_{uq} - \theta_{vq}}{\tau_q}\right)^2$$

over the pairs of voxels that share a face: an intrinsic Gaussian Markov random field of first order (Besag & Kooperberg
1995, Biometrika 82:733; Rue & Held 2005, section 3.3). Phases are compared on the circle.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.fitting.coordinates import to_parameters
from diffmrs.model.signal import SignalModel
from diffmrs.pytree import container
from diffmrs.spatial.neighbours import Neighbours

PHASE = 1  # which of the smoothed quantities
_NARROW_HZ2 = 0.01  # keeps the derivative of the width finite at width 0


@container()
@dataclass(frozen=True)
class Smoothness:
    """How much neighbouring voxels are expected to differ: standard deviations. Infinite: not smoothed.

    Attributes:
        shift_hz: of the frequency shift of the first group, Hz.
        phase_rad: of the zero-order phase, rad.
        width_hz: of the line width (`smoothed`), Hz.

    Raises:
        InputError: a value is not above 0.
    """

    shift_hz: Any = math.inf
    phase_rad: Any = math.inf
    width_hz: Any = math.inf

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, jax.core.Tracer) and not (jnp.ndim(value) == 0 and float(value) > 0):
                raise InputError(f"expected difference {field.name} is {value}; it must be one number above 0")

    @property
    def is_none(self) -> bool:
        """Whether nothing is smoothed; False where that cannot be known, as under `jit`."""
        values = [getattr(self, field.name) for field in fields(self)]
        return all(not isinstance(value, jax.core.Tracer) and math.isinf(value) for value in values)

    def inverse(self, real: Any) -> Float[Array, "3"]:
        """One over each, 0 where infinite."""
        return 1 / jnp.stack([jnp.asarray(getattr(self, field.name), real) for field in fields(self)])


def smoothed(x: Float[Array, " n"], model: SignalModel) -> Float[Array, "3"]:
    """What of the parameters of a voxel is compared with its neighbours: shift, Hz; phase, rad; width, Hz.

    The shift is that of the first group. The width is the full width that a line of the first shim group gains by its
    Gaussian width and the mean Lorentzian width of its groups (Olivero & Longbothum 1977, JQSRT 17:233, eq. 6): spectra
    tell it well, and much less how it divides into the two.
    """
    parameters = to_parameters(x, model)
    shim = model.shims[model.groups.index(0)]
    groups = sorted({group for group, own in zip(model.groups, model.shims, strict=True) if own == shim})
    lorentz = parameters.lorentzian_fwhm_hz[jnp.array(groups)].mean()
    square = 0.2166 * lorentz**2 + parameters.gaussian_variance_hz2[shim] + _NARROW_HZ2
    width = 0.5346 * lorentz + jnp.sqrt(square)
    return jnp.stack([parameters.frequency_shift_hz[0], parameters.phase0_rad, width])


def wrapped(difference: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3"]:
    """Differences of the smoothed quantities, that of the phase on the circle."""
    phase = difference[..., PHASE]
    turns = jax.lax.stop_gradient(jnp.round(phase / (2 * jnp.pi)))
    return difference.at[..., PHASE].set(phase - 2 * jnp.pi * turns)


def differences(theta: Float[Array, "voxels 3"], graph: Neighbours) -> Float[Array, "voxels sides 3"]:
    """Each voxel less each of its neighbours, 0 where there is none."""
    return graph.present[:, :, None] * wrapped(theta[:, None, :] - theta[graph.number])


def pull(theta: Float[Array, "voxels 3"], graph: Neighbours, inverse: Float[Array, "3"]) -> Float[Array, "voxels 3"]:
    """Derivative of the energy of all pairs in the smoothed quantities of each voxel."""
    return jnp.sum(differences(theta, graph), axis=1) * inverse[None] ** 2
