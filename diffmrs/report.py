"""`report.html`: one page that holds everything a reader needs to judge a fit, and loads nothing from elsewhere."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from diffmrs.errors import InputError
from diffmrs.fitting import FitResult
from diffmrs.io.atomic import atomic_write
from diffmrs.plot import fit_figure, plot_correlation, plot_lineshape
from diffmrs.provenance import now, sha256_of, versions
from diffmrs.quality import DEFINITIONS, FLAGS, Quality, quality_of
from diffmrs.results import Layout, MetaboliteTable, table_of
from diffmrs.results.constraints import ConstraintTable, constraints_of
from diffmrs.results.in_words import expected_in_words, grouped_in_words, model_in_words, tensions_in_words
from diffmrs.results.layout import layout_of

WEAK_PERCENT, POOR_PERCENT = 20.0, 50.0  # Cramér-Rao bounds above which a row is greyed, or called not reliable
MOSTLY_PRIOR_PERCENT = 50.0  # share of the information above which a row says so
_MOST_ROWS = 500  # of the quality table; the file quality.csv has them all
_MOST_PLACES = 12  # of the spectra that a flag is raised for


def write_report(
    path: Path,
    result: FitResult,
    *,
    alone: bool = False,
    table: MetaboliteTable | None = None,
    quality: Quality | None = None,
    layout: Layout | None = None,
    index: int | None = None,
    title: str = "MRS fit",
    settings: Mapping[str, str] | None = None,
    inputs: Sequence[Path] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write the report of a fit of one or many spectra.

    Args:
        path: the HTML file.
        result: from `diffmrs.fit`.
        alone: whether `result` holds only the spectrum to show, and table, quality and layout all.
        table: numbers per metabolite; made here when absent.
        quality: numbers per spectrum; made here when absent.
        layout: where each spectrum sat in the file; from the data when absent.
        index: which spectrum to show; that of `representative` when absent.
        title: heading, such as the name of the data file.
        settings: what the fit was told, in words.
        inputs: files that were read; their SHA-256 is given.
        notes: what a reader must know, one paragraph each.

    Raises:
        InputError: nothing could be fitted, no such spectrum, or the file cannot be written.
    """
    table = table_of(result) if table is None else table
    quality = quality_of(result) if quality is None else quality
    layout = layout_of(result.data) if layout is None else layout
    shown = representative(quality) if index is None else index
    row = 0 if alone else shown
    told = quality_of(result).flags if alone else quality.flags
    correlation = plot_correlation(result, index=row).get_figure()
    assert isinstance(correlation, Figure)
    constraints = constraints_of(result)
    unfit = int((~quality.converged).sum())
    warnings = [f"{unfit} of {len(quality.status)} spectra did not converge: {quality.status[_first_bad(quality)]}"]
    page = _template().render(
        title=title,
        date=now(),
        alarms=told.sentences(row, severe=True),
        notes=[*(warnings if unfit else []), *told.sentences(row, severe=False), *notes],
        flagged=_flagged(quality, layout),
        n_spectra=len(quality.status),
        place=_place(layout, shown),
        fit_figure=embedded(fit_figure(result, index=row)),
        correlation_figure=embedded(correlation),
        metabolites=_metabolite_rows(table, shown),
        with_priors=bool(np.isfinite(table.prior_percent).any()),
        with_mm=bool(np.isfinite(table.concentration_mm).any()),
        with_molal=bool(np.isfinite(table.concentration_mmol_per_kg).any()),
        mostly_prior=MOSTLY_PRIOR_PERCENT,
        model=model_in_words(result, row),
        lineshape_figure=_lineshape(result, row),
        chosen_constraints=(settings or {}).get("soft constraints", ""),
        constraint_counts=constraints.counts,
        tensions=tensions_in_words(constraints, row),
        ratios=_ratio_rows(constraints, row),
        parameter_constraints=grouped_in_words(constraints),
        quality=_quality_definitions(quality, shown),
        quality_head=[*layout.place_columns, *DEFINITIONS],
        quality_rows=_quality_rows(quality, layout),
        n_hidden=max(len(quality.status) - _MOST_ROWS, 0),
        settings=dict(settings or {}),
        inputs=[(str(file), sha256_of(file)) for file in inputs],
        versions=versions(),
    )
    with atomic_write(path, text=True) as stream:
        stream.write(page)


def representative(quality: Quality) -> int:
    """The spectrum to show of many: that of median SNR among those without a severe flag, else among those that
    converged, else the first that was fitted.

    Raises:
        InputError: no spectrum was fitted.
    """
    converged = quality.converged & np.isfinite(quality.snr)
    for pool in (converged & ~quality.flags.severe, converged, np.isfinite(quality.linewidth_hz)):
        candidates = np.flatnonzero(pool)
        if candidates.size:
            order = candidates[np.argsort(quality.snr[candidates], kind="stable")]
            return int(order[(len(order) - 1) // 2]) if quality.converged[order].all() else int(candidates[0])
    raise InputError(f"none of {len(quality.status)} spectra could be fitted ({quality.status[0]})")


def _template() -> Any:
    environment = Environment(loader=PackageLoader("diffmrs"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.j2")


def embedded(figure: Figure) -> str:
    """A figure as a data address."""
    packed = io.BytesIO()
    figure.savefig(packed, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(packed.getvalue()).decode()}"


def _metabolite_rows(table: MetaboliteTable, index: int) -> list[dict[str, str]]:
    rows = []
    for position, k in enumerate(table.sums_first):
        crlb = float(table.crlb_percent[index, k])
        poor, weak = not crlb <= POOR_PERCENT, not crlb <= WEAK_PERCENT
        styles = [
            "sum" if k >= table.n_members else "",
            "poor" if poor else "weak" if weak else "",
            "gap" if 0 < position == len(table.names) - table.n_members else "",
        ]
        rows.append(
            {
                "name": table.names[k],
                "amplitude": _number(table.amplitude[index, k], 4),
                "sd": _number(table.sd[index, k], 2),
                "sd_percent": table.sd_text(index, k),
                "crlb": table.crlb_text(index, k),
                "interval": _interval(table.ci95_low[index, k], table.ci95_high[index, k]),
                "ratio": _fixed(table.ratio_tcr[index, k]),
                "mm": _fixed(table.concentration_mm[index, k]),
                "molal": _fixed(table.concentration_mmol_per_kg[index, k]),
                "prior": _number(round(float(table.prior_percent[index, k]), 0), 3),
                "remark": ", ".join(
                    ["not reliable"] * poor
                    + ["mostly prior"] * bool(table.prior_percent[index, k] > MOSTLY_PRIOR_PERCENT)
                ),
                "style": " ".join(filter(None, styles)),
            }
        )
    return rows


def _ratio_rows(table: ConstraintTable, index: int) -> list[dict[str, str]]:
    return [
        {
            "subject": table.subjects[k],
            "expected": expected_in_words(table, k),
            "found": _number(table.found[index, k], 3),
            "sd": _number(table.found_sd[index, k], 2),
            "tension": f"{round(table.tension[index, k], 1) + 0.0:+.1f}"
            if np.isfinite(table.tension[index, k])
            else "",
            "learned": f"{table.learned_percent[index, k]:.0f}" if np.isfinite(table.learned_percent[index, k]) else "",
            "source": table.sources[k],
        }
        for k in range(table.n_ratios)
    ]


def _lineshape(result: FitResult, index: int) -> str:
    """The kernel as a data address; nothing without a kernel."""
    if not result.model.lineshape.n_kernel:
        return ""
    figure = plot_lineshape(result, index=index).get_figure()
    assert isinstance(figure, Figure)
    return embedded(figure)


def _quality_definitions(quality: Quality, index: int) -> list[dict[str, str]]:
    return [
        {"name": name, "value": _quality_cell(quality, name, index), "definition": text}
        for name, text in DEFINITIONS.items()
    ]


def _quality_rows(quality: Quality, layout: Layout) -> list[list[str]]:
    return [
        [*place, *(_quality_cell(quality, name, row) for name in DEFINITIONS)]
        for row, place in enumerate(layout.places()[:_MOST_ROWS])
    ]


def _quality_cell(quality: Quality, name: str, index: int) -> str:
    return quality.cell(name, index, digits=4).replace(";", "; ").replace("True", "yes").replace("False", "no")


def _flagged(quality: Quality, layout: Layout) -> list[dict[str, Any]]:
    """Each flag that is raised: for how many spectra, and for which."""
    found = []
    for flag, raised in zip(FLAGS, quality.flags.raised.T, strict=True):
        rows = np.flatnonzero(raised)
        if rows.size:
            where = [_place(layout, int(row)).removeprefix("spectrum ") for row in rows[:_MOST_PLACES]]
            more = [f"… and {rows.size - _MOST_PLACES} more"] if rows.size > _MOST_PLACES else []
            found.append(
                {
                    "name": flag.name,
                    "severe": flag.severe,
                    "meaning": flag.meaning,
                    "count": rows.size,
                    "where": "; ".join([*where, *more]),
                }
            )
    return found


def _place(layout: Layout, row: int) -> str:
    where = f"spectrum {layout.spectrum()[row]}"
    return f"{where}, voxel ({', '.join(map(str, layout.voxel()[row]))})" if layout.is_mrsi else where


def _first_bad(quality: Quality) -> int:
    return int(np.argmin(quality.converged))


def _number(value: Any, digits: int) -> str:
    return f"{value:.{digits}g}" if np.isfinite(value) else ""


def _interval(low: Any, high: Any) -> str:
    return f"{low:.3g} to {high:.3g}" if np.isfinite(high) else ""


def _fixed(value: Any) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""
