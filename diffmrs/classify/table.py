"""A table of measured spectra with patients and labels: a CSV file that names NIfTI-MRS files, read line by line."""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffmrs.classify.labelled import Labelled
from diffmrs.classify.points import PpmPoints, points_of
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.io import read_data
from diffmrs.io.text import read_text

NEEDED, POSSIBLE = ("file", "patient", "label"), ("x", "y", "z", "spectrum", "true_label")
_VOXEL = ("x", "y", "z", "spectrum")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        line: its number in the file, the header being 1.
        file: of the spectrum.
        patient: as written.
        label: 0 or 1.
        voxel: x, y, z and number of the spectrum in it, from 0; None where the table does not say.
        true_label: where it is known, as in a simulated cohort.
    """

    line: int
    file: Path
    patient: str
    label: int
    voxel: tuple[int | None, int | None, int | None, int | None]
    true_label: int | None = None


@dataclass(frozen=True)
class Table:
    """A table and its spectra.

    Attributes:
        rows: lines of the table.
        spectra: as the classifier sees them, in the order of the rows.
        true_label: where every row has one. [spectra]
    """

    rows: tuple[Row, ...]
    spectra: Labelled
    true_label: np.ndarray | None


def read_table(path: str | os.PathLike[str], spec: PpmPoints = PpmPoints()) -> Table:
    """Read a table and the spectra that it names.

    Columns, in any order: `file` (NIfTI-MRS or any other format that is read, relative to the table), `patient` (any
    name), `label` (0 or 1); `x`, `y`, `z` (voxel, from 0) where a file holds a volume, `spectrum` where a voxel holds
    several; `true_label` where it is known. Spectra are taken as they are: coils combined, averaged, phased, water
    removed.

    Args:
        path: CSV file.
        spec: what the classifier sees.

    Raises:
        InputError: the table cannot be used; the message names the line.
    """
    rows = read_rows(path)
    points = np.empty((len(rows), spec.points), np.float32)
    by_file: dict[Path, list[int]] = {}
    for number, row in enumerate(rows):
        by_file.setdefault(row.file, []).append(number)
    for file, numbers in by_file.items():
        where = f"{path}: line {rows[numbers[0]].line}"
        try:
            data = read_data(file)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except OSError as error:
            raise InputError(f"{where}: {file}: {error.strerror or error}") from None
        fids = np.stack([_voxel_of(data, rows[n], f"{path}: line {rows[n].line}") for n in numbers])
        try:
            points[numbers] = points_of(fids, data.acquisition, spec)
        except InputError as error:
            raise InputError(f"{where}: {file.name}: {error}") from None
    label, true = np.array([row.label for row in rows]), [row.true_label for row in rows]
    spectra = Labelled(points, label, np.array([row.patient for row in rows]))
    return Table(rows, spectra, None if None in true else np.array(true, dtype=int))


def read_rows(path: str | os.PathLike[str]) -> tuple[Row, ...]:
    """The lines of a table, without the spectra.

    Raises:
        InputError: the table cannot be used; the message names the line.
    """
    lines = _lines(path)
    number, header = next(lines, (1, []))
    names = [name.strip().lower() for name in header]
    for name in NEEDED:
        if name not in names:
            raise InputError(f"{path}: line {number}: no column {name!r}; the columns are {', '.join(names) or 'none'}")
    for name in names:
        if name not in (*NEEDED, *POSSIBLE):
            raise InputError(f"{path}: line {number}: column {name!r} is not known; {', '.join((*NEEDED, *POSSIBLE))}")
        if names.count(name) > 1:
            raise InputError(f"{path}: line {number}: column {name!r} occurs twice")
    rows = []
    for number, cells in lines:
        if len(cells) != len(names):
            raise InputError(f"{path}: line {number}: {len(cells)} cells, but the header has {len(names)}")
        rows.append(_row(Path(path), number, dict(zip(names, (cell.strip() for cell in cells), strict=True))))
    if not rows:
        raise InputError(f"{path}: holds no spectra, only a header")
    first: dict[object, int] = {}
    for row in rows:
        known = first.setdefault((row.file, row.voxel), row.line)
        if known != row.line:
            raise InputError(f"{path}: line {row.line}: the same spectrum as line {known}")
    return tuple(rows)


def _lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, Sequence[str]]]:
    text = read_text(Path(path))
    reader = csv.reader(text.splitlines())
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}") from None


def _row(path: Path, line: int, cells: dict[str, str]) -> Row:
    where = f"{path}: line {line}"
    for name in ("file", "patient"):
        if not cells[name]:
            raise InputError(f"{where}: the {name} is empty")
    whole = {name: _whole(cells.get(name, ""), f"{where}: {name}") for name in _VOXEL}
    labels = {}
    for name in ("label", "true_label"):
        text = cells.get(name, "")
        if text not in ("0", "1") and (name == "label" or text):
            raise InputError(f"{where}: {name} is {text!r}; it must be 0 or 1 (tumour)")
        labels[name] = int(text) if text else None
    given = labels["label"]
    assert given is not None
    voxel = (whole["x"], whole["y"], whole["z"], whole["spectrum"])
    return Row(line, path.parent / cells["file"], cells["patient"], given, voxel, labels["true_label"])


def _whole(text: str, what: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError(f"{what} is {text!r}; it must be a whole number from 0")
    return int(text)


def _voxel_of(data: MRSData, row: Row, where: str) -> np.ndarray:
    """The FID of a line, [points]."""
    lead = data.fid.shape[:-1]
    grid, extra = (*lead, 1, 1, 1)[:3] if len(lead) < 3 else lead[:3], lead[3:]
    deep = int(np.prod(extra, dtype=int))
    fid = np.asarray(data.fid).reshape(*grid, deep, data.n_points)
    index = []
    for name, size, at in zip(_VOXEL, (*grid, deep), row.voxel, strict=True):
        if at is None and size > 1:
            raise InputError(f"{where}: {row.file.name} holds {size} places along {name}; say which in column {name!r}")
        if (at or 0) >= size:
            raise InputError(f"{where}: {name} is {at}, but {row.file.name} holds only {size} (the first is 0)")
        index.append(at or 0)
    found = fid[tuple(index)]
    if not (np.isfinite(found).all() and found.any()):
        raise InputError(f"{where}: the spectrum in {row.file.name} holds NaN, infinite samples or only zeros")
    return found
