"""The numbers of fitted spectra as plain arrays that can be kept in a file, and back."""

from dataclasses import fields
from typing import Any

import numpy as np

from diffmrs.fitting import Bounds, FitResult, Status
from diffmrs.quality import FLAGS, NUMBERS, Flags, Quality, quality_of
from diffmrs.quality.parameters import resting
from diffmrs.quantify import ConcentrationFactors
from diffmrs.results import MetaboliteTable, table_of

_TABLE = "table."
_QUALITY = "quality."
TABLE_ARRAYS = tuple(
    field.name
    for field in fields(MetaboliteTable)
    if field.name not in ("names", "n_members", "concentration_reference")
)


def numbers_of(result: FitResult, factors: ConcentrationFactors | None, bounds: Bounds) -> dict[str, np.ndarray]:
    """Everything the outputs need of fitted spectra, one row each.

    Args:
        result: the fits.
        factors: concentration per unit of amplitude, when a reference gave it.
        bounds: what the fits were bounded by.
    """
    table, quality = table_of(result, factors), quality_of(result, bounds)
    arrays = {_TABLE + name: _compact(getattr(table, name)) for name in TABLE_ARRAYS}
    arrays |= {_QUALITY + name: _compact(getattr(quality, name)) for name in NUMBERS}
    labels, rests = resting(result, bounds)
    return arrays | {
        _QUALITY + "status": np.asarray(result.flat().status, np.int8),
        _QUALITY + "raised": quality.flags.raised,
        _QUALITY + "resting": rests,
        _QUALITY + "resting_labels": np.array(labels),
    }


def are_numbers(arrays: dict[str, np.ndarray], count: int, n_names: int) -> bool:
    """Whether arrays that were found somewhere are what `numbers_of` makes of so many spectra and names."""
    try:
        labels = arrays[_QUALITY + "resting_labels"]
        expected: dict[str, tuple[tuple[int, ...], str]] = {
            _TABLE + name: ((count, n_names), "f") for name in TABLE_ARRAYS
        }
        expected[_TABLE + "fitted"] = ((count,), "b")
        expected |= {_QUALITY + name: ((count,), "f") for name in NUMBERS}
        expected |= {
            _QUALITY + "status": ((count,), "i"),
            _QUALITY + "raised": ((count, len(FLAGS)), "b"),
            _QUALITY + "resting": ((count, len(labels)), "b"),
            _QUALITY + "resting_labels": ((len(labels),), "U"),
        }
        right = all((arrays[name].shape, arrays[name].dtype.kind) == kind for name, kind in expected.items())
        return right and set(arrays[_QUALITY + "status"].tolist()) <= set(_EXPLANATIONS)
    except (KeyError, TypeError):
        return False


class Columns:
    """One array at a time of all pieces of a run, put together when it is asked for and then forgotten."""

    def __init__(self, pieces: Any, names: tuple[str, ...], n_members: int, reference: str) -> None:
        self.pieces, self.names, self.n_members, self.reference = pieces, names, n_members, reference

    def table(self, arrays: dict[str, np.ndarray] | None = None) -> MetaboliteTable:
        """Numbers per metabolite: of all pieces, read when they are looked at, or of the arrays of one."""
        if arrays is not None:
            parts = {name: in_full(arrays[_TABLE + name]) for name in TABLE_ARRAYS}
            return MetaboliteTable(
                names=self.names, n_members=self.n_members, concentration_reference=self.reference, **parts
            )
        table = object.__new__(_LateTable)
        for name, value in (
            ("names", self.names),
            ("n_members", self.n_members),
            ("concentration_reference", self.reference),
            ("columns", self),
        ):
            object.__setattr__(table, name, value)
        return table

    def quality(self) -> Quality:
        """Numbers per spectrum."""
        return quality_from(self.pieces.column)


class _LateTable(MetaboliteTable):
    """A table whose arrays are read when they are looked at."""

    columns: Columns

    def __getattr__(self, name: str) -> Any:
        if name in TABLE_ARRAYS:
            return self.columns.pieces.column(_TABLE + name)
        raise AttributeError(name)


def quality_from(column: Any) -> Quality:
    """The quality that `numbers_of` took apart; what the flags rest on is not kept.

    Args:
        column: gives the array of a name.
    """
    status = column(_QUALITY + "status")
    labels = [str(label) for label in column(_QUALITY + "resting_labels", shared=True)]
    rests = column(_QUALITY + "resting")
    return Quality(
        **{name: column(_QUALITY + name) for name in NUMBERS},
        at_bounds=tuple(tuple(labels[k] for k in np.flatnonzero(row)) for row in rests),
        converged=np.isin(status, (Status.CONVERGED, Status.ESTIMATED)),
        status=tuple(_EXPLANATIONS[int(code)] for code in status),
        flags=Flags(column(_QUALITY + "raised"), None),
    )


_EXPLANATIONS = {int(status): status.explanation for status in Status}


def in_full(values: np.ndarray) -> np.ndarray:
    """Numbers as they are worked with: single precision is for the file."""
    return values.astype(np.float64) if values.dtype == np.float32 else values


def _compact(values: np.ndarray) -> np.ndarray:
    """Single precision where it is a real number: seven digits are more than a fit knows."""
    return values.astype(np.float32) if np.issubdtype(values.dtype, np.floating) else values
