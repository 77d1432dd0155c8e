"""How much of a volume a page holds: maps of every voxel first, then its numbers, then as many spectra as fit."""

from dataclasses import dataclass, replace

import numpy as np

from diffmrs.panels.spectra import VoxelCurves
from diffmrs.panels.view import view_of
from diffmrs.results import Layout

LIMIT_BYTES = 20_000_000
_FRAME_BYTES = 300_000  # text, styles and script around the data
_MAPS_SHARE, _NUMBERS_SHARE = 0.6, 0.4  # of all; of what the maps leave
_N_MAPS, _N_COLUMNS = 12, 3  # what a page usually has
_MOST_POINTS_PER_PPM = 200.0  # an axis finer than that is halved before spectra are left out
_GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Room:
    """What a page of so many spectra can hold, in bytes of data before they are written as text (4 for 3).

    Attributes:
        n_spectra: spectra on the page.
        limit_bytes: size of the page.
        n_maps: maps of every spectrum.
        n_numbers: numbers per spectrum in its table.
    """

    n_spectra: int
    limit_bytes: int
    n_maps: int
    n_numbers: int

    @property
    def bytes_of_a_map(self) -> int:
        """4 per value, or 2 (three digits) when the maps would not leave room for anything else."""
        return 4 if self._bytes_of_maps(4) <= _MAPS_SHARE * self._whole else 2

    @property
    def n_tables(self) -> int:
        """Spectra whose numbers are all on the page."""
        return min(int(_NUMBERS_SHARE * self._left / (4 * self.n_numbers + 4)), self.n_spectra)

    @property
    def bytes_of_curves(self) -> int:
        """For the curves."""
        return max(int(self._left - self.n_tables * (4 * self.n_numbers + 4)), 0)

    def halvings(self, n_curves: int, ppm: np.ndarray) -> int:
        """How often the resolution of that many curves is halved, as far as it stays above one point per 0.01 ppm."""
        times, points = 0, ppm.size
        per_ppm = ppm.size / max(float(np.ptp(ppm)), 1e-9)
        while n_curves * _curve_bytes(points) > self.bytes_of_curves and per_ppm > _MOST_POINTS_PER_PPM:
            times, points, per_ppm = times + 1, points // 2, per_ppm / 2
        return times

    def n_curves(self, n_curves: int, ppm: np.ndarray) -> int:
        """How many of that many curves fit."""
        points = ppm.size >> self.halvings(n_curves, ppm)
        return min(n_curves, self.bytes_of_curves // _curve_bytes(points))

    @property
    def _whole(self) -> float:
        return 0.75 * max(self.limit_bytes - _FRAME_BYTES, 0)

    @property
    def _left(self) -> float:
        return max(self._whole - self._bytes_of_maps(self.bytes_of_a_map), 0.0)

    def _bytes_of_maps(self, each: int) -> int:
        return _row_bytes(self.n_maps, each) * self.n_spectra


def rows_on_page(layout: Layout, limit_bytes: int = LIMIT_BYTES, n_maps: int = _N_MAPS) -> np.ndarray:
    """Which of the fitted spectra have a place on the page: all, but for volumes of some 300,000 spectra and more.

    Of those, first the extra dimensions are thinned out evenly, then the slices.

    Args:
        layout: where each spectrum sits.
        limit_bytes: size of the page.
        n_maps: maps of every spectrum.

    Returns:
        Indices into `layout.rows`, rising.
    """
    through = view_of(layout.space).through
    most = int(_MAPS_SHARE * 0.75 * max(limit_bytes - _FRAME_BYTES, 0)) // _row_bytes(max(n_maps, _N_MAPS), 2)
    kept = np.arange(layout.rows.size)
    for values in (layout.spectrum(), layout.voxel()[:, through]):
        found = np.unique(values[kept])
        for count in range(found.size, 0, -1) if kept.size > most else ():
            some = found[((np.arange(count) + 0.5) * found.size / count).astype(int)]
            chosen = kept[np.isin(values[kept], some)]
            if chosen.size <= most or count == 1:
                kept = chosen
                break
    return kept if kept.size <= most else spread(kept, most)


def rows_with_curves(layout: Layout, n_names: int, ppm: np.ndarray, *, limit_bytes: int = LIMIT_BYTES) -> np.ndarray:
    """Which of the fitted spectra a page has room for the curves of: ask before a stream of chunks evaluates them.

    Args:
        layout: where each spectrum sits.
        n_names: metabolites and sums in the table.
        ppm: of the fit window. [window]
        limit_bytes: size of the page.

    Returns:
        Indices into `layout.rows`, rising, spread evenly over the volume.
    """
    kept = rows_on_page(layout, limit_bytes)
    room = Room(kept.size, limit_bytes, _N_MAPS, _N_COLUMNS * n_names)
    return spread(kept, room.n_curves(kept.size, ppm))


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """So many of the rows, rising, spread evenly: the fewer are among the more.

    Multiples of the golden ratio modulo 1 leave no gaps and keep no step with the size of the volume, so that no
    slice or column is left out.
    """
    order = np.argsort((rows * _GOLDEN) % 1.0, kind="stable")
    return np.sort(rows[order[:count]])


def halved(curves: VoxelCurves, times: int) -> VoxelCurves:
    """The curves with pairs of neighbouring points averaged, so many times over."""
    for _ in range(times):
        curves = replace(curves, **{name: _pairs(getattr(curves, name)) for name in ("ppm", "data", "fit", "baseline")})
    return curves


def _pairs(values: np.ndarray) -> np.ndarray:
    even = 2 * (values.shape[-1] // 2)
    return np.asarray(values[..., :even].reshape(*values.shape[:-1], -1, 2).mean(axis=-1), values.dtype)


def _curve_bytes(points: int) -> int:
    return 3 * 2 * points + 4 + 4  # data, fit and baseline; scale; row


def _row_bytes(n_maps: int, each: int) -> int:
    return n_maps * each + 4 + 4 + 1 + 1  # cell, flags, status, mark
