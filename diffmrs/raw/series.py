"""One series of raw transients to one FID per condition: the steps in their order, and what each did."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.preprocess import (
    CREATINE_CHOLINE,
    NAA,
    Offsets,
    align_edited,
    combine_coils,
    correct_eddy_currents,
    correct_eddy_currents_smoothly,
    reference_peaks,
    register,
    register_robustly,
    sensitivities_by_svd,
    sensitivities_from_water,
    take_off,
    transient_weights,
    weighted_mean,
)
from diffmrs.raw.options import RawOptions

Scans = tuple[np.ndarray | None, np.ndarray | None]

_COMPARED_PPM = (0.5, 3.7)  # further up residual water varies more than transients do
_ROUNDS = 3  # of registration to a mean that is made anew


@dataclass(frozen=True)
class SeriesRecord:
    """What was found in a series, and how it looked before.

    Attributes:
        place: which series it is, in words; empty when there is only one.
        shift_hz: taken off each transient, Hz. [conditions, transients]
        phase_rad: taken off each transient, rad. [conditions, transients]
        weight: of each transient in the mean; each condition's sum is 1. [conditions, transients]
        z_score: how unlike the others each transient is; NaN where they were not compared. The same shape.
        outlier: which transients were left out. The same shape.
        sensitivities: of the coils; None where they were not combined. [coils]
        referenced: whether the lines that set frequency and phase were found.
        before: plain mean over the transients. [conditions, points]
        with_water: after all but the removal of water. [conditions, points]
        after: at the end, before truncation, apodisation and zero-filling. [conditions, points]
    """

    place: str
    shift_hz: np.ndarray
    phase_rad: np.ndarray
    weight: np.ndarray
    z_score: np.ndarray
    outlier: np.ndarray
    sensitivities: np.ndarray | None
    referenced: bool
    before: np.ndarray
    with_water: np.ndarray
    after: np.ndarray


def combined(
    fid: np.ndarray, scans: Scans, covariance: jax.Array | None, method: str
) -> tuple[np.ndarray, Scans, np.ndarray | None]:
    """The coils of a series made one, by the same sensitivities in all scans.

    Args:
        fid: [coils, conditions, transients, points].
        scans: the water scan and that for eddy currents, [coils, transients, points], where there are any.
        covariance: of the noise; None for a single coil.
        method: `"svd"` or `"water"`.

    Returns:
        [conditions, transients, points], [transients, points] and the sensitivities.
    """
    if covariance is None:
        alone = (None if scan is None else scan[0] for scan in scans)
        return fid[0], (next(alone), next(alone)), None
    water = next((scan for scan in scans if scan is not None), None)
    by_water = method == "water" and water is not None
    reference = jnp.asarray(fid.reshape(len(fid), -1, fid.shape[-1]) if water is None else water)
    found = _from_water(reference) if by_water else _by_svd(reference, covariance)
    one, first, second = (
        None if scan is None else np.asarray(_together(jnp.asarray(scan), found, covariance)) for scan in (fid, *scans)
    )
    assert one is not None
    return one, (first, second), np.asarray(found)


def mean_water(water: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    """The transients of a water scan on the frequency and phase of the first, averaged. [points]"""
    if len(water) == 1:
        return water[0]
    return np.asarray(_mean_water(jnp.asarray(water), acquisition))


def without_eddy_currents(fid: np.ndarray, water: np.ndarray, acquisition: Acquisition, how: str) -> np.ndarray:
    """FIDs of any leading shape without the phase of one water FID, as measured (`"plain"`) or `"smooth"`."""
    rows, reference = jnp.asarray(fid.reshape(-1, fid.shape[-1])), jnp.asarray(water[: fid.shape[-1]])
    return np.asarray(_straightened(rows, reference, acquisition, how == "smooth")).reshape(fid.shape)


def offsets_of(fid: np.ndarray, acquisition: Acquisition, options: RawOptions) -> tuple[np.ndarray, np.ndarray]:
    """Shift, Hz, and phase, rad, of each transient of [conditions, transients, points]."""
    conditions, transients = fid.shape[:2]
    if options.align == "none" or conditions * transients == 1:
        return np.zeros((conditions, transients)), np.zeros((conditions, transients))
    stack = jnp.asarray(fid)
    if options.align == "peaks":
        found = _peaks(stack, acquisition)
        return np.asarray(found.shift_hz), np.asarray(found.phase_rad)
    if options.align == "registration":
        found = _registered(stack, acquisition, options.align_ppm)
        return np.asarray(found.shift_hz), np.asarray(found.phase_rad)
    if conditions == 1:
        one = _robustly(stack[0], acquisition)
        return np.asarray(one.shift_hz)[None], np.asarray(one.phase_rad)[None]
    several = _edited(stack, acquisition)
    return np.asarray(several.shift_hz), np.asarray(several.phase_rad)


def moved(fid: np.ndarray, shift_hz: np.ndarray, phase_rad: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    """FIDs of any leading shape with shift and phase, one for each, taken off."""
    rows = jnp.asarray(fid.reshape(-1, fid.shape[-1]))
    shift, phase = (
        jnp.asarray(np.broadcast_to(x, fid.shape[:-1]).reshape(-1), rows.real.dtype) for x in (shift_hz, phase_rad)
    )
    return np.asarray(_moved(rows, shift, phase, acquisition)).reshape(fid.shape)


def weights_of(fid: np.ndarray, acquisition: Acquisition, how: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight, z-score and whether it is an outlier, of each transient of [conditions, transients, points]."""
    shape = fid.shape[:2]
    usable = np.isfinite(fid).all(axis=-1) & fid.any(axis=-1)
    if how == "mean" or shape[1] == 1:
        plain = usable / np.maximum(usable.sum(axis=1, keepdims=True), 1)
        return plain, np.full(shape, np.nan), ~usable
    found = _weights(jnp.asarray(fid), acquisition)
    return np.asarray(found.weight), np.asarray(found.z_score), np.asarray(found.outlier)


def averaged(fid: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weighted mean over the transients. [conditions, points]"""
    clean = np.where((weight > 0)[..., None], fid, 0)
    return np.asarray(jax.vmap(weighted_mean)(jnp.asarray(clean), jnp.asarray(weight, clean.real.dtype)))


def reference_of(fid: np.ndarray, acquisition: Acquisition, lines: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Shift, Hz, and phase, rad, of the mean of some FIDs against the ppm axis; None where no lines were found."""
    mean = jnp.asarray(fid.reshape(-1, fid.shape[-1]).mean(axis=0))
    found = _referenced(mean, acquisition, lines)
    return (np.asarray(found.shift_hz), np.asarray(found.phase_rad)) if bool(found.converged) else None


_from_water, _by_svd = jax.jit(sensitivities_from_water), jax.jit(sensitivities_by_svd)
_robustly = jax.jit(register_robustly, static_argnames="acquisition")
_edited = jax.jit(align_edited, static_argnames="acquisition")


@jax.jit
def _together(fid: jax.Array, sensitivities: jax.Array, covariance: jax.Array) -> jax.Array:
    rows = fid.reshape(fid.shape[0], -1, fid.shape[-1])
    one = jax.vmap(lambda of_all: combine_coils(of_all, sensitivities, covariance), in_axes=1)
    return one(rows).reshape(fid.shape[1:])


@partial(jax.jit, static_argnames="acquisition")
def _mean_water(water: jax.Array, acquisition: Acquisition) -> jax.Array:
    onto_first = jax.vmap(lambda fid: take_off(fid, acquisition, register(fid, water[0], acquisition)))
    return onto_first(water).mean(axis=0)


@partial(jax.jit, static_argnames=("acquisition", "smooth"))
def _straightened(fid: jax.Array, water: jax.Array, acquisition: Acquisition, smooth: bool) -> jax.Array:
    if not smooth:
        return jax.vmap(lambda one: correct_eddy_currents(one, water))(fid)
    return jax.vmap(lambda one: correct_eddy_currents_smoothly(one, water, acquisition))(fid)


@partial(jax.jit, static_argnames="acquisition")
def _moved(fid: jax.Array, shift: jax.Array, phase: jax.Array, acquisition: Acquisition) -> jax.Array:
    time = jnp.asarray(acquisition.time_s(fid.shape[-1]), shift.dtype)
    return fid * jnp.exp(-1j * (2 * jnp.pi * shift[:, None] * time[None] + phase[:, None]))


@partial(jax.jit, static_argnames="acquisition")
def _peaks(fid: jax.Array, acquisition: Acquisition) -> Offsets:
    return jax.vmap(jax.vmap(lambda one: reference_peaks(one, acquisition)))(fid)


@partial(jax.jit, static_argnames=("acquisition", "window_ppm"))
def _registered(fid: jax.Array, acquisition: Acquisition, window_ppm: tuple[float, float] | None) -> Offsets:
    """Onto the mean over transients of all conditions, which is made anew in some rounds."""
    rows = fid.reshape(-1, fid.shape[-1])
    reference = rows[0]
    for _ in range(_ROUNDS):
        found = jax.vmap(lambda one, to=reference: register(one, to, acquisition, window_ppm=window_ppm))(rows)
        reference = jax.vmap(lambda one, offsets: take_off(one, acquisition, offsets))(rows, found).mean(axis=0)
    return jax.tree.map(lambda leaf: leaf.reshape(fid.shape[:2]), found)


@partial(jax.jit, static_argnames="acquisition")
def _weights(fid: jax.Array, acquisition: Acquisition):  # type: ignore[no-untyped-def]
    window = _COMPARED_PPM if acquisition.nucleus == "1H" else _whole(acquisition, fid.shape[-1])
    return jax.vmap(lambda one: transient_weights(one, acquisition, window_ppm=window))(fid)


def _whole(acquisition: Acquisition, n_points: int) -> tuple[float, float]:
    ppm = acquisition.ppm(n_points)
    return float(ppm.min()), float(ppm.max())


@partial(jax.jit, static_argnames=("acquisition", "lines"))
def _referenced(fid: jax.Array, acquisition: Acquisition, lines: str) -> Offsets:
    return reference_peaks(fid, acquisition, peaks_ppm=NAA if lines == "naa" else CREATINE_CHOLINE)
