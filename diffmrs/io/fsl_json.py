"""FSL-MRS basis folders: one JSON file per metabolite, FIDs in the NIfTI-MRS sign convention."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from diffmrs.axes import Acquisition, ppm_reference_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.io.members import Member, stack_members
from diffmrs.io.text import read_text


def read_fsl_member(path: str | os.PathLike[str]) -> Member:
    """Read one file of an FSL-MRS basis folder.

    The entries used are those of the object `basis`: basis_re, basis_im, basis_dwell (s), basis_centre (MHz),
    basis_name and, where present, basis_nucleus.

    Raises:
        InputError: not JSON, an entry is missing, of the wrong kind, or the two parts differ in length.
    """
    file = str(path)
    try:
        content = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{file}: is not valid JSON ({' '.join(str(error).split())[:120]})") from None
    basis = content.get("basis") if isinstance(content, dict) else None
    if not isinstance(basis, dict):
        raise InputError(f"{file}: has no object 'basis'; this is not a member of an FSL-MRS basis")
    real, imaginary = (_samples(basis, key, file) for key in ("basis_re", "basis_im"))
    if real.size != imaginary.size:
        raise InputError(f"{file}: basis_re holds {real.size} and basis_im {imaginary.size} numbers; they must agree")
    name = basis.get("basis_name") or re.sub(r"\.json(\.gz)?$", "", Path(path).name, flags=re.IGNORECASE)
    nucleus = basis.get("basis_nucleus") or "1H"
    if not isinstance(name, str) or not isinstance(nucleus, str):
        raise InputError(f"{file}: basis_name and basis_nucleus must be text")
    name = " ".join(name.split())
    dwell_time, centre = (_number(basis, key, file) for key in ("basis_dwell", "basis_centre"))
    try:
        acquisition = Acquisition(dwell_time, centre, nucleus, ppm_reference_of(nucleus))
    except InputError as error:
        raise InputError(f"{file}: basis_dwell or basis_centre: {error}") from None
    return Member(name, real + 1j * imaginary, acquisition, Path(path))


def read_fsl_basis(folder: str | os.PathLike[str]) -> Basis:
    """Read an FSL-MRS basis folder: all its `.json` files, in alphabetical order.

    Raises:
        InputError: no such folder, no such files, or a file that cannot be used.
    """
    place = Path(folder)
    files = sorted(place.glob("*.json")) if place.is_dir() else []
    if not files:
        raise InputError(f"{place}: is not a folder with .json files")
    return stack_members([read_fsl_member(file) for file in files], place)


def write_fsl_basis(folder: str | os.PathLike[str], basis: Basis, *, linewidth_hz: float = 0.0) -> None:
    """Write an FSL-MRS basis folder, one JSON file per member; the folder is created when absent.

    Args:
        folder: holds no `.json` files but those of the same members.
        basis: the members; their names become file names.
        linewidth_hz: full width of the narrowest line, Hz, for basis_width.

    Raises:
        InputError: a name cannot be a file name, other members lie there already, or the folder cannot be written.
    """
    place = prepare_folder(folder, basis, ".json")
    acquisition = basis.acquisition
    if abs(acquisition.ppm_reference - ppm_reference_of(acquisition.nucleus)) > 1e-6:
        raise InputError(
            f"{place}: the basis is referenced to {acquisition.ppm_reference:g} ppm, which the format cannot hold; "
            f"resample it to {ppm_reference_of(acquisition.nucleus):g} ppm first"
        )
    for name, fid in zip(basis.names, np.asarray(basis.fid), strict=True):
        entry = {
            "basis_re": fid.real.tolist(),
            "basis_im": fid.imag.tolist(),
            "basis_dwell": acquisition.dwell_time_s,
            "basis_centre": acquisition.spectrometer_frequency_mhz,
            "basis_width": linewidth_hz,
            "basis_name": name,
            "basis_nucleus": acquisition.nucleus,
        }
        with atomic_write(place / f"{name}.json", text=True) as stream:
            json.dump({"basis": entry, "meta": {"Program": "diffmrs", "Source": basis.source}}, stream)


def prepare_folder(folder: str | os.PathLike[str], basis: Basis, ending: str) -> Path:
    """Make the folder for one file per member.

    Raises:
        InputError: a name cannot be a file name, other files of this kind lie there, or it cannot be made.
    """
    place = Path(folder)
    unusable = [name for name in basis.names if not re.fullmatch(r"[\w+\-][\w .+\-]*", name)]
    if unusable:
        raise InputError(f"{place}: {unusable[0]!r} cannot be a file name; use letters, digits, '_', '-', '+' and '.'")
    lowered = [name.lower() for name in basis.names]
    if len(set(lowered)) < len(lowered):
        raise InputError(f"{place}: two member names differ only in case; some file systems cannot hold both")
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{place}: cannot be created ({error.strerror})") from None
    others = sorted(file.name for file in place.glob(f"*{ending}") if file.name.removesuffix(ending) not in basis.names)
    if others:
        raise InputError(f"{place}: holds {others[0]} of another basis; give a new or empty folder")
    return place


def _samples(basis: dict[str, Any], key: str, file: str) -> np.ndarray:
    values = basis.get(key)
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise InputError(f"{file}: {key} must be a list of numbers")
    if len(values) < 16:
        raise InputError(f"{file}: {key} holds {len(values)} numbers; at least 16 are needed")
    samples = np.array(values, dtype=np.float64)
    if not np.isfinite(samples).all():
        raise InputError(f"{file}: {key} holds NaN or infinite numbers")
    return samples


def _number(basis: dict[str, Any], key: str, file: str) -> float:
    value = basis.get(key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InputError(f"{file}: {key} is {value!r}; it must be a number")
    return float(value)
