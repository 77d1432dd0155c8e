"""`concentrations.csv` and `quality.csv`: plain tables with a fixed set of columns. No cell ever holds NaN.

Beside `quality.csv` lies `quality.json`, which defines its columns and flags.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from diffmrs.io.atomic import atomic_write
from diffmrs.quality import DEFINITIONS, Quality, sidecar
from diffmrs.results.layout import Layout
from diffmrs.results.table import CONCENTRATIONS, MetaboliteTable

METABOLITE_COLUMNS = (
    *("amplitude", "sd", "crlb_percent", "ci95_low", "ci95_high"),
    *("ratio_tcr", "ratio_tcr_ci95_low", "ratio_tcr_ci95_high"),
    *CONCENTRATIONS,
)
PRIOR_COLUMNS = ("prior_percent", "learned_percent")
QUALITY_COLUMNS = tuple(DEFINITIONS)


def write_concentrations(path: Path, table: MetaboliteTable, layout: Layout) -> None:
    """Write one row per spectrum and metabolite, the basis members first, then the sums.

    Raises:
        InputError: the file cannot be written.
    """
    columns = (*layout.place_columns, "metabolite", *METABOLITE_COLUMNS, "concentration_reference", *PRIOR_COLUMNS)
    values = np.stack([getattr(table, column) for column in (*METABOLITE_COLUMNS, *PRIOR_COLUMNS)], axis=-1)
    split = len(METABOLITE_COLUMNS)

    def rows() -> Iterator[list[str]]:
        for place, of_spectrum in zip(layout.places(), values, strict=True):
            for name, cells in zip(table.names, of_spectrum, strict=True):
                cells = [_cell(cell) for cell in cells]
                yield [*place, name, *cells[:split], table.concentration_reference, *cells[split:]]

    _write(path, columns, rows())


def write_quality(path: Path, quality: Quality, layout: Layout) -> None:
    """Write one row per spectrum, and beside the table a `.json` file that says what its columns and flags mean.

    Raises:
        InputError: a file cannot be written.
    """
    columns = (*layout.place_columns, *QUALITY_COLUMNS)
    places = enumerate(layout.places())
    _write(path, columns, ([*place, *(quality.cell(name, row) for name in QUALITY_COLUMNS)] for row, place in places))
    with atomic_write(path.with_suffix(".json"), text=True) as stream:
        stream.write(json.dumps(sidecar(), indent=1, ensure_ascii=False) + "\n")


def _cell(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[list[str]]) -> None:
    with atomic_write(path, text=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
