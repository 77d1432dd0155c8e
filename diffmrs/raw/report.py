"""The page about a cleaned scan, and the table of its transients."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from diffmrs.data import MRSData
from diffmrs.io.atomic import atomic_write
from diffmrs.provenance import now, sha256_of, versions
from diffmrs.raw.assemble import CleanedScan
from diffmrs.raw.figures import before_after_figure, coils_figure, transients_figure, water_figure
from diffmrs.raw.gains import gains_of, in_words
from diffmrs.raw.series import SeriesRecord
from diffmrs.report import embedded

COLUMNS = ("series", "condition", "transient", "shift_hz", "phase_deg", "weight", "z_score", "outlier")


def write_clean_report(
    path: Path, scan: CleanedScan, raw: MRSData, *, title: str, shown: int = 0, inputs: Sequence[Path] = ()
) -> None:
    """Write a page that holds before and after, drift, weights, water left, and the steps.

    Args:
        path: the HTML file.
        scan: from `clean_raw`.
        raw: the raw data.
        title: heading, such as the name of the data file.
        shown: which series is drawn.
        inputs: files that were read; their SHA-256 is given.

    Raises:
        InputError: the file cannot be written.
    """
    record, acquisition = scan.series[shown], raw.acquisition
    labels = condition_labels(record)
    water = water_figure(record, acquisition).get_figure() if acquisition.nucleus == "1H" else None
    assert water is None or isinstance(water, Figure)
    environment = Environment(loader=PackageLoader("diffmrs"), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("preprocess.html.j2").render(
        title=title,
        date=now(),
        versions=versions(),
        notes=scan.notes,
        place=record.place,
        n_series=len(scan.series),
        spectra_figure=embedded(before_after_figure(record, acquisition, labels)),
        transients_figure=embedded(transients_figure(record, labels)) if record.weight.shape[1] > 1 else "",
        water_figure=embedded(water) if water is not None else "",
        coils_figure=embedded(coils_figure(record)) if record.sensitivities is not None else "",
        gains=in_words(gains_of(record, acquisition)),
        doubtful=_doubtful(record, labels),
        steps=scan.steps,
        inputs=[(str(file), sha256_of(file)) for file in inputs],
    )
    with atomic_write(path, text=True) as stream:
        stream.write(page)


def write_transients(path: Path, scan: CleanedScan) -> None:
    """Write a table with a row for each transient; cells are empty where there is no number.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_write(path, text=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for series, record in enumerate(scan.series):
            for condition, transient in np.ndindex(*record.weight.shape):
                numbers = (
                    record.shift_hz[condition, transient],
                    np.degrees(record.phase_rad[condition, transient]),
                    record.weight[condition, transient],
                    record.z_score[condition, transient],
                )
                cells = [f"{value:.6g}" if np.isfinite(value) else "" for value in numbers]
                writer.writerow([series, condition, transient, *cells, bool(record.outlier[condition, transient])])


def condition_labels(record: SeriesRecord) -> tuple[str, ...]:
    """Names of the conditions of an edited scan; none when there is only one."""
    count = len(record.after)
    return tuple(f"condition {k}" for k in range(count)) if count > 1 else ()


def _doubtful(record: SeriesRecord, labels: tuple[str, ...]) -> list[str]:
    """Transients that were left out or that count less than two thirds of an ordinary one."""
    count = record.weight.shape[1]
    found = []
    for condition, transient in np.argwhere(record.outlier | (record.weight * count < 2 / 3)):
        where = f"{labels[condition]}, " if labels else ""
        share = 100 * record.weight[condition, transient] * count
        what = "left out" if record.outlier[condition, transient] else f"counts {share:.0f} % of an ordinary one"
        found.append(f"{where}transient {transient}: {what}")
    return found
