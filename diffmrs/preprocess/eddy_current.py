"""Eddy-current correction: the phase that the water reference should not have."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.axes import Acquisition
from diffmrs.preprocess.eddy_phase import smooth_eddy_phase

_SIGNAL = 10.0  # times the end of the FID, at its beginning
_ALIKE = 1e-6  # relative difference of dwell times that is rounding
_SAME_FIELD = 1e-3  # relative difference of spectrometer frequencies within one scanner


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


def correct_eddy_currents_smoothly(
    fid: Complex[Array, " points"],
    water: Complex[Array, " points"],
    acquisition: Acquisition,
    *,
    change_rad: float = 1.0,
) -> Complex[Array, " points"]:
    """Take the smoothed phase of an unsuppressed water FID (`smooth_eddy_phase`) off a metabolite FID.

    Where the water has decayed into noise, or into the metabolites beneath it, its phase as measured would be stamped
    on the metabolites; the smoothed one goes on at the last frequency.

    Args:
        fid: the metabolite FID.
        water: unsuppressed water FID of the same voxel, sampling and gradients.
        acquisition: of both.
        change_rad: how much the phase may bend, see `smooth_eddy_phase`.

    Returns:
        The corrected FID; as it was where the water is zero throughout.
    """
    phase = smooth_eddy_phase(water, acquisition, change_rad=change_rad)
    return fid * jnp.exp(-1j * phase).astype(fid.dtype)


def reference_mismatch(
    data_acquisition: Acquisition,
    data_points: int,
    water_acquisition: Acquisition,
    water_points: int,
    *,
    water: Complex[Array | np.ndarray, "*any points"] | None = None,
) -> str | None:
    """Why a water scan cannot serve to correct eddy currents, in words; None when it can.

    A water scan may be longer than the data (cut it) and differ in echo time, transients and receiver gain.

    Args:
        data_acquisition: sampling of the data.
        data_points: samples per FID of the data.
        water_acquisition: sampling of the water scan.
        water_points: samples per FID of the water scan.
        water: its samples, if they are to be looked at as well.
    """
    ours, theirs = data_acquisition, water_acquisition
    if theirs.nucleus != ours.nucleus:
        return f"the water scan is of {theirs.nucleus}, the data of {ours.nucleus}"
    if abs(theirs.spectrometer_frequency_mhz / ours.spectrometer_frequency_mhz - 1) > _SAME_FIELD:
        return (
            f"the water scan was taken at {theirs.spectrometer_frequency_mhz:.6g} MHz, "
            f"the data at {ours.spectrometer_frequency_mhz:.6g} MHz"
        )
    if abs(theirs.dwell_time_s / ours.dwell_time_s - 1) > _ALIKE:
        return (
            f"the water scan was sampled every {1e3 * theirs.dwell_time_s:.6g} ms, "
            f"the data every {1e3 * ours.dwell_time_s:.6g} ms"
        )
    if water_points < data_points:
        return f"the water scan has {water_points} points, the data {data_points}"
    return None if water is None else _signal_mismatch(np.asarray(water))


def _signal_mismatch(water: np.ndarray) -> str | None:
    if not np.isfinite(water).all():
        return "the water scan holds NaN or infinite samples"
    if not water.any():
        return "the water scan holds only zeros"
    part = max(water.shape[-1] // 32, 2)
    start, end = (np.sqrt(np.mean(np.abs(piece) ** 2)) for piece in (water[..., :part], water[..., -4 * part :]))
    if start < _SIGNAL * end:
        return f"the water scan shows no signal: it starts {start / end:.1f} times as high as it ends"
    return None
