"""Spectra that fit into memory: fitted in one call, gathered, and written."""

import logging
from dataclasses import dataclass
from pathlib import Path

import jax

from diffmrs.compile_clock import CompileClock
from diffmrs.data import Basis, MRSData
from diffmrs.fitting import FitResult, ModelOptions, fit
from diffmrs.fitting.fit import Starter
from diffmrs.pipeline.inputs import Inputs, located, read_inputs
from diffmrs.pipeline.options import FitOptions
from diffmrs.plot import fit_figure
from diffmrs.quality import Quality, quality_of
from diffmrs.quantify import ConcentrationFactors
from diffmrs.report import write_report
from diffmrs.results import Layout, MetaboliteTable, table_of, write_concentrations, write_quality

log = logging.getLogger(__name__)


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
    return fit_inputs(read_inputs(options))


def fit_inputs(inputs: Inputs) -> FitRun:
    """Fit what was read.

    Raises:
        InputError: data and basis do not go together.
    """
    rows = inputs.layout.rows
    data = inputs.conditioned(rows, inputs.raw(rows))
    factors = inputs.factors(rows, data)
    return fit_data(
        data,
        inputs.basis,
        layout=inputs.layout,
        ppm_range=inputs.options.ppm_range,
        model=inputs.options.model,
        factors=factors,
        title=inputs.options.data.name,
        settings=inputs.settings(factors),
        inputs=inputs.files,
        notes=inputs.notes + (() if factors is None else factors.notes),
        where=inputs.where,
        starter=inputs.starter,
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
    starter: Starter | None = None,
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
        starter: what tells where each fit begins and how many steps it takes.

    Raises:
        InputError: data and basis do not go together.
    """
    with CompileClock() as clock:
        result = located(where, fit, data, basis, ppm_range=ppm_range, starter=starter, **model.keywords)
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


def write_outputs(folder: Path, run: FitRun, index: int) -> None:
    """Write `concentrations.csv`, `quality.csv` with `quality.json`, `fit.png`, and `report.html`.

    Args:
        folder: where to write; must exist.
        run: from `fit_files` or `fit_data`.
        index: the spectrum to plot.

    Raises:
        InputError: a file cannot be written, or that spectrum was not fitted.
    """
    write_concentrations(folder / "concentrations.csv", [(run.table, run.layout)])
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
