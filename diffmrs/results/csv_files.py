"""`concentrations.csv` and `quality.csv`: plain tables with a fixed set of columns. No cell ever holds NaN.

Beside `quality.csv` lies `quality.json`, which defines its columns and flags.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
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
_NOTHING = re.compile(r"(?<=,)-?(nan|inf)(?=[,\n])|^-?(nan|inf)(?=,)")  # no cell ever holds NaN


def write_concentrations(path: Path, tables: Iterable[tuple[MetaboliteTable, Layout]]) -> None:
    """Write one row per spectrum and metabolite, the basis members first, then the sums.

    Args:
        path: the file.
        tables: numbers, and where their spectra sat; of all spectra, or of one chunk after the other.

    Raises:
        InputError: the file cannot be written.
    """
    split = len(METABOLITE_COLUMNS)
    with atomic_write(path, text=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        for number, (table, layout) in enumerate(tables):
            if number == 0:
                named = (*METABOLITE_COLUMNS, "concentration_reference", *PRIOR_COLUMNS)
                writer.writerow((*layout.place_columns, "metabolite", *named))
            columns = (*METABOLITE_COLUMNS, *PRIOR_COLUMNS)
            values = np.stack([getattr(table, column) for column in columns], axis=-1)
            reference = table.concentration_reference
            pattern = ",".join(["%.6g"] * split) + f",{reference}," + ",".join(["%.6g"] * len(PRIOR_COLUMNS)) + "\n"
            names = [_quoted(name) for name in table.names]
            for place, of_spectrum in zip(layout.places(), values, strict=True):
                begin = ",".join(place)
                for name, cells in zip(names, of_spectrum.tolist(), strict=True):
                    told = pattern % tuple(cells)
                    stream.write(f"{begin},{name},{_NOTHING.sub('', told) if 'n' in told else told}")


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


def _quoted(name: str) -> str:
    """A name as a cell."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([name])
    return cell.getvalue()


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[list[str]]) -> None:
    with atomic_write(path, text=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
