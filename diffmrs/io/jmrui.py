"""jMRUI text files: header lines, then one table of samples per signal. They hold the conjugate of our FIDs."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from diffmrs.axes import Acquisition, ppm_reference_of
from diffmrs.data import Basis, Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.io.text import read_text

# Larmor frequency per field, MHz/T (Harris et al., Pure Appl. Chem. 73:1795, 2001).
GYROMAGNETIC_RATIO_MHZ_PER_T = {
    "1H": 42.577,
    "2H": 6.536,
    "13C": 10.708,
    "19F": 40.078,
    "23Na": 11.269,
    "31P": 17.235,
    "129Xe": 11.777,
}
_HEADER = re.compile(r"^([A-Za-z][A-Za-z ]*?)\s*:[ \t]*(.*?)\s*$")
_SIGNAL = re.compile(r"^Signal(?:\s+number:?)?\s+\d+\s+out of\s+\d+", re.IGNORECASE)


def read_jmrui(path: str | os.PathLike[str], *, nucleus: str | None = None, conjugate: bool = True) -> MRSData:
    """Read a jMRUI text file.

    Args:
        path: the file, also gzipped.
        nucleus: for example `"31P"`; else inferred from TransmitterFrequency / MagneticField, and 1H without a field.
        conjugate: the file follows jMRUI's convention (higher ppm at higher frequency). A few programs write the
            opposite; set False for their files.

    Returns:
        The data, [1, 1, 1, points], or [1, 1, 1, signals, points] with the tag DIM_USER_0 and the names of the
        signals in the header. Echo and repetition times are not in the format.

    Raises:
        InputError: not such a file, incomplete, or a number of samples that contradicts the header.
    """
    fields, fids, names = _parse(path, conjugate)
    acquisition = _acquisition(fields, nucleus, str(path))
    meta: dict[str, Any] = {
        "SpectrometerFrequency": [acquisition.spectrometer_frequency_mhz],
        "ResonantNucleus": [acquisition.nucleus],
    }
    begin_time_ms = _number(fields, "BeginTime", str(path), default=0.0)
    if begin_time_ms:
        meta["AcquisitionStartTime"] = begin_time_ms * 1e-3
    phase = _number(fields, "ZeroOrderPhase", str(path), default=0.0)
    if phase:
        meta["jmrui_ZeroOrderPhase"] = {"Value": phase, "Description": "Phase kept by jMRUI for display, not applied"}
    tags: tuple[str, ...] = ()
    if len(fids) > 1:
        tags = ("DIM_USER_0",)
        meta["dim_5"] = tags[0]
        meta["dim_5_header"] = {"SignalName": {"Value": names, "Description": "SignalNames of the jMRUI file"}}
    stack = np.stack(fids) if tags else fids[0]
    try:
        return MRSData(stack[None, None, None], acquisition, tags, Header(json.dumps(meta), source=Path(path).name))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_jmrui_basis(path: str | os.PathLike[str], *, nucleus: str | None = None, conjugate: bool = True) -> Basis:
    """Read a jMRUI text file whose signals are basis members, named by SignalNames.

    Args:
        path: as for `read_jmrui`.
        nucleus: as for `read_jmrui`.
        conjugate: as for `read_jmrui`.

    Raises:
        InputError: as `read_jmrui`, or two signals have the same name.
    """
    fields, fids, names = _parse(path, conjugate)
    try:
        return Basis(np.stack(fids), _acquisition(fields, nucleus, str(path)), tuple(names), Path(path).name)
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None


def write_jmrui(path: str | os.PathLike[str], signals: MRSData | Basis) -> None:
    """Write a jMRUI text file, in jMRUI's sign convention; every FID is one signal.

    Args:
        path: the file.
        signals: measured data, or a basis whose member names become SignalNames.

    Raises:
        InputError: a name holds a semicolon, or the folder cannot be written.
    """
    fids = np.asarray(signals.fid if isinstance(signals, Basis) else signals.spectra).conj()
    names = list(signals.names) if isinstance(signals, Basis) else [f"signal{k + 1}" for k in range(len(fids))]
    if any(re.search(r"[;\n]", name) for name in names):
        raise InputError(f"{path}: a member name holds ';' or a line break, which jMRUI uses between names")
    acquisition = signals.acquisition
    ratio = GYROMAGNETIC_RATIO_MHZ_PER_T.get(acquisition.nucleus)
    field = acquisition.spectrometer_frequency_mhz / ratio if ratio else 0.0
    header = {
        "PointsInDataset": fids.shape[-1],
        "DatasetsInFile": len(fids),
        "SamplingInterval": f"{acquisition.dwell_time_s * 1e3:.12E}",
        "ZeroOrderPhase": "0E0",
        "BeginTime": "0E0",
        "TransmitterFrequency": f"{acquisition.spectrometer_frequency_mhz * 1e6:.12E}",
        "MagneticField": f"{field:.6E}",
        "TypeOfNucleus": "0E0",
        "NameOfPatient": "",
        "DateOfExperiment": "",
        "Spectrometer": "",
        "AdditionalInfo": "written by diffmrs",
        "SignalNames": "".join(f"{name};" for name in names),
    }
    with atomic_write(path, text=True) as stream:
        stream.write(f"jMRUI Data Textfile\n\nFilename: {Path(path).name}\n\n")
        stream.write("".join(f"{key}: {value}\n" for key, value in header.items()))
        stream.write("\n\nSignal and FFT\nsig(real)\tsig(imag)\tfft(real)\tfft(imag)\n")
        for number, fid in enumerate(fids, start=1):
            stream.write(f"Signal {number} out of {len(fids)} in file\n")
            spectrum = np.fft.fftshift(np.fft.fft(fid))
            rows = zip(fid.tolist(), spectrum.tolist(), strict=True)
            stream.write("".join(f"{s.real:.9E}\t{s.imag:.9E}\t{f.real:.6E}\t{f.imag:.6E}\n" for s, f in rows))
            stream.write("\n")


def _parse(path: str | os.PathLike[str], conjugate: bool) -> tuple[dict[str, str], list[np.ndarray], list[str]]:
    file, text = str(path), read_text(path)
    if "jmrui" not in text[:200].lower():
        raise InputError(f"{file}: does not start with 'jMRUI Data Textfile'; this is not a jMRUI text file")
    fields: dict[str, str] = {}
    blocks: list[list[str]] = []
    for line in text.split("\n"):
        if _SIGNAL.match(line):
            blocks.append([])
        elif blocks:
            if line.strip():
                blocks[-1].append(line)
        elif entry := _HEADER.match(line):
            fields[entry[1].replace(" ", "").lower()] = entry[2]
    if not blocks:
        raise InputError(f"{file}: holds no 'Signal 1 out of … in file'; the samples are missing")
    n_points = int(_number(fields, "PointsInDataset", file))
    n_signals = int(_number(fields, "DatasetsInFile", file, default=float(len(blocks))))
    if len(blocks) != n_signals:
        raise InputError(f"{file}: holds {len(blocks)} signals; DatasetsInFile promises {n_signals}")
    fids = [_samples(block, n_points, f"{file}: signal {k}", conjugate) for k, block in enumerate(blocks, start=1)]
    names = [name.strip() for name in fields.get("signalnames", "").split(";") if name.strip()]
    if len(names) != len(fids):
        stem = re.sub(r"\.txt(\.gz)?$", "", Path(path).name, flags=re.IGNORECASE)
        names = [stem] if len(fids) == 1 else [f"{stem}_{k + 1}" for k in range(len(fids))]
    return fields, fids, names


def _samples(lines: list[str], n_points: int, where: str, conjugate: bool) -> np.ndarray:
    if len(lines) != n_points:
        raise InputError(f"{where} holds {len(lines)} points; PointsInDataset promises {n_points}")
    try:
        table = np.array([line.replace(",", ".").split()[:2] for line in lines], dtype=np.float64)
    except ValueError:
        raise InputError(f"{where} holds a line that is not two or four numbers") from None
    if table.ndim != 2 or table.shape[1] != 2 or not np.isfinite(table).all():
        raise InputError(f"{where} holds a line that is not two or four finite numbers")
    fid = table[:, 0] + 1j * table[:, 1]
    return fid.conj() if conjugate else fid


def _number(fields: dict[str, str], key: str, file: str, default: float | None = None) -> float:
    text = fields.get(key.lower(), "")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"{file}: {key} is {text!r}; a jMRUI text file needs a number there")
    return value


def _acquisition(fields: dict[str, str], nucleus: str | None, file: str) -> Acquisition:
    dwell_time_s = _number(fields, "SamplingInterval", file) / 1e3
    frequency_mhz = _number(fields, "TransmitterFrequency", file) / 1e6
    field = _number(fields, "MagneticField", file, default=0.0)
    if nucleus is None:
        nucleus = "1H"
        if field > 0:
            ratio = frequency_mhz / field
            nearest = min(GYROMAGNETIC_RATIO_MHZ_PER_T.items(), key=lambda item: abs(item[1] / ratio - 1))
            if abs(nearest[1] / ratio - 1) < 0.02:
                nucleus = nearest[0]
    try:
        return Acquisition(dwell_time_s, frequency_mhz, nucleus, ppm_reference_of(nucleus))
    except InputError as error:
        raise InputError(f"{file}: SamplingInterval (ms) or TransmitterFrequency (Hz): {error}") from None
