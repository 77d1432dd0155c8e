"""What a pulse does to an uncoupled spin at each offset: excitation, inversion and refocusing profiles."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.spins.precision import in_float64
from diffmrs.spins.rfpulse import RFPulse
from diffmrs.spins.rotation import step_rotation


def excitation_profile(
    pulse: RFPulse, offset_hz: Any, *, b1_scale: Any = 1.0, along_slice: bool = False
) -> Complex[Array, " offsets"]:
    """Transverse magnetisation Mx + i My that the pulse makes of Mz = 1.

    Args:
        pulse: the pulse.
        offset_hz: offsets, Hz, [offsets].
        b1_scale: factor on the amplitude.
        along_slice: whether the offsets come from the gradient of the pulse and follow its modulation (FOCI, GOIA), or
            are chemical shifts.
    """
    alpha, beta = _spinor(pulse, offset_hz, b1_scale, along_slice)
    return 2 * jnp.conj(alpha) * beta


def inversion_profile(
    pulse: RFPulse, offset_hz: Any, *, b1_scale: Any = 1.0, along_slice: bool = False
) -> Float[Array, " offsets"]:
    """Longitudinal magnetisation that the pulse makes of Mz = 1: -1 where it inverts. Arguments as in excitation."""
    alpha, beta = _spinor(pulse, offset_hz, b1_scale, along_slice)
    return jnp.abs(alpha) ** 2 - jnp.abs(beta) ** 2


def refocusing_profile(
    pulse: RFPulse, offset_hz: Any, *, b1_scale: Any = 1.0, along_slice: bool = False
) -> Complex[Array, " offsets"]:
    """Fraction of coherence that changes its order from -1 to +1, between crushers. Arguments as in excitation."""
    _, beta = _spinor(pulse, offset_hz, b1_scale, along_slice)
    return -(jnp.conj(beta) ** 2)


def full_width_half_maximum(pulse: RFPulse, flip_deg: float) -> float:
    """Full width at half maximum of the profile of a pulse, Hz.

    Args:
        pulse: the pulse; the width is searched up to 50 kHz and to the 1000th part of that.
        flip_deg: above 120° the refocusing profile counts, else the excitation profile.
    """
    profile = refocusing_profile if flip_deg > 120 else excitation_profile
    width = 2.0 / float(pulse.duration_s)
    while width < 1e5:
        offset = np.linspace(-width, width, 801)
        size = np.abs(np.asarray(profile(pulse, offset, along_slice=True)))
        above = np.flatnonzero(size >= size.max() / 2)
        if above[0] > 40 and above[-1] < 760:
            return float(offset[above[-1]] - offset[above[0]])
        width *= 1.6
    return 0.0


def _spinor(pulse: RFPulse, offset_hz: Any, b1_scale: Any, along_slice: bool) -> tuple[Array, Array]:
    arguments = {
        "real": jnp.real(pulse.b1_hz),
        "imag": jnp.imag(pulse.b1_hz),
        "step_s": pulse.duration_s / pulse.n_steps,
        "gradient": pulse.gradient if along_slice else np.ones(pulse.n_steps),
        "offset": jnp.atleast_1d(jnp.asarray(offset_hz)),
        "b1_scale": b1_scale,
    }
    return _turn(arguments)


@in_float64
@jax.jit
def _turn(arguments: dict[str, Any]) -> tuple[Array, Array]:
    b1 = (arguments["real"] + 1j * arguments["imag"]) * arguments["b1_scale"]

    def step(total: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        field, gradient = now
        return step_rotation(field, arguments["offset"] * gradient, arguments["step_s"]) @ total, None

    start = jnp.broadcast_to(jnp.eye(2, dtype=b1.dtype), (arguments["offset"].shape[0], 2, 2))
    total, _ = jax.lax.scan(step, start, (b1, arguments["gradient"]))
    return total[:, 0, 0], total[:, 1, 0]
