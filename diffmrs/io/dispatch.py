"""Open a file by what it holds: `read_data` and `read_basis`, and their counterpart `write_basis`."""

import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.io.fsl_json import prepare_folder, read_fsl_member, write_fsl_basis
from diffmrs.io.jmrui import read_jmrui, read_jmrui_basis, write_jmrui
from diffmrs.io.lcmodel_basis import read_lcmodel_basis
from diffmrs.io.lcmodel_raw import read_lcmodel_raw, write_lcmodel_raw
from diffmrs.io.lcmodel_write import write_lcmodel_basis
from diffmrs.io.members import Member, stack_members
from diffmrs.io.nifti_mrs import read_nifti_mrs, write_nifti_mrs
from diffmrs.io.reference_singlet import remove_reference_singlet
from diffmrs.io.text import read_text
from diffmrs.io.vendor import conversion_hint

_ENDINGS = {".nii": "nifti", ".basis": "lcmodel", ".raw": "raw", ".h2o": "raw", ".json": "fsl", ".txt": "jmrui"}
_KINDS = "NIfTI-MRS (.nii, .nii.gz), LCModel (.RAW, .H2O, .BASIS), jMRUI (.txt), FSL-MRS (.json)"
_SAMPLING = {  # what may be given by hand, because the format cannot say it
    "raw": ("dwell_time_s", "spectrometer_frequency_mhz", "n_points"),
    "jmrui": ("nucleus", "conjugate"),
}
BasisFormat = Literal["lcmodel", "raw", "jmrui", "fsl", "nifti"]


def read_data(
    path: str | os.PathLike[str],
    *,
    mapped: bool = False,
    scratch: str | os.PathLike[str] | None = None,
    **sampling: Any,
) -> MRSData:
    """Read measured FIDs: NIfTI-MRS, LCModel `.RAW`/`.H2O` or jMRUI text.

    Args:
        path: the file.
        mapped: leave the samples of a NIfTI-MRS file on the disk, for `diffmrs.fit_volume`: the FIDs are then a
            `numpy.memmap`.
        scratch: a folder where a compressed file is unpacked to be mapped; it leaves nothing there.
        sampling: what the format itself cannot say: `dwell_time_s`, `spectrometer_frequency_mhz`, `n_points` for
            LCModel files, `nucleus`, `conjugate` for jMRUI files.

    Raises:
        InputError: unknown or unusable file, or an argument that its format has no use for. A scanner file is
            answered with the spec2nii command that converts it.
    """
    file = Path(path)
    kind = _kind(file)
    readers: dict[str, Any] = {"nifti": read_nifti_mrs, "raw": read_lcmodel_raw, "jmrui": read_jmrui}
    if kind not in readers:
        raise InputError(f"{file}: is a basis file ({kind}), not measured data; give it as the basis set")
    if mapped:
        if kind != "nifti":
            raise InputError(f"{file}: cannot be mapped; only NIfTI-MRS files (.nii, .nii.gz) can")
        readers["nifti"] = partial(read_nifti_mrs, mapped=True, scratch=scratch)
    elif scratch is not None:
        raise InputError("scratch serves files that are mapped; it goes with mapped=True")
    return _call(readers[kind], kind, file, sampling)


def read_basis(
    path: str | os.PathLike[str], *, remove_reference: bool = False, ppm_reference: float | None = None, **sampling: Any
) -> Basis:
    """Read a basis set: an LCModel `.BASIS` file, a jMRUI text file, or a folder with one file per member.

    A folder holds `.RAW`, jMRUI `.txt`, FSL-MRS `.json` or NIfTI-MRS files, of one kind and sampled alike; the
    members are named by the files' own entries (FSL-MRS, jMRUI) or by the file names.

    Args:
        path: file or folder.
        remove_reference: take out the reference singlet near 0 ppm, and fail when there is none.
        ppm_reference: chemical shift at zero frequency, ppm, where the file has no or a wrong one. Osprey, for one,
            writes `.BASIS` files centred on 4.68 ppm, a number the format cannot hold.
        sampling: as for `read_data`.

    Raises:
        InputError: unknown or unusable file, or a folder of mixed kinds or samplings.
    """
    place = Path(path)
    basis = _folder(place, sampling) if place.is_dir() else _single(place, sampling)
    if ppm_reference is not None:
        basis = replace(basis, acquisition=replace(basis.acquisition, ppm_reference=ppm_reference))
    return remove_reference_singlet(basis) if remove_reference else basis


def write_basis(path: str | os.PathLike[str], basis: Basis, format: BasisFormat) -> None:
    """Write a basis set.

    Args:
        path: the file (`"lcmodel"`, `"jmrui"`) or folder (`"raw"`, `"fsl"`, `"nifti"`).
        basis: the members.
        format: which of the formats.

    Raises:
        InputError: unknown format, or something the format cannot hold (see its writer).
    """
    if format == "lcmodel":
        write_lcmodel_basis(path, basis)
    elif format == "jmrui":
        write_jmrui(path, basis)
    elif format == "fsl":
        write_fsl_basis(path, basis)
    elif format in ("raw", "nifti"):
        ending = ".RAW" if format == "raw" else ".nii.gz"
        place = prepare_folder(path, basis, ending)
        for name, fid in zip(basis.names, np.asarray(basis.fid), strict=True):
            member = MRSData(fid, basis.acquisition)
            if format == "raw":
                write_lcmodel_raw(place / f"{name}{ending}", member, name=name)
            else:
                write_nifti_mrs(place / f"{name}{ending}", member)
    else:
        raise InputError(f"basis format is {format!r}; it must be lcmodel, raw, jmrui, fsl or nifti")


def _ending(file: Path) -> str:
    return Path(re.sub(r"\.gz$", "", file.name, flags=re.IGNORECASE)).suffix.lower()


def _kind(file: Path) -> str:
    """Format of a file, by its ending or else by how its text starts."""
    if not file.exists():
        raise InputError(f"{file}: no such file or folder")
    hint = conversion_hint(file)
    if hint:
        raise InputError(hint)
    if file.is_dir():
        raise InputError(f"{file}: is a folder; give the name of a file")
    kind = _ENDINGS.get(_ending(file))
    if kind in ("nifti", "fsl"):
        return kind
    try:
        text = read_text(file)
    except InputError as error:
        if kind is None and "binary" in str(error):
            raise InputError(f"{file}: unknown format; diffmrs reads {_KINDS}") from None
        raise
    if "jmrui" in text[:200].lower():
        return "jmrui"
    if re.search(r"^\s*[$&]BASIS1\b", text, re.MULTILINE | re.IGNORECASE):
        return "lcmodel"
    if re.search(r"^\s*[$&]NMID\b", text, re.MULTILINE | re.IGNORECASE):
        return "raw"
    if kind is None:
        raise InputError(f"{file}: unknown format; diffmrs reads {_KINDS}")
    return kind


def _call(reader: Any, kind: str, file: Path, sampling: dict[str, Any]) -> Any:
    unknown = sorted(set(sampling) - set(_SAMPLING.get(kind, ())))
    if unknown:
        raise InputError(f"{file}: {unknown[0]} cannot be given for this format, which holds it or has no use for it")
    return reader(file, **sampling)


def _single(file: Path, sampling: dict[str, Any]) -> Basis:
    kind = _kind(file)
    if kind == "lcmodel":
        return _call(read_lcmodel_basis, kind, file, sampling)
    if kind == "jmrui":
        return _call(read_jmrui_basis, kind, file, sampling)
    return stack_members([_member(file, kind, sampling)], file)


def _folder(place: Path, sampling: dict[str, Any]) -> Basis:
    hint = conversion_hint(place)
    if hint:
        raise InputError(hint)
    files = sorted(file for file in place.iterdir() if file.is_file() and not file.name.startswith("."))
    kinds = {_ENDINGS[_ending(file)] for file in files if _ending(file) in _ENDINGS}
    if not kinds:
        raise InputError(f"{place}: holds no basis member; diffmrs reads {_KINDS}")
    if len(kinds) > 1:
        raise InputError(
            f"{place}: holds files of several formats ({', '.join(sorted(kinds))}); a basis folder is of one"
        )
    files = [file for file in files if _ending(file) in _ENDINGS]
    if kinds == {"lcmodel"}:
        if len(files) > 1:
            raise InputError(f"{place}: holds {len(files)} .BASIS files; name the one to read")
        return _call(read_lcmodel_basis, kind, files[0], sampling)
    return stack_members([_member(file, kinds.copy().pop(), sampling) for file in files], place)


def _member(file: Path, kind: str, sampling: dict[str, Any]) -> Member:
    if kind == "fsl":
        return _call(read_fsl_member, kind, file, sampling)
    if kind == "jmrui":
        basis = _call(read_jmrui_basis, kind, file, sampling)
        if len(basis.names) != 1:
            raise InputError(f"{file}: holds {len(basis.names)} signals; in a folder every file is one member")
        return Member(basis.names[0], np.asarray(basis.fid)[0], basis.acquisition, file)
    data = _call(read_nifti_mrs if kind == "nifti" else read_lcmodel_raw, kind, file, sampling)
    if data.n_spectra != 1:
        raise InputError(f"{file}: holds {data.n_spectra} FIDs; a basis member is one")
    name = re.sub(r"\.(nii|raw|h2o)(\.gz)?$", "", file.name, flags=re.IGNORECASE)
    return Member(name, np.asarray(data.fid).reshape(-1), data.acquisition, file)
