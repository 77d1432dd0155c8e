"""The Hamming filter of spectroscopic images: less ringing from voxel to voxel, for some resolution."""

import jax.numpy as jnp
from jaxtyping import Array, Complex

_MIDDLE, _SIDE = 0.54, 0.23


def hamming_filter(volume: Complex[Array, "x y z *rest"]) -> Complex[Array, "x y z *rest"]:
    r"""Weight k-space, which was sampled evenly, with a Hamming window along each axis of more than one voxel.

    $$H(k) = 0.54 + 0.46 \cos(2\pi k / N), \qquad k = -N/2 \ldots N/2 - 1$$

    This is the Fourier transform of the kernel (0.23, 0.54, 0.23), with which voxels are convolved, round the edges of
    the field of view: no Fourier transform is needed. The width of a voxel at half height grows from 1.21 to
    1.82 voxels per axis, the largest sidelobe falls from 21 to under 1 %, and the noise to 0.63 per axis (Harris 1978,
    Proc IEEE 66:51). Noise of neighbours is correlated afterwards. Do not filter what was acquired with weighted
    k-space, nor twice.

    Args:
        volume: FIDs or spectra, the three spatial axes first.
    """
    for axis in range(3):
        if volume.shape[axis] > 1:
            beside = jnp.roll(volume, 1, axis) + jnp.roll(volume, -1, axis)
            volume = _MIDDLE * volume + _SIDE * beside
    return volume
