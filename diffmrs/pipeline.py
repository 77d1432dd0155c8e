"""From file names to files: what the command `diffmrs fit` does, step by step."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from diffmrs.compile_clock import CompileClock
from diffmrs.conditioning import with_macromolecules, without_eddy_currents, without_water
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import FitResult, ModelOptions, fit
from diffmrs.fitting.prepare import default_ppm_range
from diffmrs.io import has_reference_singlet, read_basis, read_data, remove_reference_singlet
from diffmrs.io.lcmodel_basis import singlet_width_ppm
from diffmrs.measured_mm import measured_macromolecules
from diffmrs.plot import fit_figure
from diffmrs.quality import Quality, quality_of
from diffmrs.quality.water_phase import SOME_BEND_DEG, phase_bend_deg
from diffmrs.quantify import (
    AtTimeZero,
    ConcentrationFactors,
    LCModelAreas,
    TissueOptions,
    WaterReference,
    metabolites_per_water,
)
from diffmrs.report import write_report
from diffmrs.results import Layout, MetaboliteTable, table_of, write_concentrations, write_maps, write_quality
from diffmrs.results.layout import layout_of
from diffmrs.results.maps import lies_elsewhere
from diffmrs.results.mask import read_mask
from diffmrs.spins.macromolecules import macromolecule_sets

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitOptions:
    """Everything `diffmrs fit` was told.

    Attributes:
        data: file with the measured FIDs.
        basis: basis file or folder.
        mask: image of the voxels to fit.
        water: file with the unsuppressed water scan, for concentrations in mM and for `ecc`.
        water_reference: water content and relaxation that concentrations rest on, unless there is `tissue`.
        tissue: tissue fractions and relaxation times, for concentrations by tissue.
        water_scaling: how signals become comparable: `"time-zero"` or `"lcmodel"` (areas as LCModel takes them).
        ecc: whether eddy currents are corrected with the water scan.
        remove_water: whether the residual water line is removed first.
        macromolecules: `"auto"`, `"none"`, `"lipids"`, names of sets (see `diffmrs.conditioning.with_macromolecules`),
            or files with a measured macromolecule spectrum.
        macromolecule_water: file with the water scan of that measurement, to correct its eddy currents.
        basis_ppm_reference: chemical shift the basis is centred on, when its file cannot say, ppm.
        ppm_range: lower and upper limit of the fit, ppm.
        model: what was chosen about the model.
        keep_reference: whether a reference singlet at 0 ppm stays in the basis.
        plot_index: fitted spectrum to plot; one of median SNR when absent.
        sampling: what the data file does not say: `dwell_time_s`, `spectrometer_frequency_mhz`.
    """

    data: Path
    basis: Path
    mask: Path | None = None
    ppm_range: tuple[float, float] | None = None
    model: ModelOptions = ModelOptions()
    water: Path | None = None
    water_reference: WaterReference = WaterReference()
    tissue: TissueOptions | None = None
    water_scaling: str = "time-zero"
    ecc: bool = False
    remove_water: bool = False
    macromolecules: tuple[str, ...] = ("auto",)
    macromolecule_water: Path | None = None
    basis_ppm_reference: float | None = None
    keep_reference: bool = False
    plot_index: int | None = None
    sampling: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FitRun:
    """A fit with all that its report needs.

    Attributes:
        result: the fit, one row per fitted spectrum.
        table: numbers per metabolite.
        quality: numbers per spectrum.
        layout: where each spectrum sat in the file.
        title: heading of the report.
        settings: what the fit was told, in words.
        inputs: files that were read.
        notes: what the user should know.
        seconds: time of the fit, s.
        compile_seconds: of it, for compilation, s.
    """

    result: FitResult
    table: MetaboliteTable
    quality: Quality
    layout: Layout
    title: str
    settings: dict[str, str]
    inputs: tuple[Path, ...]
    notes: tuple[str, ...]
    seconds: float
    compile_seconds: float


def fit_files(options: FitOptions) -> FitRun:
    """Read the files, fit every spectrum, and gather the numbers.

    Raises:
        InputError: a file cannot be used, or data, basis and options do not go together.
    """
    data = read_measured(options.data, options.sampling)
    basis, notes = _read_basis(options)
    layout = layout_of(data)
    if options.mask is not None:
        mask, affine = read_mask(options.mask)
        layout = _located(options.mask, layout_of, data, mask)
        if lies_elsewhere(affine, data.header):
            notes += (
                f"The geometry in {options.mask.name} differs from that of the data; voxels were matched by index.",
            )
    notes += _notes_on(data)
    _check_range(options, data, basis)
    maps = () if options.tissue is None or options.tissue.maps is None else options.tissue.maps
    measured = [Path(name) for name in options.macromolecules if _is_file(name)]
    files = (options.data, options.basis, options.mask, options.water, *maps, *measured, options.macromolecule_water)
    inputs = tuple(file for file in files if file is not None)
    chosen = _chosen(data, layout)
    _check_plot_index(options.plot_index, chosen)
    where = f"{options.data} with {options.basis}"
    water = _read_water(options, data, layout)
    plain_basis = basis
    notes += _notes_on_water(options, water)
    chosen = _conditioned(options, chosen, water)
    basis, added = _located(
        where if set(options.macromolecules) <= {"auto", "none"} else f"{where}, --mm",
        with_macromolecules,
        basis,
        chosen,
        [_measured(options, name) for name in options.macromolecules],
    )
    factors = None if water is None else _factors(options, chosen, water, plain_basis, basis.names, layout)
    concentrations = "none, as there is no water scan" if factors is None else factors.words
    settings = _settings(options, chosen, basis) | {"macromolecules": added, "concentrations": concentrations}
    notes += () if factors is None else factors.notes
    return fit_data(
        chosen,
        basis,
        layout=layout,
        ppm_range=options.ppm_range,
        model=options.model,
        factors=factors,
        title=options.data.name,
        settings=settings,
        inputs=inputs,
        notes=notes,
        where=where,
    )


def fit_data(
    data: MRSData,
    basis: Basis,
    *,
    layout: Layout,
    title: str,
    where: str,
    ppm_range: tuple[float, float] | None = None,
    model: ModelOptions = ModelOptions(),
    factors: ConcentrationFactors | None = None,
    settings: dict[str, str] | None = None,
    inputs: tuple[Path, ...] = (),
    notes: tuple[str, ...] = (),
) -> FitRun:
    """Fit data that are in memory, and gather the numbers.

    Args:
        data: one FID per fitted spectrum.
        basis: the basis set.
        layout: where each spectrum sat in the file.
        title: heading of the report.
        where: names of the files, for error messages.
        ppm_range: lower and upper limit of the fit, ppm.
        model: what was chosen about the model.
        factors: concentration per unit of amplitude of each spectrum and basis member.
        settings: what the fit was told, in words.
        inputs: files that were read.
        notes: what the user should know.

    Raises:
        InputError: data and basis do not go together.
    """
    with CompileClock() as clock:
        result = _located(where, fit, data, basis, ppm_range=ppm_range, **model.keywords)
        jax.block_until_ready(result.estimate)
    log.info("fitted %d spectra in %.2f s", data.n_spectra, clock.seconds)
    return FitRun(
        result=result,
        table=table_of(result, factors),
        quality=quality_of(result),
        layout=layout,
        title=title,
        settings=settings or {},
        inputs=inputs,
        notes=notes,
        seconds=clock.seconds,
        compile_seconds=clock.compile_seconds,
    )


def read_measured(path: Path, sampling: dict[str, float]) -> MRSData:
    """Read data as the command line does: errors about the sampling name the options that give it.

    Raises:
        InputError: the file cannot be used.
    """
    try:
        return read_data(path, **sampling)
    except InputError as error:
        about_sampling = "dwell_time_s" in str(error) or "spectrometer_frequency_mhz" in str(error)
        lacks_it = path.name.lower().removesuffix(".gz").endswith((".raw", ".h2o"))
        hint = " (on the command line: --bandwidth HZ and --frequency MHZ)"
        raise InputError(f"{error}{hint if about_sampling and (sampling or lacks_it) else ''}") from None


def write_outputs(folder: Path, run: FitRun, index: int) -> None:
    """Write `concentrations.csv`, `quality.csv` with `quality.json`, `fit.png`, `report.html`, and `maps/` for MRSI.

    Args:
        folder: where to write; must exist.
        run: from `fit_files` or `fit_data`.
        index: the spectrum to plot.

    Raises:
        InputError: a file cannot be written, or that spectrum was not fitted.
    """
    write_concentrations(folder / "concentrations.csv", run.table, run.layout)
    write_quality(folder / "quality.csv", run.quality, run.layout)
    fit_figure(run.result, index=index).savefig(folder / "fit.png")
    write_report(
        folder / "report.html",
        run.result,
        table=run.table,
        quality=run.quality,
        layout=run.layout,
        index=index,
        title=run.title,
        settings=run.settings,
        inputs=run.inputs,
        notes=run.notes,
    )
    if run.layout.is_mrsi:
        (folder / "maps").mkdir()
        write_maps(folder / "maps", run.table, run.quality, run.layout, run.result.data.header)


def _read_basis(options: FitOptions) -> tuple[Basis, tuple[str, ...]]:
    basis = read_basis(options.basis, ppm_reference=options.basis_ppm_reference)
    if options.keep_reference or not has_reference_singlet(basis):
        return basis, ()
    return remove_reference_singlet(basis), ("The reference singlet at 0 ppm was taken out of the basis set.",)


def _read_water(options: FitOptions, data: MRSData, layout: Layout) -> MRSData | None:
    """The water scan, cut to the spectra that are fitted when there is one FID for each."""
    if options.water is None:
        if options.tissue is not None:
            raise InputError("tissue fractions serve water-referenced concentrations: name the water scan with --water")
        if options.ecc:
            raise InputError("--ecc needs the water scan: name its file with --water")
        return None
    water = read_measured(options.water, options.sampling)
    return _chosen(water, layout) if water.n_spectra == data.n_spectra else water


def _conditioned(options: FitOptions, data: MRSData, water: MRSData | None) -> MRSData:
    if options.ecc and water is not None:
        data = _located(options.water, without_eddy_currents, data, water)
    return without_water(data) if options.remove_water else data


def _is_file(macromolecules: str) -> bool:
    return macromolecules not in ("auto", "none", "lipids", *macromolecule_sets()) and Path(macromolecules).is_file()


def _measured(options: FitOptions, name: str) -> str | Basis:
    """A choice of macromolecules; a file becomes the member made of it, treated like the data."""
    water = options.macromolecule_water
    if water is not None and not any(_is_file(each) for each in options.macromolecules):
        raise InputError("--mm-water serves a measured macromolecule spectrum: name its file with --mm")
    if not _is_file(name):
        return name
    scan = read_measured(Path(name), options.sampling)
    if water is not None:
        scan = _located(water, without_eddy_currents, scan, read_measured(water, options.sampling))
    found = _located(name, measured_macromolecules, without_water(scan))
    return replace(found.basis, source=found.in_words)


def _notes_on(data: MRSData) -> tuple[str, ...]:
    if "DIM_COIL" not in data.dim_tags:
        return ()
    coils = data.fid.shape[data.fid.ndim - 1 - len(data.dim_tags) + data.dim_tags.index("DIM_COIL")]
    if coils == 1:
        return ()
    return (f"The data hold {coils} receive coils that were not combined; each was fitted by itself.",)


def _notes_on_water(options: FitOptions, water: MRSData | None) -> tuple[str, ...]:
    if water is None or options.ecc:
        return ()
    bend = phase_bend_deg(np.asarray(water.spectra)[0], water.acquisition)
    if not bend > SOME_BEND_DEG:
        return ()
    return (f"The phase of the water scan bends by {bend:.1f} degrees: eddy currents, which --ecc corrects.",)


def _check_range(options: FitOptions, data: MRSData, basis: Basis) -> None:
    low, high = options.ppm_range or default_ppm_range(data.acquisition, data.n_points)
    _located("--ppm" if options.ppm_range else options.data, data.acquisition.window, data.n_points, (low, high))
    ours, theirs = basis.acquisition, data.acquisition
    alike = (
        ours.nucleus == theirs.nucleus
        and abs(ours.spectrometer_frequency_mhz / theirs.spectrometer_frequency_mhz - 1) < 0.1
    )
    if alike and (low < basis.ppm.min() or high > basis.ppm.max()):
        raise InputError(
            f"{options.basis}: the basis reaches only from {basis.ppm.min():.2f} to {basis.ppm.max():.2f} ppm "
            f"(bandwidth {ours.bandwidth_hz:g} Hz), but the fit from {low:g} to {high:g} ppm"
        )


def _check_plot_index(index: int | None, data: MRSData) -> None:
    if index is None:
        return
    if not 0 <= index < data.n_spectra:
        raise InputError(f"--plot-index is {index}; {data.n_spectra} spectra are to be fitted, counted from 0")
    fid = np.asarray(data.spectra[index])
    if not (np.isfinite(fid).all() and fid.any()):
        raise InputError(f"--plot-index is {index}; spectrum {index} holds NaN, infinity or only zeros")


def _chosen(data: MRSData, layout: Layout) -> MRSData:
    """One row per spectrum to fit."""
    fid = np.asarray(data.spectra)[layout.rows]
    return MRSData(fid, data.acquisition, header=data.header)


def _settings(options: FitOptions, data: MRSData, basis: Basis) -> dict[str, str]:
    low, high = options.ppm_range or default_ppm_range(data.acquisition, data.n_points)
    return {
        "fit range": f"{low:g} to {high:g} ppm",
        **options.model.in_words,
        "eddy currents": "corrected with the water scan (Klose)" if options.ecc else "not corrected",
        "residual water": "removed by HSVD, 4.3 to 5.0 ppm" if options.remove_water else "left in",
        "basis set": basis.source or options.basis.name,
        "basis members": ", ".join(basis.names),
        "spectra": str(data.n_spectra),
        "points": str(data.n_points),
        "bandwidth": f"{data.acquisition.bandwidth_hz:.6g} Hz",
        "spectrometer frequency": f"{data.acquisition.spectrometer_frequency_mhz:.6g} MHz",
        "nucleus": data.acquisition.nucleus,
    }


def _factors(
    options: FitOptions, data: MRSData, water: MRSData, plain_basis: Basis, names: tuple[str, ...], layout: Layout
) -> ConcentrationFactors:
    """What an amplitude of each basis member means, and in words what that rests on."""
    signals: AtTimeZero | LCModelAreas = AtTimeZero()
    if options.water_scaling == "lcmodel":
        width = singlet_width_ppm(options.basis)
        signals = LCModelAreas() if width is None else LCModelAreas(width)
    ratio = _located(f"{options.water} with {options.basis}", metabolites_per_water, data, plain_basis, water, signals)
    reference: Any = options.water_reference
    if options.tissue is not None:
        reference = _located(options.data, options.tissue.reference, data, water, layout.voxel(), names)
    factors = reference.factors(ratio, names)
    return replace(factors, words=f"{factors.words}; signals: {signals.words}")


def _located(where: object, call: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a call whose errors are told with the file or option they are about."""
    try:
        return call(*args, **kwargs)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
