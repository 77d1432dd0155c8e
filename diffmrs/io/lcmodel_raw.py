"""LCModel `.RAW` and `.H2O` files: one FID (or one per voxel) as text under a namelist."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.io.lcmodel_namelist import Namelist, complex_block, split_file
from diffmrs.io.text import read_text, undo_single_precision

_FORMAT = "(2E17.8)"


def read_lcmodel_raw(
    path: str | os.PathLike[str],
    *,
    dwell_time_s: float | None = None,
    spectrometer_frequency_mhz: float | None = None,
    n_points: int | None = None,
) -> MRSData:
    """Read a `.RAW` or `.H2O` file (also gzipped), with or without the namelist $SEQPAR.

    `BRUKER = T` marks the opposite sense of rotation and is undone; the samples are multiplied by TRAMP / VOLUME.

    Args:
        path: the file.
        dwell_time_s: time between samples, s. The format has no place for it (LCModel takes DELTAT from its control
            file), so that it is needed unless a DELTAT or BADELT stands in the file; it overrides them.
        spectrometer_frequency_mhz: Larmor frequency, MHz; overrides HZPPPM of the file.
        n_points: samples per voxel, for files that hold several voxels under one header.

    Returns:
        The data, [voxels, 1, 1, points], complex128.

    Raises:
        InputError: not such a file, damaged, or without a dwell time or frequency from either source.
    """
    file = str(path)
    groups = split_file(read_text(path), file)
    merged = Namelist("SEQPAR/$NMID", file)
    fids: list[np.ndarray] = []
    for group, block in groups:
        merged.values.update(group.values)
        if group.name == "NMID":
            fids.append(_fid(group, block, file))
        elif block.strip():
            raise InputError(f"{file}: numbers follow ${group.name}; the samples must stand after $NMID")
    if not fids:
        raise InputError(f"{file}: has no namelist $NMID; this is not an LCModel .RAW file")
    fid = _voxels(fids, n_points, file)
    acquisition = _acquisition(merged, dwell_time_s, spectrometer_frequency_mhz)
    meta: dict[str, Any] = {
        "SpectrometerFrequency": [acquisition.spectrometer_frequency_mhz],
        "ResonantNucleus": [acquisition.nucleus],
    }
    echo_time_ms = merged.number("ECHOT")
    if echo_time_ms is not None and echo_time_ms > 0:
        meta["EchoTime"] = round(echo_time_ms * 1e-3, 9)
    if merged.text("SEQ"):
        meta["SequenceName"] = merged.text("SEQ")
    try:
        return MRSData(fid[:, None, None, :], acquisition, (), Header(json.dumps(meta), source=Path(path).name))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def write_lcmodel_raw(path: str | os.PathLike[str], data: MRSData, *, name: str = "diffmrs") -> None:
    """Write a `.RAW` (or `.H2O`) file that LCModel reads; several FIDs follow one another as voxels.

    The dwell time has no place in the format: give LCModel `deltat` in its control file, and `nunfil` the points.

    Args:
        path: the file.
        data: any FIDs with one nucleus and sampling.
        name: ID of the data set, cut to 20 characters.

    Raises:
        InputError: the folder cannot be written, or a sample is not finite.
    """
    fids = np.asarray(data.spectra)
    if not np.isfinite(fids).all():
        raise InputError(f"{path}: the data hold NaN or infinite samples")
    echo_time = data.echo_time_s
    sequence = str(data.header.meta.get("SequenceName", ""))[:5]
    with atomic_write(path, text=True) as stream:
        stream.write(f" $SEQPAR\n HZPPPM = {data.acquisition.spectrometer_frequency_mhz:.9g}\n")
        if echo_time is not None:
            stream.write(f" ECHOT = {echo_time * 1e3:.6g}\n")
        if sequence:
            stream.write(f" SEQ = '{quoted(sequence)}'\n")
        stream.write(
            f" $END\n $NMID\n ID = '{quoted(name[:20])}'\n FMTDAT = '{_FORMAT}'\n VOLUME = 1.\n TRAMP = 1.\n $END\n"
        )
        for fid in fids:
            stream.write("".join(f"{z.real:17.8E}{z.imag:17.8E}\n" for z in fid.tolist()))


def quoted(text: str) -> str:
    """Text for the inside of a Fortran string: printable, with its quotes doubled."""
    return "".join(letter for letter in text if letter.isprintable()).replace("'", "''")


def _fid(group: Namelist, block: str, file: str) -> np.ndarray:
    if group.flag("SEQACQ"):
        raise InputError(f"{file}: SEQACQ = T (sequentially sampled Bruker data); only simultaneous sampling is read")
    fortran_format = group.text("FMTDAT")
    if not fortran_format:
        raise InputError(f"{file}: FMTDAT is missing in $NMID; LCModel requires it, for example FMTDAT = '(2E15.6)'")
    amplitude, volume = group.number("TRAMP"), group.number("VOLUME")
    for key, value in (("TRAMP", amplitude), ("VOLUME", volume)):
        if value is not None and value <= 0:
            raise InputError(f"{file}: {key} is {value:g}; it must be above zero")
    fid = complex_block(block, fortran_format, file) * ((amplitude or 1.0) / (volume or 1.0))
    return fid.conj() if group.flag("BRUKER") else fid


def _voxels(fids: list[np.ndarray], n_points: int | None, file: str) -> np.ndarray:
    lengths = sorted({fid.size for fid in fids})
    if len(lengths) > 1:
        raise InputError(
            f"{file}: voxels hold from {lengths[0]} to {lengths[-1]} samples; all must hold the same number"
        )
    samples = np.concatenate(fids)
    length = lengths[0] if n_points is None else n_points
    if length < 1 or samples.size == 0 or samples.size % length:
        raise InputError(f"{file}: holds {samples.size} samples, which is no multiple of {length} points per voxel")
    return samples.reshape(-1, length)


def _acquisition(header: Namelist, dwell_time_s: float | None, frequency_mhz: float | None) -> Acquisition:
    in_file = header.number("DELTAT", "BADELT")
    if dwell_time_s is None and in_file is not None:
        dwell_time_s = undo_single_precision(in_file)
    if dwell_time_s is None:
        raise InputError(f"{header.file}: holds no dwell time; give dwell_time_s, the DELTAT of LCModel's control file")
    in_file = header.number("HZPPPM", "HZPPM")
    if frequency_mhz is None and in_file is not None and in_file > 0:
        frequency_mhz = undo_single_precision(in_file)
    if frequency_mhz is None:
        raise InputError(
            f"{header.file}: HZPPPM is missing in $SEQPAR; give spectrometer_frequency_mhz, the Larmor frequency in MHz"
        )
    try:
        return Acquisition(dwell_time_s, frequency_mhz)
    except InputError as error:
        raise InputError(f"{header.file}: {error}") from None
