"""What varies slowly over a head: field, phase, linewidth, and metabolites from place to place."""

import jax
import numpy as np

from diffmrs.simulate.head_tissue import voxel_centres

_WAVES = 48  # in a random field
_SINUS_MM, _EAR_MM = (0.0, 84.0, -24.0), (66.0, -12.0, -34.0)  # air that disturbs the field
_SINUS_HZ, _EAR_HZ, _SHIM_HZ, _LIMIT_HZ = 26.0, 7.0, 4.0, 20.0
_SHIM_MM = 100.0  # length of what the shim left
_AIR_MM = 28.0  # distance at which those hold, straight above


def smooth_fields(key: jax.Array, shape: tuple[int, int, int], count: int, length_mm: float) -> np.ndarray:
    """Random fields with mean 0 and standard deviation 1, smooth over a fraction of the given length.

    Sums of plane waves with random directions, phases and heights.

    Args:
        key: `jax.random` key; the same for any number of voxels, so the fields only get finer.
        shape: voxels along x, y and z.
        count: how many.
        length_mm: typical length of a wave, mm.

    Returns:
        The fields. [x, y, z, count], float32
    """
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,), np.uint32)))
    wave = rng.normal(size=(3, _WAVES)) * 2 * np.pi / length_mm / np.sqrt(3)
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    height = (rng.normal(size=(_WAVES, count)) * np.sqrt(2 / _WAVES)).astype(np.float32)
    along = [np.exp(1j * np.multiply.outer(axis, w)) for axis, w in zip(voxel_centres(shape), wave, strict=True)]
    fields = np.empty((*shape, count), np.float32)
    for k, turn in enumerate(along[2]):  # slice by slice, for the sake of memory
        waves = along[0][:, None] * along[1][None] * (turn * np.exp(1j * phase))[None, None]
        fields[:, :, k] = waves.real.astype(np.float32) @ height
    return fields


def field_hz(key: jax.Array, shape: tuple[int, int, int]) -> np.ndarray:
    """Offset of the field: dipoles of the air in the sinus and the ears, and what the shim left. [x, y, z], Hz

    A sphere of air in tissue changes the field outside by (3 cos² θ - 1) / r³, with θ from the axis z (Schenck 1996,
    Med Phys 23:815). Values are for any field strength alike: some 10 Hz at most places, no more than 20.
    """
    x, y, z = voxel_centres(shape)
    right = np.abs(x)[:, None, None] * np.ones((1, y.size, z.size))
    front, up = y[None, :, None], z[None, None, :]
    air = _SINUS_HZ * _dipole(right, front, up, _SINUS_MM) + _EAR_HZ * _dipole(right, front, up, _EAR_MM)
    total = air + _SHIM_HZ * smooth_fields(key, shape, 1, _SHIM_MM)[..., 0]
    return (_LIMIT_HZ * np.tanh(total / _LIMIT_HZ)).astype(np.float32)


def near_sinus(shape: tuple[int, int, int]) -> np.ndarray:
    """How bad the shim is, from 0 far from the sinus to 1 beside it. [x, y, z]"""
    x, y, z = voxel_centres(shape)
    x0, y0, z0 = _SINUS_MM
    squares = (x - x0)[:, None, None] ** 2 + (y - y0)[None, :, None] ** 2 + (z - z0)[None, None, :] ** 2
    return np.minimum(1.0, _AIR_MM**2 / np.maximum(squares, 1.0)).astype(np.float32)


def _dipole(x: np.ndarray, y: np.ndarray, z: np.ndarray, at: tuple[float, float, float]) -> np.ndarray:
    dx, dy, dz = x - at[0], y - at[1], z - at[2]
    squares = np.maximum(dx**2 + dy**2 + dz**2, (0.7 * _AIR_MM) ** 2)
    return (3 * dz**2 / squares - 1) / 2 * (_AIR_MM**2 / squares) ** 1.5
