"""LCModel `.BASIS` files: spectra of zero-filled FIDs under a header of namelists."""

import os
from pathlib import Path

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.io.lcmodel_namelist import Namelist, complex_block, split_file
from diffmrs.io.text import read_text, undo_single_precision

# LCModel appends as many zeros as there are points before its FFT. Rounding to five digits leaves about 1e-5 of the
# largest sample there; a file without zero filling holds signal.
_EMPTY = 1e-3
PPM_REFERENCE = 4.65  # LCModel's PPMCEN, not stored in the file


def read_lcmodel_basis(path: str | os.PathLike[str]) -> Basis:
    r"""Read a `.BASIS` file.

    Each member is stored as $S = \mathrm{FFT}(\text{zero-filled } s)/\sqrt{N}$, moved by ISHIFT points so that its
    reference line lies where it should. The FID returned is the inverse, without the zeros, times
    TRAMP / (VOLUME · CONC), so that it stands for unit concentration. Phases (DEGZER, DEGPPM, AUTOPH …) were
    applied by LCModel's MakeBasis before it wrote the spectra and are not applied again.

    Returns:
        The basis, [members, points], complex128; sequence, echo time and file name in `source`.

    Raises:
        InputError: not an LCModel basis, encrypted, incomplete, or with a value that makes no sense.
    """
    file = str(path)
    groups = split_file(read_text(path), file)
    header = _merged([group for group, _ in groups if group.name in ("SEQPAR", "BASIS1")], file)
    acquisition, n_stored, fortran_format = _sampling(header)
    names: list[str] = []
    rows: list[np.ndarray] = []
    for group, block in groups:
        if group.name != "BASIS":
            continue
        name = group.text("METABO", "ID") or f"member{len(names) + 1}"
        spectrum = complex_block(block, fortran_format, f"{file}: member {name}")
        if spectrum.size != n_stored:
            raise InputError(f"{file}: member {name} holds {spectrum.size} points; NDATAB promises {n_stored}")
        shift = int(group.number("ISHIFT") or 0)
        rows.append(np.fft.ifft(np.roll(spectrum, -shift)) * np.sqrt(n_stored) * _scale(group))
        names.append(name)
    if not rows:
        raise InputError(f"{file}: holds no $BASIS member")
    source = ", ".join(filter(None, [Path(path).name, header.text("SEQ"), _echo_time(header)]))
    try:
        return Basis(_without_zero_filling(np.stack(rows)), acquisition, tuple(names), source)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def singlet_width_ppm(path: str | os.PathLike[str]) -> float | None:
    """Full width at half maximum of the singlets that a `.BASIS` file states (FWHMBA), ppm.

    Returns:
        None when the file states none, or is of another format.

    Raises:
        InputError: a `.BASIS` file that cannot be read.
    """
    if not Path(path).name.lower().removesuffix(".gz").endswith(".basis"):
        return None
    groups = [group for group, _ in split_file(read_text(path), str(path)) if group.name in ("SEQPAR", "BASIS1")]
    width = _merged(groups, str(path)).number("FWHMBA")
    return width if width is not None and width > 0 else None


def _merged(groups: list[Namelist], file: str) -> Namelist:
    merged = Namelist("SEQPAR/$BASIS1", file)
    for group in groups:
        merged.values.update(group.values)
    return merged


def _sampling(header: Namelist) -> tuple[Acquisition, int, str]:
    dwell_time = header.number("BADELT")
    frequency = header.number("HZPPPM", "HZPPM")
    n_stored = header.number("NDATAB")
    for key, value in (("BADELT", dwell_time), ("HZPPPM", frequency), ("NDATAB", n_stored)):
        if value is None:
            raise InputError(f"{header.file}: {key} is missing; an LCModel basis file needs it in $SEQPAR or $BASIS1")
    assert dwell_time is not None and frequency is not None and n_stored is not None
    if dwell_time < 0:
        raise InputError(f"{header.file}: BADELT is negative: an encrypted basis file, which only LCModel can read")
    if n_stored != int(n_stored) or not 32 <= n_stored <= 2**24:
        raise InputError(f"{header.file}: NDATAB is {n_stored:g}; it must be a whole number from 32 to {2**24}")
    try:
        acquisition = Acquisition(
            undo_single_precision(dwell_time), undo_single_precision(frequency), "1H", PPM_REFERENCE
        )
    except InputError as error:
        raise InputError(f"{header.file}: BADELT or HZPPPM: {error}") from None
    return acquisition, int(n_stored), header.text("FMTBAS", default="(6E13.5)")


def _scale(group: Namelist) -> float:
    amplitude, volume, concentration = (group.number(key) for key in ("TRAMP", "VOLUME", "CONC"))
    for key, value in (("TRAMP", amplitude), ("VOLUME", volume), ("CONC", concentration)):
        if value is not None and value <= 0:
            raise InputError(f"{group.file}: {key} of {group.text('METABO')} is {value:g}; it must be above zero")
    return (amplitude or 1.0) / ((volume or 1.0) * (concentration or 1.0))


def _echo_time(header: Namelist) -> str:
    echo_time = header.number("ECHOT")
    return f"TE {echo_time:g} ms" if echo_time is not None and echo_time > 0 else ""


def _without_zero_filling(fid: np.ndarray) -> np.ndarray:
    half = (fid.shape[-1] + 1) // 2
    tail = np.abs(fid[:, half:]).max(axis=-1)
    return fid[:, :half] if (tail <= _EMPTY * np.abs(fid).max(axis=-1)).all() else fid
