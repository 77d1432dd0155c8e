"""Synthetic spectra in files: a NIfTI-MRS file, and beside it a table of everything that they were made from."""

import csv
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.data import Basis, Header, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.engine import local_mesh
from diffmrs.fitting.prepare import default_groups, default_ppm_range
from diffmrs.io import has_reference_singlet, read_basis, remove_reference_singlet, write_nifti_mrs
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.signal import SignalModel, model_for
from diffmrs.simulate import (
    RECIPES,
    SNR_DEFINITIONS,
    Artefacts,
    RandomBaseline,
    Simulated,
    Uniform,
    brain_population,
    recipe_sampler,
)
from diffmrs.simulate.noise_level import spectrum_noise
from diffmrs.simulate.simulate_recipe import spectra_by_recipe
from diffmrs.simulate.spectra import spectra_of_population

MOST_SPECTRA = 1_000_000
SPECTRA = "DIM_USER_0"
_CHUNK = 1024  # spectra per compiled call
_COPIES = 3  # of all samples, that writing a file may hold at once
_RATIOS = ("water", "lipids", "echo")
_ARTEFACT_FIELDS = {
    "water": ("water", "water_rad"),
    "lipids": ("lipids", "lipid_rad"),
    "echo": ("echo", "echo_s", "echo_ppm", "echo_fwhm_hz"),
    "eddy": ("eddy_rad", "eddy_s"),
    "drift": ("drift_hz",),
}


@dataclass(frozen=True)
class SimulateOptions:
    """What `diffmrs simulate` can be told; limits are those of uniform distributions.

    Attributes:
        basis: file or folder.
        count: number of spectra.
        out: NIfTI-MRS file to write; the truth lies beside it.
        seed: of all that is drawn.
        recipe: `"brain"` or a name in `diffmrs.simulate.RECIPES`.
        physical: the physical form of the recipe.
        snr: signal-to-noise ratio, of brain.
        snr_definition: its definition.
        spread: of the logarithm of concentrations, of brain.
        baseline: height of a smooth baseline, of brain.
        artefacts: of brain: `water`, `lipids`, `echo` (parts of the metabolites), `eddy` (rad), `drift` (Hz).
        basis_ppm_reference: chemical shift that a .BASIS file is centred on, ppm.
    """

    basis: Path
    count: int
    out: Path
    seed: int = 0
    recipe: str = "brain"
    physical: bool = False
    snr: tuple[float, float] = (10.0, 40.0)
    snr_definition: str = "peak"
    spread: float = 0.3
    baseline: tuple[float, float] | None = None
    artefacts: dict[str, tuple[float, float]] = field(default_factory=dict)
    basis_ppm_reference: float | None = None

    @property
    def stem(self) -> str:
        """Name of the output without its ending.

        Raises:
            InputError: it does not end as a NIfTI file does.
        """
        found = re.fullmatch(r"(.+?)\.nii(\.gz)?", self.out.name)
        if found is None:
            raise InputError(f"--out is {self.out}; it must end in .nii or .nii.gz")
        return found.group(1)

    def check(self) -> None:
        """Look at the names before any work.

        Raises:
            InputError: the output would replace the basis, or its name does not end as a NIfTI file's does.
        """
        outputs = [self.out.with_name(name).resolve() for name in self.files]
        if self.basis.resolve() in outputs:
            raise InputError(f"--out is {self.out}; that would replace the basis")

    @property
    def files(self) -> list[str]:
        """Names of the files that are written."""
        return [self.out.name, f"{self.stem}_truth.csv", f"{self.stem}_truth.json"]


@dataclass(frozen=True)
class SimulatedSet:
    """Synthetic spectra in memory.

    Attributes:
        data: [1, 1, 1, spectra, points].
        columns: the truth, one array per column. [spectra]
        facts: what they were made from, for people and programs.
        notes: what the user should know.
    """

    data: MRSData
    columns: dict[str, np.ndarray]
    facts: dict[str, Any]
    notes: tuple[str, ...]


def simulate_set(options: SimulateOptions) -> SimulatedSet:
    """Read the basis and make the spectra.

    Raises:
        InputError: the basis cannot be used, or the spectra would not fit into memory.
    """
    basis = read_basis(options.basis, ppm_reference=options.basis_ppm_reference)
    if has_reference_singlet(basis):
        basis = remove_reference_singlet(basis)
    _check_memory(options.count, basis.n_points)
    basis = Basis(np.asarray(basis.fid, np.complex64), basis.acquisition, basis.names, basis.source)
    make, chosen, model, facts, notes = (_brain if options.recipe == "brain" else _published)(options, basis)
    keys = jax.random.split(jax.random.key(options.seed), options.count)
    fid, truth = _in_chunks(make, keys, basis.n_points)
    header = Header(source="diffmrs simulate").with_meta(
        SpectrometerFrequency=[basis.acquisition.spectrometer_frequency_mhz],
        ResonantNucleus=[basis.acquisition.nucleus],
    )
    data = MRSData(fid[None, None, None], basis.acquisition, (SPECTRA,), header)
    facts |= {"basis": str(options.basis), "seed": options.seed, "spectra": options.count, "members": chosen.names}
    return SimulatedSet(data, truth_columns(truth, chosen.names, model, options), facts, notes)


def write_set(folder: Path, made: SimulatedSet, options: SimulateOptions) -> list[str]:
    """Write the spectra, the table of the truth and what they were made from.

    Returns:
        Names of the files.

    Raises:
        InputError: a file cannot be written.
    """
    names = options.files
    write_nifti_mrs(folder / names[0], made.data)
    with (folder / names[1]).open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["spectrum", *made.columns])
        for row, values in enumerate(zip(*made.columns.values(), strict=True)):
            table.writerow([row, *(f"{value:.7g}" for value in values)])
    (folder / names[2]).write_text(json.dumps(made.facts, indent=2) + "\n")
    return names


def truth_columns(
    truth: Simulated, names: tuple[str, ...], model: SignalModel, options: SimulateOptions
) -> dict[str, np.ndarray]:
    """The truth as columns, [spectra] each; shift and widths per member only where they differ between members."""
    p = jax.tree.map(np.asarray, truth.parameters)
    groups, shims = np.array(model.groups), np.array(model.shims)
    columns: dict[str, Any] = {f"{name}_amplitude": p.amplitude[:, k] for k, name in enumerate(names)}
    for quantity, values in (
        ("frequency_shift_hz", p.frequency_shift_hz[:, groups]),
        ("lorentzian_fwhm_hz", p.lorentzian_fwhm_hz[:, groups]),
        ("gaussian_fwhm_hz", np.sqrt(p.gaussian_variance_hz2)[:, shims]),
    ):
        if np.ptp(values, axis=1).max() == 0:
            columns[quantity] = values[:, 0]
        else:
            columns |= {f"{name}_{quantity}": values[:, k] for k, name in enumerate(names)}
    columns |= {
        "phase0_rad": p.phase0_rad,
        "delay_s": p.delay_s,
        "snr_peak": truth.snr,
        "noise_sd_of_sample": truth.noise_sd / spectrum_noise(model.n_points),
    }
    if options.baseline is not None:
        columns |= {
            "baseline_height_ratio": truth.baseline_height,
            "baseline_width_ppm": truth.baseline_width_ppm,
            "baseline_causal": truth.baseline_causal,
        }
    for artefact in options.artefacts:
        for part in _ARTEFACT_FIELDS[artefact]:
            columns[f"{part}_ratio" if part in _RATIOS else part] = getattr(truth.spoiling, part)
    return columns


_Maker = Callable[[jax.Array], Simulated]
_Plan = tuple[_Maker, Basis, SignalModel, dict[str, Any], tuple[str, ...]]


def _brain(options: SimulateOptions, basis: Basis) -> _Plan:
    population, absent = brain_population(basis, spread=options.spread)
    groups = default_groups(basis)
    window = default_ppm_range(basis.acquisition, basis.n_points)
    model = model_for(basis, ppm_range=window, groups=groups, shims=groups, baseline=NoBaseline())
    given = {_ARTEFACT_FIELDS[name][0]: Uniform(*limits) for name, limits in options.artefacts.items()}
    artefacts = Artefacts(**given) if given else None
    baseline = None if options.baseline is None else RandomBaseline(Uniform(*options.baseline))
    basis_fid, snr, mesh = jnp.asarray(basis.fid), Uniform(*options.snr), local_mesh()

    def make(keys: jax.Array) -> Simulated:
        return spectra_of_population(
            keys, population, basis_fid, model, snr, baseline, artefacts, options.snr_definition, mesh
        )

    facts = {
        "recipe": "brain: usual concentrations in mM, log-normal",
        "spread": options.spread,
        "snr": options.snr,
        "snr_definition": SNR_DEFINITIONS[options.snr_definition].words,
        "baseline_height_ratio": options.baseline,
        "artefacts": options.artefacts,
    }
    notes = (f"no usual concentration of {', '.join(absent)} is known; they are left at 0",) if absent else ()
    return make, basis, model, facts, notes


def _published(options: SimulateOptions, basis: Basis) -> _Plan:
    recipe = RECIPES[options.recipe]
    missing = recipe.missing(basis)
    if missing and len(missing) == len(recipe.ingredients):
        raise InputError(f"{options.basis}: holds no member of the recipe {recipe.name}")
    recipe = recipe.without(*missing)
    one, basis_fid = recipe_sampler(recipe, basis, physical=options.physical)
    mesh = local_mesh()

    def make(keys: jax.Array) -> Simulated:
        return spectra_by_recipe(keys, basis_fid, one, mesh)

    facts = {
        "recipe": recipe.name,
        "form": "physical" if options.physical else "published",
        "source": recipe.source,
        "note": recipe.note,
        "left_out": missing,
    }
    notes = (f"the basis lacks {', '.join(missing)} of the recipe; they are left out",) if missing else ()
    return make, basis.select(recipe.members(basis)), one.model, facts, notes


def _in_chunks(make: _Maker, keys: jax.Array, n_points: int) -> tuple[np.ndarray, Simulated]:
    """All FIDs, and the truth without anything that has a value per point; one compiled call serves all chunks."""
    count = keys.shape[0]
    fid = np.empty((count, n_points), np.complex64)
    kept, size = [], min(_CHUNK, count)
    for start in range(0, count, size):
        # The last chunk is filled up with its last key, so that it has the shape of the others.
        rows = np.minimum(np.arange(start, start + size), count - 1)
        many = make(keys[rows])
        stop = min(start + size, count)
        fid[start:stop] = np.asarray(many.fid)[: stop - start]
        small = {"fid": many.fid[:, :1], "baseline": many.baseline[:, :1]}
        few = type(many)(**{name: small.get(name, getattr(many, name)) for name in many.__dataclass_fields__})
        kept.append(jax.tree.map(lambda leaf, n=stop - start: np.asarray(leaf)[:n], few))
    return fid, jax.tree.map(lambda *leaves: np.concatenate(leaves), *kept)


def _check_memory(count: int, n_points: int) -> None:
    needed = _COPIES * 8 * count * n_points
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else np.inf
    if needed > there:
        raise InputError(
            f"--n is {count}: {count} spectra of {n_points} points need about {needed / 1e9:.1f} GB of memory, and "
            f"there are {there / 1e9:.1f} GB; make several files with other seeds"
        )
