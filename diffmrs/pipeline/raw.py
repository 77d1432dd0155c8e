"""From files of raw data to files of clean spectra, a page and a table."""

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.io import write_nifti_mrs
from diffmrs.pipeline.inputs import located, read_measured
from diffmrs.raw import CleanedScan, RawOptions, clean_raw
from diffmrs.raw.report import write_clean_report, write_transients

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawFiles:
    """The files of `diffmrs preprocess`.

    Attributes:
        data: raw data.
        out: NIfTI-MRS file to write; other outputs lie beside it.
        water: scan without water suppression.
        ecc_water: another one for eddy currents.
        shown: series that the page draws.
        sampling: what the data file does not say: `dwell_time_s`, `spectrometer_frequency_mhz`.
    """

    data: Path
    out: Path
    water: Path | None = None
    ecc_water: Path | None = None
    shown: int = 0
    sampling: dict[str, float] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """Name of the output without its ending.

        Raises:
            InputError: it does not end as a NIfTI file does.
        """
        found = re.fullmatch(r"(.+?)\.nii(\.gz)?", self.out.name, flags=re.IGNORECASE)
        if found is None:
            raise InputError(f"--out is {self.out}; it must end in .nii or .nii.gz")
        return found.group(1)

    def check(self) -> None:
        """Look at the names before any work.

        Raises:
            InputError: the output would replace an input, or its name does not end as a NIfTI file's does.
        """
        outputs = {self.out.with_name(f"{self.stem}{rest}").resolve() for rest in self._endings}
        clash = [file for file in self.read if file.resolve() in outputs]
        if clash:
            raise InputError(f"--out is {self.out}; that would replace the input {clash[0]}")

    @property
    def _endings(self) -> tuple[str, ...]:
        ending = self.out.name[len(self.stem) :]
        return tuple(f"{suffix}{ending}" for suffix in ("", "_water", "_difference", "_sum"))

    @property
    def read(self) -> tuple[Path, ...]:
        """The files that are read."""
        return tuple(file for file in (self.data, self.water, self.ecc_water) if file is not None)


@dataclass(frozen=True)
class CleanRun:
    """Raw data and what became of them."""

    raw: MRSData
    scan: CleanedScan


def clean_files(files: RawFiles, options: RawOptions) -> CleanRun:
    """Read and clean.

    Raises:
        InputError: a file cannot be used, or they do not go together.
    """
    raw = read_measured(files.data, files.sampling)
    water, ecc_water = (
        None if file is None else read_measured(file, files.sampling) for file in (files.water, files.ecc_water)
    )
    where = " with ".join(str(file) for file in files.read)
    scan = located(where, clean_raw, raw, water, options, ecc_water=ecc_water)
    if not 0 <= files.shown < len(scan.series):
        raise InputError(f"--plot-index is {files.shown}; {files.data} holds {len(scan.series)} series, counted from 0")
    return CleanRun(raw, scan)


def write_clean(folder: Path, run: CleanRun, files: RawFiles) -> list[str]:
    """Write the clean spectra, the water scan, difference and sum, the table of transients and the page.

    Args:
        folder: where; must exist.
        run: from `clean_files`.
        files: names.

    Returns:
        Names of the files.

    Raises:
        InputError: a file cannot be written.
    """
    stem, ending = files.stem, files.out.name[len(files.stem) :]
    scan = run.scan
    spectra = {"": scan.data, "_water": scan.water}
    if scan.edited is not None:
        spectra |= {"_difference": scan.edited[0], "_sum": scan.edited[1]}
    names = []
    for suffix, data in spectra.items():
        if data is not None:
            names.append(f"{stem}{suffix}{ending}")
            write_nifti_mrs(folder / names[-1], data)
    write_transients(folder / f"{stem}_transients.csv", scan)
    title = f"{files.data.name}: cleaned"
    write_clean_report(folder / f"{stem}.html", scan, run.raw, title=title, shown=files.shown, inputs=files.read)
    return [*names, f"{stem}_transients.csv", f"{stem}.html"]
