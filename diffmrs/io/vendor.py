"""Scanner files that diffmrs does not read, and the spec2nii command that turns them into NIfTI-MRS."""

from pathlib import Path

# spec2nii: Clarke et al., Magn. Reson. Med. 88:2358 (2022), https://github.com/wtclarke/spec2nii
_COMMANDS = {
    ".dat": "spec2nii twix -e image {file}",
    ".ima": "spec2nii dicom {file}",
    ".dcm": "spec2nii auto {file}",
    ".rda": "spec2nii rda {file}",
    ".7": "spec2nii ge {file}",
    ".sdat": "spec2nii philips {file} {stem}.SPAR",
    ".spar": "spec2nii philips {stem}.SDAT {file}",
    ".data": "spec2nii philips_dl {file} {stem}.list {stem}.SPAR",
    ".list": "spec2nii philips_dl {stem}.data {file} {stem}.SPAR",
    ".fid": "spec2nii varian {file}",
    ".2dseq": "spec2nii bruker -m 2DSEQ {file}",
    ".job0": "spec2nii bruker -m RAWDATA {file}",
    "fid": "spec2nii bruker -m FID {file}",
}
_NAMES = {"fid": "fid", "2dseq": ".2dseq"}  # Bruker files without an ending


def spec2nii_command(path: Path) -> str | None:
    """The command that converts a scanner file, or None when the name is not that of a scanner file."""
    kind = _NAMES.get(path.name.lower(), path.suffix.lower())
    command = _COMMANDS.get(kind)
    return command.format(file=path.name, stem=path.stem) if command else None


def conversion_hint(path: Path) -> str | None:
    """One line that says how to convert a scanner file, or None when it is none."""
    command = spec2nii_command(path)
    return f"{path}: is a scanner file; convert it to NIfTI-MRS first with: {command}" if command else None
