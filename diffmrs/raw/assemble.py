"""The clean series of a scan put back together, with what was done to them in the header."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from diffmrs.data import Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io.nifti_header import append_processing
from diffmrs.preprocess import edit_order, edited_pair
from diffmrs.raw.finish import finished, steps_of
from diffmrs.raw.options import RawOptions
from diffmrs.raw.series import SeriesRecord
from diffmrs.raw.stacks import Stack, stack_of

Cleaned = tuple[SeriesRecord, np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class CleanedScan:
    """A cleaned scan, and what was done to it.

    Attributes:
        data: the clean spectra; the conditions of an edited scan are still apart.
        water: the water scan with the same coil weights, averaged, without eddy currents; None without one.
        edited: difference and sum of the two conditions of an edited scan; None where there are not two.
        series: what was found in each series.
        steps: name and details of each step, in order.
        notes: what the user should know.
    """

    data: MRSData
    water: MRSData | None
    edited: tuple[MRSData, MRSData] | None
    series: tuple[SeriesRecord, ...]
    steps: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def put_together(
    stack: Stack, cleaned: list[Cleaned], water: MRSData | None, options: RawOptions, ecc: bool, notes: tuple[str, ...]
) -> CleanedScan:
    """Make the outputs.

    Args:
        stack: the raw data.
        cleaned: record, FIDs [conditions, transients, points] and water FID [points] of each series.
        water: the raw water scan.
        options: what was done.
        ecc: whether eddy currents were corrected.
        notes: what the user should know.
    """
    coils, conditions, transients = stack.fid.shape[1:4]
    steps = steps_of(options, coils, transients, ecc)
    header = _told(stack.source.header, steps)
    fid = finished(np.stack([clean for _, clean, _ in cleaned]), stack.source.acquisition, options)
    edited, told = _edited(stack, fid, header) if conditions == 2 else (None, ())
    return CleanedScan(
        stack.restored(fid, header),
        _water(stack, [scan for _, _, scan in cleaned], water, coils, ecc),
        edited,
        tuple(record for record, _, _ in cleaned),
        tuple(steps),
        notes + told,
    )


def _edited(stack: Stack, fid: np.ndarray, header: Header) -> tuple[tuple[MRSData, MRSData], tuple[str, ...]]:
    """Difference and sum of [series, conditions, transients, points], and what there is to say about them."""
    told: tuple[str, ...] = ()
    try:
        order = edit_order(stack.source.header.meta)
    except InputError:
        order, told = (0, 1), ("The header does not tell which condition is ON; the difference is first minus second.",)
    pair = edited_pair(jnp.asarray(fid.swapaxes(0, 1)), order)
    difference, total = (
        stack.restored(np.asarray(made)[:, None], _told(header, [("Subtraction of sub-spectra", words)]), edited=False)
        for made, words in ((pair.difference, "half of ON minus OFF"), (pair.sum, "half of ON plus OFF"))
    )
    return (difference, total), told


def _water(
    stack: Stack, scans: list[np.ndarray | None], water: MRSData | None, coils: int, ecc: bool
) -> MRSData | None:
    found = [scan for scan in scans if scan is not None]
    if water is None or not found:
        return None
    own = stack_of(water)
    fid = np.stack(found if own.n_series > 1 else found[:1])[:, None, None]
    steps = steps_of(
        RawOptions(align="registration", reference="none", remove_water=False),
        coils,
        own.fid[0, 0].size // water.n_points,
        ecc,
    )
    return own.restored(fid, _told(water.header, steps), edited=False)


def _told(header: Header, steps: list[tuple[str, str]]) -> Header:
    for method, details in steps:
        header = append_processing(header, method, details)
    return header
