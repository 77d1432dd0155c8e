"""Eddy-current correction: the phase that the water reference should not have."""

import jax.numpy as jnp
from jaxtyping import Array, Complex


def correct_eddy_currents(
    fid: Complex[Array, " points"], water: Complex[Array, " points"]
) -> Complex[Array, " points"]:
    r"""Take the phase of an unsuppressed water FID off a metabolite FID, point by point.

    $$s'(t) = s(t)\, e^{-i \arg w(t)}$$

    Eddy currents shift all resonances alike, and the phase of the water line alone shows by how much. Afterwards the
    carrier stands on the water line, so that a frequency offset common to both is corrected as well (Klose 1990,
    Magn Reson Med 14:26).

    Args:
        fid: the metabolite FID.
        water: unsuppressed water FID of the same voxel, sampling and gradients.

    Returns:
        The corrected FID. Points where the water is exactly zero are left as they are.
    """
    magnitude = jnp.abs(water)
    unit = jnp.where(magnitude > 0, water, 1.0) / jnp.where(magnitude > 0, magnitude, 1.0)
    return fid * unit.conj()
