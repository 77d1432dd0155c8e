"""What is shown of a fitted volume: its maps, its numbers and its curves, one entry per fitted spectrum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from diffmrs.errors import InputError
from diffmrs.panels.spectra import VoxelCurves
from diffmrs.quality import DEFINITIONS, Quality
from diffmrs.results import Layout, MetaboliteTable
from diffmrs.results.table import REFERENCE

NAMES = (("tNAA", "NAA"), ("tCr", "Cr"), ("tCho", "GPC", "PCho", "PCh", "Cho"), ("Ins", "mI", "mIns"), ("Glx", "Glu"))
"""Metabolites to map; of each the first that there is."""
_KINDS = {
    "concentration_mm": ("mM", "concentration, mmol per litre of voxel"),
    "ratio_tcr": ("ratio to tCr", "amplitude relative to that of tCr"),
    "amplitude": ("arbitrary units", "amplitude, data units per unit of the basis set"),
}
_QUALITY = {
    "snr": ("SNR", ""),
    "linewidth_hz": ("linewidth", "Hz"),
    "shift_ppm": ("shift", "ppm"),
    "chi2_reduced": ("reduced chi²", ""),
}
TRUST = ("no flag", "with care", "do not use")
_TRUST_MEANING = "do not use: a severe flag, or the fit did not converge; with care: another flag"


@dataclass(frozen=True)
class SpectrumMap:
    """One quantity of every fitted spectrum.

    Attributes:
        name: what it is called.
        unit: its unit; empty when it has none.
        meaning: its definition.
        values: NaN where there is none. [spectra]
        labels: words for the values 0, 1, ..., when they are kinds and not numbers.
    """

    name: str
    unit: str
    meaning: str
    values: np.ndarray
    labels: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class VolumeContent:
    """Everything that is shown of a volume.

    Attributes:
        layout: where each fitted spectrum sits.
        maps: the quantities to map.
        names: metabolites, in the order of a report. The first `n_sums` are sums.
        n_sums: how many of the names are sums.
        numbers: `amplitude`, `crlb_percent` and, when there is a reference, `concentration_mm`. [spectra, names] each
        flags: sum of 2 to the power of the place of each raised flag in `diffmrs.quality.FLAGS`. [spectra]
        marked: spectra with a severe flag or without convergence. [spectra]
        status: how each fit ended, in words. [spectra]
        curves: of all or some of the spectra.
    """

    layout: Layout
    maps: tuple[SpectrumMap, ...]
    names: tuple[str, ...]
    n_sums: int
    numbers: Mapping[str, np.ndarray]
    flags: np.ndarray
    marked: np.ndarray
    status: Sequence[str]
    curves: VoxelCurves | None = field(default=None)

    @property
    def n_spectra(self) -> int:
        """Fitted spectra."""
        return int(self.layout.rows.size)

    def volume(self, values: np.ndarray, spectrum: int = 0) -> np.ndarray:
        """One value per fitted spectrum as the volume of one spectrum index, NaN elsewhere. [x, y, z]"""
        layout = self.layout
        flat = np.full(int(np.prod(layout.space)) * layout.n_extra, np.nan)
        flat[layout.rows] = values
        return flat.reshape(*layout.space, layout.n_extra)[..., spectrum]


def page_content(
    table: MetaboliteTable, quality: Quality, layout: Layout, curves: VoxelCurves | None = None
) -> VolumeContent:
    """What to show of a fit, from the tables of a whole volume or of its chunks put together.

    Maps: total NAA, creatine and choline, inositol and Glx, as far as they exist, in mM when there is a reference,
    else as ratio to tCr, else as amplitude; the ratio of choline to NAA, the Cramér-Rao bound of NAA; then SNR,
    linewidth, shift, chi-square and whether to trust the fit.

    Args:
        table: numbers per metabolite. Its `fitted`, intervals and standard deviations are not looked at.
        quality: numbers per spectrum. Of `flags` only `raised` is looked at.
        layout: where each spectrum sits.
        curves: of all spectra, or of those that `rows_with_curves` names.

    Raises:
        InputError: the tables or the curves have another number of spectra than the layout.
    """
    count = layout.rows.size
    for what, found in (("table of metabolites", len(table.amplitude)), ("quality table", len(quality.status))):
        if found != count:
            raise InputError(f"the {what} holds {found} spectra, the layout {count}; they must be of one fit")
    if curves is not None and curves.rows.size and not (curves.rows.min() >= 0 and curves.rows.max() < count):
        raise InputError(f"curves are of spectra up to {curves.rows.max()}, but there are {count}, counted from 0")
    marked = quality.flags.severe | ~quality.converged
    order = table.sums_first
    kinds = ["amplitude", *(["concentration_mm"] * bool(np.isfinite(table.concentration_mm).any())), "crlb_percent"]
    trust = np.where(marked, 2.0, np.where(quality.flags.raised.any(axis=1), 1.0, 0.0))
    return VolumeContent(
        layout=layout,
        maps=(
            *_metabolite_maps(table),
            *(SpectrumMap(*_QUALITY[key], DEFINITIONS[key], getattr(quality, key)) for key in _QUALITY),
            SpectrumMap("trust", "", _TRUST_MEANING, trust, TRUST),
        ),
        names=tuple(table.names[k] for k in order),
        n_sums=len(table.names) - table.n_members,
        numbers={kind: getattr(table, kind)[:, order] for kind in kinds},
        flags=np.asarray(quality.flags.bit_mask()),
        marked=np.asarray(marked),
        status=quality.status,
        curves=curves,
    )


def _metabolite_maps(table: MetaboliteTable) -> list[SpectrumMap]:
    found = [next((name for name in names if name in table.names), None) for names in NAMES]
    maps = [_best(table, name) for name in found if name is not None]
    naa, cho = found[0], found[2]
    if naa is not None and cho is not None:
        below, above = (table.amplitude[:, table.names.index(name)] for name in (naa, cho))
        ratio = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
        maps.append(SpectrumMap(f"{cho}/{naa}", "", f"amplitude of {cho} over that of {naa}", ratio))
    if naa is not None:
        bound = table.crlb_percent[:, table.names.index(naa)]
        meaning = "Cramér-Rao lower bound relative to the amplitude: what the data alone say"
        maps.append(SpectrumMap(f"CRLB {naa}", "%", f"{meaning}, {naa}", bound))
    return maps


def _best(table: MetaboliteTable, name: str) -> SpectrumMap:
    """The quantity that says most: in mM, else relative to tCr, else as it is."""
    k = table.names.index(name)
    kinds = [kind for kind in _KINDS if not (kind == "ratio_tcr" and name == REFERENCE)]
    known = [kind for kind in kinds if np.isfinite(getattr(table, kind)[:, k]).any()]
    kind = (known or kinds[-1:])[0]
    unit, meaning = _KINDS[kind]
    return SpectrumMap(name, unit, meaning, getattr(table, kind)[:, k])
