"""Volumes: fitted chunk by chunk, resumed when interrupted, written as maps and pages."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffmrs.compile_clock import CompileClock
from diffmrs.data import MRSData
from diffmrs.fitting import FitResult
from diffmrs.io.volume import nifti_header_of
from diffmrs.panels import VoxelCurves, content_figure, page_content, rows_with_curves, voxel_curves, write_volume_page
from diffmrs.pipeline.inputs import Inputs, located
from diffmrs.plot import fit_figure
from diffmrs.quality import Quality
from diffmrs.quantify import ConcentrationFactors
from diffmrs.report import write_report
from diffmrs.results import Layout, MetaboliteTable, write_concentrations, write_map, write_maps, write_quality
from diffmrs.spatial import Smoothness, fit_smooth
from diffmrs.volume import RUN_FOLDER, VolumeFit, fit_volume
from diffmrs.volume.hosts import ALONE, Share
from diffmrs.volume.spectra import SpectraFiles
from diffmrs.volume.store import check_room, kept_in_words

log = logging.getLogger(__name__)
_CURVES = ("ppm", "data", "fit", "baseline", "rows")


@dataclass(frozen=True)
class VolumeRun:
    """A fitted volume with all that its outputs need.

    Attributes:
        volume: the fit.
        inputs: what was read.
        settings: what the fit was told, in words.
        notes: what the user should know.
        seconds: time of the fit, s.
        compile_seconds: of it, for compilation, s.
    """

    volume: VolumeFit
    inputs: Inputs
    settings: dict[str, str]
    notes: tuple[str, ...]
    seconds: float
    compile_seconds: float

    @property
    def table(self) -> MetaboliteTable:
        """Numbers per metabolite."""
        return self.volume.table

    @property
    def quality(self) -> Quality:
        """Numbers per spectrum."""
        return self.volume.quality

    @property
    def layout(self) -> Layout:
        """Where each spectrum sat in the file."""
        return self.volume.layout


def fit_volume_inputs(
    inputs: Inputs,
    folder: Path,
    *,
    progress: bool = True,
    share: Share = ALONE,
    tell: Callable[[str], None] | None = None,
) -> VolumeRun:
    """Fit a volume that was read.

    Args:
        inputs: from `read_inputs`.
        folder: where finished chunks are kept until the outputs are written.
        progress: whether a bar is drawn on standard error.
        share: which chunks are this process's, of several.
        tell: is called with a line when an earlier run is continued, or is of no use.

    Raises:
        InputError: data and basis do not go together, or the folder cannot be written.
    """
    options = inputs.options

    def condition(rows: np.ndarray, fids: np.ndarray) -> np.ndarray:
        return np.asarray(inputs.conditioned(rows, fids).fid)

    def factors(rows: np.ndarray, data: MRSData) -> ConcentrationFactors | None:
        return inputs.factors(rows, data)

    some = inputs.layout.rows[:1]
    told = inputs.factors(some, inputs.conditioned(some, inputs.raw(some)))
    spectra = SpectraFiles(inputs.data, inputs.layout) if options.save_spectra else None
    if spectra is not None and share.leads:
        check_room(folder, spectra.wanted_bytes, "the spectra files")
    with CompileClock() as clock, _told_where_to_go_on(folder / RUN_FOLDER):
        volume = located(
            inputs.where,
            fit_volume,
            inputs.data,
            inputs.basis,
            layout=inputs.layout,
            folder=folder,
            neighbours=options.neighbours,
            chunk=options.chunk,
            share=share,
            tell=tell,
            progress=progress,
            condition=condition,
            factors=factors,
            refine=None if options.smooth is None else _smoother(inputs),
            identity=_identity(inputs),
            starter=inputs.starter,
            extra=_Extra(inputs.layout, spectra),
            ppm_range=options.ppm_range,
            **options.model.keywords,
        )
    log.info("fitted %d spectra in %.2f s", len(volume.layout.rows), clock.seconds)
    notes = inputs.notes + (() if told is None else told.notes)
    return VolumeRun(volume, inputs, inputs.settings(told), notes, clock.seconds, clock.compile_seconds)


def write_volume_outputs(folder: Path, run: VolumeRun, index: int) -> None:
    """Write tables, maps, pages and figures of a volume.

    `concentrations.csv`, `quality.csv` with `quality.json`, `maps/`, `maps.png`, `volume.html` (maps with a voxel
    picker), `fit.png` and `report.html` (one spectrum in full), and on request `spectra/`.

    Args:
        folder: where to write; must exist.
        run: from `fit_volume_inputs`.
        index: the spectrum to plot.

    Raises:
        InputError: a file cannot be written.
    """
    with _told_where_to_go_on(run.volume.store.folder):
        _write_volume_outputs(folder, run, index)


def _write_volume_outputs(folder: Path, run: VolumeRun, index: int) -> None:
    volume, table, quality, layout = run.volume, run.table, run.quality, run.layout
    header = volume.data.header
    write_concentrations(folder / "concentrations.csv", volume.tables())
    write_quality(folder / "quality.csv", quality, layout)
    (folder / "maps").mkdir()
    write_maps(folder / "maps", table, quality, layout, header)
    cleaning = run.inputs.cleaning
    if cleaning.shift_hz is not None and cleaning.phase_rad is not None:
        taken = {"aligned_shift_hz": cleaning.shift_hz, "aligned_phase_rad": cleaning.phase_rad}
        for name, values in taken.items():
            write_map(folder / "maps" / f"{name}.nii.gz", values[layout.rows], layout, header)
    about: dict[str, Any] = {
        "title": run.inputs.options.data.name,
        "settings": run.settings,
        "inputs": run.inputs.files,
        "notes": run.notes,
    }
    content = page_content(table, quality, layout, _curves(volume))
    affine = _affine(volume.data)
    content_figure(content, affine=affine, title=about["title"]).savefig(folder / "maps.png", dpi=120)
    write_volume_page(folder / "volume.html", content, affine=affine, extra_names=volume.data.dim_tags, **about)
    alone = volume.result_of(index)
    fit_figure(alone, index=0).savefig(folder / "fit.png")
    write_report(
        folder / "report.html", alone, alone=True, table=table, quality=quality, layout=layout, index=index, **about
    )
    if run.inputs.options.save_spectra:
        (folder / "spectra").mkdir()
        SpectraFiles(volume.data, layout).finish(volume.store.folder, folder / "spectra")


@dataclass(frozen=True)
class _Extra:
    """What is kept of each chunk beside its numbers: curves for the page, and spectra for files."""

    layout: Layout
    spectra: SpectraFiles | None

    def __call__(self, result: FitResult, span: slice, folder: Path) -> dict[str, np.ndarray]:
        local = self._shown(span, len(result.names), result.model.ppm)
        curves = voxel_curves(result, local - span.start, offset=span.start) if local.size else None
        if self.spectra is not None:
            self.spectra.write(folder, result, span)
        if curves is None:
            return {}
        return {f"curves.{name}": getattr(curves, name) for name in _CURVES}

    def accepts(self, arrays: dict[str, np.ndarray], span: slice, folder: Path) -> bool:
        """Whether what an earlier run kept is whole."""
        if self.spectra is not None and not self.spectra.whole(folder):
            return False
        names = [f"curves.{name}" for name in _CURVES]
        if not any(name in arrays for name in names):
            return True
        if not all(name in arrays for name in names):
            return False
        ppm, *curves, rows = (arrays[name] for name in names)
        inside = rows.ndim == 1 and rows.dtype.kind == "i" and bool(((rows >= span.start) & (rows < span.stop)).all())
        return (
            inside
            and (ppm.ndim, ppm.dtype.kind) == (1, "f")
            and all((each.shape, each.dtype) == ((rows.size, ppm.size), np.float32) for each in curves)
        )

    def _shown(self, span: slice, n_names: int, ppm: np.ndarray) -> np.ndarray:
        shown = rows_with_curves(self.layout, 2 * n_names, ppm)
        return shown[(shown >= span.start) & (shown < span.stop)]


@contextmanager
def _told_where_to_go_on(run_folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {kept_in_words(run_folder)}") from None


def _smoother(inputs: Inputs) -> Callable[[FitResult], FitResult]:
    given = inputs.options.smooth
    tau = Smoothness(*given) if given else None
    return lambda result: fit_smooth(result, tau=tau, layout=inputs.layout)


def _curves(volume: VolumeFit) -> VoxelCurves | None:
    parts = [
        VoxelCurves(**{name: arrays[f"curves.{name}"] for name in _CURVES}) for arrays in volume.pieces_with("curves.")
    ]
    return VoxelCurves.joined(parts) if parts else None


def _affine(data: MRSData) -> np.ndarray | None:
    """Voxels to mm, where the file knows."""
    source = nifti_header_of(data.header)
    if source is None or not (int(source["sform_code"]) or int(source["qform_code"])):
        return None
    return np.asarray(source.get_best_affine())


def _identity(inputs: Inputs) -> str:
    """All that conditioning and concentrations depend on."""
    options = {
        name: value if isinstance(value, str | int | float | bool | None) else repr(value)
        for name, value in asdict(inputs.options).items()
        if name not in ("plot_index",)
    }
    stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in inputs.files if file.is_file()]
    return json.dumps([options, stamps], sort_keys=True, default=repr)
