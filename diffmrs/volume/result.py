"""A fitted volume, whose numbers lie on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from diffmrs.data import MRSData
from diffmrs.fitting import FitResult
from diffmrs.fitting.fit import Setup
from diffmrs.quality import Quality
from diffmrs.results import Layout, MetaboliteTable
from diffmrs.volume.engine import Engine
from diffmrs.volume.numbers import Columns
from diffmrs.volume.store import Store


@dataclass(frozen=True)
class VolumeFit:
    """A fitted volume: its numbers on the disk, one spectrum's fit at a time in memory.

    Attributes:
        layout: where each fitted spectrum sat in the file.
        data: the measurement.
        setup: basis, model and soft constraints.
        columns: the numbers.
        engine: what fits a chunk.
        store: where finished pieces lie.
    """

    layout: Layout
    data: MRSData
    setup: Setup
    columns: Columns
    engine: Engine
    store: Store

    @property
    def names(self) -> tuple[str, ...]:
        """Basis members, then sums such as tNAA."""
        return self.columns.names

    @property
    def table(self) -> MetaboliteTable:
        """Numbers per metabolite; each array is read when it is looked at. [spectra, names]"""
        return self.columns.table()

    @cached_property
    def quality(self) -> Quality:
        """Numbers per spectrum. [spectra]"""
        return self.columns.quality()

    def map(self, name: str, quantity: str = "amplitude") -> np.ndarray:
        """A map of one metabolite, NaN where nothing was fitted. [x, y, z, *extra]

        Args:
            name: a basis member or a sum, such as `"tNAA"`.
            quantity: an array of `diffmrs.results.MetaboliteTable`: `"amplitude"`, `"sd"`, `"crlb_percent"`,
                `"ratio_tcr"`, `"concentration_mm"` and others.
        """
        values = getattr(self.table, quantity)[:, self.names.index(name)]
        return self._placed(values)

    def quality_map(self, quantity: str) -> np.ndarray:
        """A map of a quality number such as `"snr"`, NaN where nothing was fitted. [x, y, z, *extra]"""
        return self._placed(getattr(self.quality, quantity))

    def result_of(self, index: int) -> FitResult:
        """The whole fit of one spectrum, made anew; the same numbers come out.

        Args:
            index: which of the fitted spectra, counted from 0.
        """
        rows = self.layout.rows[index : index + 1]
        fids = self.engine.conditioned(rows)
        estimate = self.engine.estimates(slice(index, index + 1), fids)
        data = MRSData(jnp.asarray(fids), self.data.acquisition, header=self.data.header)
        return self.setup.result(data, estimate)

    def tables(self) -> Iterator[tuple[MetaboliteTable, Layout]]:
        """The numbers per metabolite piece by piece, and where their spectra sit."""
        for span, arrays in self.columns.pieces.each():
            rows = self.layout.rows[span]
            yield self.columns.table(arrays), Layout(self.layout.space, self.layout.extra, rows)

    def pieces_with(self, prefix: str) -> Iterator[dict[str, np.ndarray]]:
        """Arrays whose names begin so, of every piece that has some."""
        for _, arrays in self.columns.pieces.each(prefix):
            if arrays:
                yield arrays

    def _placed(self, values: np.ndarray) -> np.ndarray:
        flat = np.full(int(np.prod(self.layout.space)) * self.layout.n_extra, np.nan, np.float32)
        flat[self.layout.rows] = values
        return flat.reshape(*self.layout.space, *self.layout.extra)
