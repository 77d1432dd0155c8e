"""Raw transients of many coils to a clean spectrum: the consensus pipeline, step by step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess import hamming_filter, noise_covariance, reference_mismatch, remove_dc_offset, shift_time
from diffmrs.raw.assemble import CleanedScan, put_together
from diffmrs.raw.finish import without_lines
from diffmrs.raw.options import RawOptions
from diffmrs.raw.series import (
    SeriesRecord,
    averaged,
    combined,
    mean_water,
    moved,
    offsets_of,
    reference_of,
    weights_of,
    without_eddy_currents,
)
from diffmrs.raw.stacks import Stack, stack_of

_noise_covariance = jax.jit(noise_covariance)


class _Scans(NamedTuple):
    """What every series is cleaned with."""

    water: np.ndarray | None  # [series or 1, coils, transients, points]
    eddy: np.ndarray | None  # the scan that eddy currents are corrected with, likewise
    water_acquisition: Acquisition
    covariance: jax.Array | None
    own_eddy: bool  # whether that is the water scan itself


def clean_raw(
    data: MRSData,
    water: MRSData | None = None,
    options: RawOptions | None = None,
    *,
    ecc_water: MRSData | None = None,
) -> CleanedScan:
    """Combine coils, correct eddy currents, align and average transients, take water off, set frequency and phase.

    The steps and their order follow the consensus of Near et al. 2021, NMR Biomed 34:e4257, but that eddy currents are
    corrected before transients are aligned: lines are then what the alignment takes them for.

    Args:
        data: raw data, [x, y, z, *extra, points], with tags for coils (`DIM_COIL`), transients (`DIM_DYN`) and
            conditions of an edited scan (`DIM_EDIT`), each where there are several. Every voxel, and every index of
            another dimension, is a series that is cleaned by itself.
        water: the scan without water suppression, of the same coils: for their sensitivities, eddy currents, and
            concentrations.
        options: what is done; `RawOptions()` when absent.
        ecc_water: another water scan for eddy currents, such as one that was acquired with the same gradients.

    Raises:
        InputError: data, water scan and options do not go together.
    """
    options = (options or RawOptions()).for_nucleus(data.acquisition.nucleus)
    if options.hamming:
        data = _filtered(data)
    stack = stack_of(data)
    prepared = _prepared(stack.fid, data.acquisition, options)
    if not np.isfinite(prepared).all(axis=-1).any() or not prepared.any():
        raise InputError("the data hold no signal that is finite; at least one FID must")
    scans, notes = _scans(stack, prepared, water, ecc_water, options)
    cleaned = [
        _clean_series(fid, place, _of_series(scans, k), data.acquisition, options)
        for k, (fid, place) in enumerate(zip(prepared, stack.places(), strict=True))
    ]
    notes += _notes_on([record for record, _, _ in cleaned], options)
    return put_together(stack, cleaned, water, options, scans.eddy is not None, tuple(notes))


def _prepared(fid: np.ndarray, acquisition: Acquisition, options: RawOptions) -> np.ndarray:
    """FIDs of any leading shape after the steps that come first."""
    if not options.remove_offset and not options.time_shift_s:
        return fid

    def one(row: jax.Array) -> jax.Array:
        row = remove_dc_offset(row) if options.remove_offset else row
        return shift_time(row, acquisition, options.time_shift_s) if options.time_shift_s else row

    rows = jnp.asarray(fid.reshape(-1, fid.shape[-1]))
    return np.asarray(jax.jit(jax.vmap(one))(rows)).reshape(*fid.shape[:-1], -1)


def _filtered(data: MRSData) -> MRSData:
    n_space = data.fid.ndim - 1 - len(data.dim_tags)
    if n_space != 3 or int(np.prod(data.fid.shape[:3])) == 1:
        raise InputError("a Hamming filter over k-space needs a volume; the data hold a single voxel")
    fid = jnp.asarray(data.fid)
    flat = fid.reshape(*fid.shape[:3], -1)
    return data.with_fid(np.asarray(hamming_filter(flat)).reshape(fid.shape))


def _scans(
    stack: Stack, prepared: np.ndarray, water: MRSData | None, ecc_water: MRSData | None, options: RawOptions
) -> tuple[_Scans, list[str]]:
    """Water scans brought into shape, and what there is to say about them."""
    notes: list[str] = []
    covariance = None
    if prepared.shape[1] > 1:
        covariance = noise_covariance(
            jnp.asarray(np.moveaxis(prepared, 1, 0).reshape(prepared.shape[1], -1, prepared.shape[-1]))
        )
    main = None if water is None else _water_of(water, stack, options)
    eddy = None
    source = water if ecc_water is None else ecc_water
    if source is not None and options.ecc != "none":
        mismatch = reference_mismatch(stack.source.acquisition, prepared.shape[-1], source.acquisition, source.n_points)
        if mismatch is None:
            eddy = main if ecc_water is None else _water_of(ecc_water, stack, options)
        else:
            notes.append(f"Eddy currents were not corrected: {mismatch}.")
    elif ecc_water is not None:
        raise InputError("a water scan for eddy currents is given, but they are not to be corrected")
    acquisition = stack.source.acquisition if water is None else water.acquisition
    return _Scans(main, eddy, acquisition, covariance, ecc_water is None), notes


def _water_of(water: MRSData, stack: Stack, options: RawOptions) -> np.ndarray:
    """A water scan as [series or 1, coils, transients, points].

    Raises:
        InputError: it holds another number of coils or of series than the data.
    """
    if options.hamming:
        water = _filtered(water)
    own = stack_of(water)
    if own.fid.shape[1] != stack.fid.shape[1]:
        raise InputError(
            f"the water scan has {own.fid.shape[1]} receive coils but the data {stack.fid.shape[1]}; they must agree"
        )
    if own.n_series not in (1, stack.n_series):
        raise InputError(
            f"the water scan holds {own.n_series} voxels or series but the data {stack.n_series}; "
            "it must hold one, or as many"
        )
    if not np.isfinite(own.fid).all() or not own.fid.any():
        raise InputError("the water scan holds NaN, infinite samples or nothing but zeros")
    fid = _prepared(own.fid, water.acquisition, options)
    return fid.reshape(*fid.shape[:2], -1, fid.shape[-1])


def _of_series(scans: _Scans, k: int) -> _Scans:
    water, eddy = (None if scan is None else scan[k if len(scan) > 1 else 0] for scan in (scans.water, scans.eddy))
    return scans._replace(water=water, eddy=eddy)


def _clean_series(
    fid: np.ndarray, place: str, scans: _Scans, acquisition: Acquisition, options: RawOptions
) -> tuple[SeriesRecord, np.ndarray, np.ndarray | None]:
    """What was found in a series [coils, conditions, transients, points], its clean FIDs, and its water FID."""
    usable = np.isfinite(fid).all(axis=(0, -1)) & fid.any(axis=(0, -1))
    fid = np.where(usable[None, :, :, None], fid, 0)
    fid, (water, eddy), sensitivities = combined(fid, (scans.water, scans.eddy), scans.covariance, options.coils)
    water = None if water is None else mean_water(water, scans.water_acquisition)
    before = fid.mean(axis=1)
    if eddy is not None:
        turn = mean_water(eddy, acquisition)
        fid = without_eddy_currents(fid, turn, acquisition, options.ecc)
        if water is not None and scans.own_eddy:
            water = without_eddy_currents(water, turn, acquisition, options.ecc)
    shift_hz, phase_rad = offsets_of(fid, acquisition, options)
    fid = moved(fid, shift_hz, phase_rad, acquisition)
    weight, z_score, outlier = weights_of(fid, acquisition, options.average)
    mean = averaged(fid, weight)
    found = None if options.reference == "none" else reference_of(mean, acquisition, options.reference)
    referenced = found is not None
    if found is not None:
        fid, mean = (moved(x, *found, acquisition) for x in (fid, mean))
        shift_hz, phase_rad = shift_hz + found[0], np.angle(np.exp(1j * (phase_rad + found[1])))
    kept = fid if options.average == "none" else mean[:, None]
    clean = without_lines(kept, acquisition, options)
    after = clean[:, 0] if options.average != "none" else averaged(clean, weight)
    record = SeriesRecord(
        place, shift_hz, phase_rad, weight, z_score, outlier, sensitivities, referenced, before, mean, after
    )
    return record, clean, water


def _notes_on(records: list[SeriesRecord], options: RawOptions) -> list[str]:
    notes = []
    lost = sum(int(record.outlier.sum()) for record in records)
    total = sum(record.outlier.size for record in records)
    if lost and options.average != "none":
        notes.append(f"{lost} of {total} transients were left out of the mean; the table of transients names them.")
    missed = [record.place or "the spectrum" for record in records if not record.referenced]
    if missed and options.reference != "none":
        shown = "; ".join(missed[:5]) + (" …" if len(missed) > 5 else "")
        notes.append(f"The reference lines were not found in {shown}: frequency and phase are as aligned.")
    return notes
