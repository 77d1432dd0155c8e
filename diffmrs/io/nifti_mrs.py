"""NIfTI-MRS files: complex FIDs with geometry, and a JSON header extension that says how they were acquired."""

import io
import json
import os
import re
import struct
import warnings
import zlib
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from diffmrs.data import Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.io.mapped import map_samples
from diffmrs.io.nifti_header import acquisition_of, check_meta, parse_meta
from diffmrs.io.text import undo_single_precision

MRS_CODE = 44  # of the header extension
STANDARD = b"mrs_v0_9"  # written when there is no earlier header to keep
# Time part of xyzt_units, read from its bits: nibabel has no answer for codes outside the standard.
_SPACE_BITS, _TIME_BITS, _SECONDS_CODE, _MILLIMETRE_CODE = 0b111, 0b111000, 8, 2
_PER_SECOND = {0: 1.0, 8: 1.0, 16: 1e3, 24: 1e6}  # unknown, s, ms, us
_MAX_GZIP_RATIO = 1100  # deflate cannot do better than about 1032


def read_nifti_mrs(
    path: str | os.PathLike[str], *, mapped: bool = False, scratch: str | os.PathLike[str] | None = None
) -> MRSData:
    """Read a NIfTI-MRS file (`.nii` or `.nii.gz`, NIfTI-1 or NIfTI-2, 4 to 7 dimensions).

    Args:
        path: the file.
        mapped: leave the samples on the disk: the FIDs are then a `numpy.memmap`, in the byte order of the file. A
            file with scaled samples is read all the same.
        scratch: a folder where a compressed file is unpacked to be mapped; it leaves nothing there.

    Returns:
        The FIDs as [x, y, z, dim_5, dim_6, dim_7, points], in the type the file has (complex64 or complex128), with
        as many extra dimensions as the file has. The standard's sign convention is that of `diffmrs.axes`.

    Raises:
        InputError: not NIfTI-MRS, damaged, or with a header that contradicts the standard or the data.
    """
    where = str(path)
    image = _open(Path(path))
    header = image.header
    _check_layout(header, Path(path))
    others, meta = _extensions(header, where)
    shape = header.get_data_shape()
    tags = check_meta(meta, _extra_shape(shape), where)
    acquisition = acquisition_of(meta, _dwell_time_s(header, where), where)
    full = (*shape[:4], *_padded(shape, len(tags)))
    if mapped and (image.dataobj.slope, image.dataobj.inter) == (1, 0):
        place = None if scratch is None else Path(scratch)
        samples = map_samples(Path(path), image.dataobj.offset, header.get_data_dtype(), shape, place)
        fid = np.moveaxis(samples.reshape(full, order="F"), 3, -1)
    else:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                samples = np.asanyarray(image.dataobj)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise InputError(f"{where}: the data are damaged or incomplete ({_one_line(error)})") from None
        fid = np.ascontiguousarray(np.moveaxis(samples.reshape(full), 3, -1))
        fid = fid.astype(fid.dtype.newbyteorder("="), copy=False)
    try:
        return MRSData(
            fid,
            acquisition,
            tags,
            Header(json.dumps(meta), header.binaryblock, others, Path(path).name),
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def bytes_of_samples(path: str | os.PathLike[str]) -> int:
    """Memory that the samples of a NIfTI file take, unpacked; 0 when the file cannot be read or is not NIfTI."""
    try:
        header = _open(Path(path)).header
        _check_layout(header, Path(path))
    except InputError:
        return 0
    return int(np.prod(header.get_data_shape(), dtype=object)) * int(header.get_data_dtype().itemsize)


def write_nifti_mrs(path: str | os.PathLike[str], data: MRSData) -> None:
    """Write a NIfTI-MRS file; gzipped when the name ends in `.gz`. The file appears whole or not at all.

    Data that came from a NIfTI file keep its version, geometry and further header extensions; others become NIfTI-2
    with the standard's placeholder geometry (10 m voxels at the origin). Leading axes beyond the tagged ones are the
    spatial ones; fewer than three are padded.

    Args:
        path: ends in `.nii` or `.nii.gz`.
        data: complex64 or complex128 FIDs.

    Raises:
        InputError: wrong ending, more axes than NIfTI-MRS has, or a folder that cannot be written.
    """
    target = Path(path)
    if not re.search(r"\.nii(\.gz)?$", target.name):
        raise InputError(f"{target}: a NIfTI-MRS file must be called *.nii or *.nii.gz")
    image = nifti_image(data, str(target))
    with atomic_write(target) as stream:
        if target.name.endswith(".gz"):
            with GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=6, mtime=0) as zipped:
                image.to_stream(zipped)
        else:
            image.to_stream(stream)


def nifti_image(data: MRSData, where: str) -> Any:
    """The image that holds the data in the file, with its whole header; the samples are only referred to.

    Raises:
        InputError: the data have more axes than NIfTI-MRS or another type, or their header is not valid.
    """
    samples = _file_layout(data, where)
    meta = _meta_for(data, where)
    check_meta(meta, samples.shape[4:], where)
    header = _nifti_header(data, samples)
    header.extensions.append(nib.nifti1.Nifti1Extension(MRS_CODE, json.dumps(meta).encode()))
    for code, content in data.header.extensions:
        header.extensions.append(nib.nifti1.Nifti1Extension(code, content))
    kind = nib.Nifti1Image if header["sizeof_hdr"] == 348 else nib.Nifti2Image
    return kind(samples, None, header=header)


def _open(file: Path) -> Any:
    if not file.exists():
        raise InputError(f"{file}: no such file")
    if file.is_dir() or not re.search(r"\.nii(\.gz)?$", file.name, re.IGNORECASE):
        raise InputError(f"{file}: not a NIfTI-MRS file; the name must end in .nii or .nii.gz")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = nib.load(file, mmap=False)
    except (ImageFileError, HeaderDataError, BadGzipFile, EOFError, zlib.error, OSError, ValueError) as error:
        raise InputError(f"{file}: not a readable NIfTI file ({_one_line(error)})") from None
    if not isinstance(image, nib.Nifti1Image | nib.Nifti2Image):
        raise InputError(f"{file}: is a {type(image).__name__}, not a NIfTI-1 or NIfTI-2 file")
    return image


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _check_layout(header: Any, file: Path) -> None:
    """Refuse what is not complex, has no time axis, or claims more samples than the file can hold."""
    dtype, shape = header.get_data_dtype(), header.get_data_shape()
    if dtype.newbyteorder("=") not in (np.complex64, np.complex128):
        raise InputError(f"{file}: the data type is {dtype.name}; NIfTI-MRS data are complex64 or complex128")
    if not 4 <= len(shape) <= 7:
        raise InputError(f"{file}: the data have {len(shape)} dimensions; NIfTI-MRS has 4 to 7")
    if min(shape) < 1:
        raise InputError(f"{file}: the header gives the shape {shape}; every dimension must hold at least 1")
    claimed = int(np.prod([int(size) for size in shape], dtype=object)) * dtype.itemsize
    held = file.stat().st_size * (_MAX_GZIP_RATIO if file.name.lower().endswith(".gz") else 1)
    if claimed > held:
        raise InputError(
            f"{file}: the header claims {claimed} bytes of data; a file of {file.stat().st_size} bytes cannot hold them"
        )


def _extensions(header: Any, where: str) -> tuple[tuple[tuple[int, bytes], ...], dict[str, Any]]:
    others: list[tuple[int, bytes]] = []
    ours: list[tuple[int, bytes]] = []
    for extension in header.extensions:
        packed = io.BytesIO()
        extension.write_to(packed, False)
        code = int(extension.get_code())
        # Beyond the size and the code, 4 bytes each, stand the raw bytes, whatever object nibabel makes of them.
        content = packed.getvalue()[8:]
        (ours if code == MRS_CODE else others).append((code, content))
    if not ours:
        intent = header.get_intent()[2]
        raise InputError(
            f"{where}: has no NIfTI-MRS header extension (code 44; intent name {intent!r}); an ordinary image"
        )
    return tuple(others), parse_meta(ours[0][1], where)


def _dwell_time_s(header: Any, where: str) -> float:
    unit = int(header["xyzt_units"]) & _TIME_BITS
    if unit not in _PER_SECOND:
        raise InputError(
            f"{where}: xyzt_units gives pixdim[4] the unit code {unit}; it must be 8 (s), 16 (ms) or 24 (us)"
        )
    dwell_time = undo_single_precision(float(header["pixdim"][4])) / _PER_SECOND[unit]
    if not (np.isfinite(dwell_time) and dwell_time > 0):
        raise InputError(f"{where}: pixdim[4], the dwell time, is {dwell_time:g} s; it must be above zero")
    return dwell_time


def _extra_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    extra = tuple(shape[4:])
    while extra and extra[-1] == 1:  # a trailing dimension of size 1 need not have a tag
        extra = extra[:-1]
    return extra


def _padded(shape: tuple[int, ...], n_extra: int) -> tuple[int, ...]:
    extra = _extra_shape(shape)
    return extra + (1,) * (n_extra - len(extra))


def _file_layout(data: MRSData, where: str) -> np.ndarray:
    """The samples as [x, y, z, points, *extra]."""
    fid = np.asarray(data.fid)
    if fid.dtype not in (np.complex64, np.complex128):
        raise InputError(f"{where}: the FIDs have type {fid.dtype}; NIfTI-MRS data are complex64 or complex128")
    n_extra = len(data.dim_tags)
    space, extra = fid.shape[: fid.ndim - 1 - n_extra], fid.shape[fid.ndim - 1 - n_extra : -1]
    if len(space) > 3:
        raise InputError(f"{where}: the FIDs have {len(space)} axes without a dimension tag; only x, y and z have none")
    if n_extra > 3:
        raise InputError(f"{where}: the FIDs have {n_extra} tagged dimensions; NIfTI-MRS has room for 3")
    return np.moveaxis(fid.reshape(*space, *(1,) * (3 - len(space)), *extra, fid.shape[-1]), -1, 3)


def _meta_for(data: MRSData, where: str) -> dict[str, Any]:
    """The header extension, brought into line with the sampling and the dimensions of `data`."""
    acquisition, meta = data.acquisition, data.header.meta
    tagged = {f"dim_{number}": tag for number, tag in enumerate(data.dim_tags, start=5)}
    kept = {key: value for key, value in meta.items() if not re.match(r"dim_\d", key)}
    for new, tag in tagged.items():  # a dimension keeps its info and dynamic header when its number changes
        old = next((key for key in ("dim_5", "dim_6", "dim_7") if meta.get(key) == tag), None)
        kept[new] = tag
        for suffix in ("_info", "_header"):
            if old and old + suffix in meta:
                kept[new + suffix] = meta[old + suffix]
    frequencies, nuclei = kept.get("SpectrometerFrequency", []), kept.get("ResonantNucleus", [])
    mandatory = {
        "SpectrometerFrequency": [acquisition.spectrometer_frequency_mhz, *frequencies[1:]],
        "ResonantNucleus": [acquisition.nucleus, *nuclei[1:]],
    }
    kept = {**mandatory, **kept, **mandatory}
    if acquisition_of(kept, acquisition.dwell_time_s, where) != acquisition:
        kept["SpecFreqChemShift"] = acquisition.ppm_reference - kept.get("RxOffset", 0.0)
    if "SpectralWidth" in kept and abs(kept["SpectralWidth"] * acquisition.dwell_time_s - 1) > 1e-6:
        kept["SpectralWidth"] = acquisition.bandwidth_hz
    return kept


def _nifti_header(data: MRSData, samples: np.ndarray) -> Any:
    if data.header.nifti is not None:
        size = struct.unpack("<i", data.header.nifti[:4])[0]
        one = 348 in (size, struct.unpack(">i", data.header.nifti[:4])[0])
        header = (nib.Nifti1Header if one else nib.Nifti2Header)(data.header.nifti)
    else:
        header = nib.Nifti2Header()
        placeholder = np.diag([1e4, 1e4, 1e4, 1.0])
        header.set_data_shape(samples.shape)
        header.set_sform(placeholder, code=0)
        header.set_qform(placeholder, code=0)
        header["intent_name"] = STANDARD
    header.set_data_shape(samples.shape)
    header.set_data_dtype(samples.dtype)
    header.set_slope_inter(1.0, 0.0)
    # Always in seconds: much software takes pixdim[4] for seconds whatever the unit field says.
    units = int(header["xyzt_units"])
    space_code = units & _SPACE_BITS if data.header.nifti is not None else _MILLIMETRE_CODE
    header["xyzt_units"] = space_code | _SECONDS_CODE
    # A 32-bit value that is already the nearest is left as it is.
    if (
        units & _TIME_BITS != _SECONDS_CODE
        or abs(float(header["pixdim"][4]) / data.acquisition.dwell_time_s - 1) > 1e-7
    ):
        header["pixdim"][4] = data.acquisition.dwell_time_s
    return header
