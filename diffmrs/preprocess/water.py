"""Removal of residual water, or of lipids: damped oscillations found in a band of the spectrum are subtracted."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Complex

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.engine import local_mesh, over_voxels
from diffmrs.preprocess.chunks import in_chunks
from diffmrs.preprocess.oscillations import check_components, damped_oscillations, powers

WATER_PPM = (4.3, 5.0)
LIPIDS_PPM = (0.0, 1.8)
COMPONENTS = 20
_RATE_PPM = 7.5  # what lies further than half of this from the band is folded, and folded it stays out of the band

Bands = tuple[float, float] | tuple[tuple[float, float], ...]


def remove_water(
    fid: Complex[Array | np.ndarray, " points"],
    acquisition: Acquisition,
    *,
    band_ppm: Bands = WATER_PPM,
    components: int = COMPONENTS,
) -> Complex[Array, " points"]:
    r"""Subtract all damped oscillations found between two chemical shifts.

    The FID is written as a sum of damped oscillations, metabolites included (`damped_oscillations`); those inside the
    band are evaluated at every sample and subtracted. For 1H the band is first moved to zero frequency and the mean of
    every few samples taken, which leaves a damped oscillation one and makes the problem small: its pole becomes
    $z^d$, its amplitude changes by the mean of $1, z, \dots, z^{d-1}$.

    A pure function for `jit` and `vmap`, the same every run. Its derivative is the true one, through poles and
    amplitudes; only whether a pole lies inside the band is held fixed.

    Args:
        fid: one FID. One of zeros only, or with NaN or infinite samples, comes back as it is.
        acquisition: its sampling.
        band_ppm: lower and upper limit of what goes, ppm; `WATER_PPM` unless told otherwise. Lines outside stay
            untouched. Several bands, such as `(WATER_PPM, LIPIDS_PPM)`, are taken one after the other.
        components: oscillations found for each band, those outside of it included; more than there are lines does no
            harm.

    Returns:
        The FID without what was found.

    Raises:
        InputError: a band or the number of components is unusable.
    """
    bands = _checked_bands(band_ppm)
    samples = jnp.asarray(fid)
    check_components(components, samples.shape[0] // _fold(acquisition, samples.shape[0], components))
    for band in bands:
        samples = _without(samples, acquisition, band, components)
    return samples


def remove_water_from(
    data: MRSData,
    *,
    band_ppm: Bands = WATER_PPM,
    components: int = COMPONENTS,
    mesh: Mesh | None = None,
) -> MRSData:
    """`remove_water` for every FID of a measurement, some hundreds at a time on all cores or on the accelerator.

    Args:
        data: any number of FIDs.
        band_ppm: lower and upper limit of what goes, ppm, or several bands.
        components: oscillations found for each band.
        mesh: devices to use; all of this host unless told otherwise.

    Raises:
        InputError: a band or the number of components is unusable.
    """
    bands = _checked_bands(band_ppm)
    devices = local_mesh() if mesh is None else mesh
    one_chunk = partial(_rows, acquisition=data.acquisition, bands=bands, components=components, mesh=devices)
    rows = np.asarray(data.spectra)
    return data.with_fid(in_chunks(one_chunk, rows).astype(rows.dtype, copy=False).reshape(data.fid.shape))


@partial(jax.jit, static_argnames=("acquisition", "bands", "components", "mesh"))
def _rows(
    fids: Complex[Array, "spectra points"],
    acquisition: Acquisition,
    bands: tuple[tuple[float, float], ...],
    components: int,
    mesh: Mesh | None,
) -> Complex[Array, "spectra points"]:
    def one(fid: Array, _: tuple[()]) -> Array:
        return remove_water(fid, acquisition, band_ppm=bands, components=components)

    return over_voxels(one, fids, mesh=mesh)


@partial(jax.jit, static_argnames=("acquisition", "band", "components"))
def _without(
    fid: Complex[Array, " points"],
    acquisition: Acquisition,
    band: tuple[float, float],
    components: int,
) -> Complex[Array, " points"]:
    n_points, fold = fid.shape[0], _fold(acquisition, fid.shape[0], components)
    usable = jnp.isfinite(fid).all() & (fid != 0).any()
    # Noise takes the place of what cannot be used, so that nothing is divided by zero, not even in the derivative.
    filler = np.random.default_rng(0).normal(size=(2, n_points))
    samples = jnp.where(usable, fid, jnp.asarray(filler[0] + 1j * filler[1], fid.dtype))
    ends_hz = np.sort(acquisition.ppm_to_hz(np.array(band)))
    turn = np.exp(-2j * np.pi * ends_hz.mean() * acquisition.time_s(n_points))
    moved = samples * jnp.asarray(turn, fid.dtype)
    kept = n_points // fold * fold
    poles, amplitudes = damped_oscillations(moved[:kept].reshape(-1, fold).mean(axis=1), components)
    offset_hz = jnp.angle(jax.lax.stop_gradient(poles)) / (2 * np.pi * fold * acquisition.dwell_time_s)
    inside = jnp.abs(offset_hz) < (ends_hz[1] - ends_hz[0]) / 2
    between = powers(poles, np.arange(fold) / fold)  # from one mean to the next
    at_start = jnp.where(inside, amplitudes / between.mean(axis=0), 0)
    coarse = powers(poles, np.arange(-(-n_points // fold))) * at_start[None]
    found = (coarse @ between.T).reshape(-1)[:n_points]
    return jnp.where(usable, samples - found * jnp.asarray(turn.conj(), fid.dtype), fid)


def _fold(acquisition: Acquisition, n_points: int, components: int) -> int:
    """Over how many samples means are taken. Only the spectra of protons are known to be that narrow."""
    if acquisition.nucleus != "1H":
        return 1
    widest = acquisition.bandwidth_hz / (_RATE_PPM * acquisition.spectrometer_frequency_mhz)
    return max(1, min(int(widest), n_points // (4 * components + 8)))


def _checked_bands(band_ppm: Bands) -> tuple[tuple[float, float], ...]:
    several: Any = band_ppm if isinstance(band_ppm[0], tuple | list) else (band_ppm,)
    bands = tuple((float(low), float(high)) for low, high in several)
    for low, high in bands:
        if not low < high:
            raise InputError(f"band is {low:g} to {high:g} ppm; the first limit must be the lower one")
    return bands
