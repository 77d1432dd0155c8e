"""`diffmrs simulate --cohort`: a simulated cohort as a file of spectra and a table that `diffmrs classify` reads."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.data import Basis, Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io import has_reference_singlet, read_basis, remove_reference_singlet, write_nifti_mrs
from diffmrs.pipeline.inputs import located
from diffmrs.simulate import Cohort, SimulatedCohort, simulate_cohort, with_lipids

_TISSUES = ("healthy", "oedema", "tumour")


@dataclass(frozen=True)
class CohortOptions:
    """What `diffmrs simulate --cohort` can be told.

    Attributes:
        basis: file or folder.
        out: NIfTI-MRS file to write; the tables lie beside it.
        cohort: what is drawn.
        seed: of all that is drawn.
        basis_ppm_reference: chemical shift that a .BASIS file is centred on, ppm.

    Raises:
        InputError: the output does not end as a NIfTI file does, or would replace the basis.
    """

    basis: Path
    out: Path
    cohort: Cohort
    seed: int = 0
    basis_ppm_reference: float | None = None

    def __post_init__(self) -> None:
        if re.fullmatch(r".+?\.nii(\.gz)?", self.out.name) is None:
            raise InputError(f"--out is {self.out}; it must end in .nii or .nii.gz")
        if self.basis.resolve() in [self.out.with_name(name).resolve() for name in self.files]:
            raise InputError(f"--out is {self.out}; that would replace the basis")

    @property
    def files(self) -> list[str]:
        """Names of the files that are written."""
        stem = re.sub(r"\.nii(\.gz)?$", "", self.out.name)
        return [self.out.name, f"{stem}_table.csv", f"{stem}_truth.csv"]


def write_cohort(folder: Path, options: CohortOptions) -> list[str]:
    """Simulate a cohort and write its spectra, the table for `diffmrs classify`, and the truth.

    Returns:
        Names of the files.

    Raises:
        InputError: the basis cannot be used, or a file cannot be written.
    """
    basis = read_basis(options.basis, ppm_reference=options.basis_ppm_reference)
    if has_reference_singlet(basis):
        basis = remove_reference_singlet(basis)
    basis = Basis(jnp.asarray(basis.fid, jnp.complex64), basis.acquisition, basis.names, basis.source)
    made = located(options.basis, _simulated, basis, options)
    spectra, table, truth = options.files
    acquisition = made.acquisition
    header = Header(source="diffmrs simulate").with_meta(
        SpectrometerFrequency=[acquisition.spectrometer_frequency_mhz], ResonantNucleus=[acquisition.nucleus]
    )
    data = MRSData(np.asarray(made.fid)[None, None, None], acquisition, ("DIM_USER_0",), header)
    write_nifti_mrs(folder / spectra, data)
    label, true, patient = (np.asarray(part) for part in (made.label, made.true_label, made.patient))
    with (folder / table).open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(["file", "spectrum", "patient", "label", "true_label"])
        lines.writerows([spectra, k, f"P{patient[k]:04d}", label[k], true[k]] for k in range(label.size))
    numbers = np.concatenate([np.asarray(made.fractions), np.asarray(made.amplitude)], axis=1)
    with (folder / truth).open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(["spectrum", *(f"{t}_fraction" for t in _TISSUES), *(f"{n}_amplitude" for n in made.names)])
        lines.writerows([k, *(f"{value:.7g}" for value in row)] for k, row in enumerate(numbers))
    return options.files


def _simulated(basis: Basis, options: CohortOptions) -> SimulatedCohort:
    return simulate_cohort(jax.random.key(options.seed), with_lipids(basis), options.cohort)
