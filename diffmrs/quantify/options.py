"""What a user says about tissue and relaxation, completed from the headers and the tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.io.volume import nifti_header_of
from diffmrs.quantify.concentrations import TissueReference
from diffmrs.quantify.fraction_maps import fractions_from_maps, geometry
from diffmrs.quantify.relaxation import (
    MetaboliteRelaxation,
    Relaxation,
    WaterRelaxation,
    is_tabulated,
    metabolite_relaxation,
    sources,
    tabulated_field,
    water_relaxation,
)
from diffmrs.quantify.tissue import TissueFractions, tissue_fractions


@dataclass(frozen=True)
class TissueOptions:
    """Tissue and relaxation as told on the command line; what is None is looked up.

    Attributes:
        fractions: volume fractions of GM, WM and CSF.
        maps: files with the fraction maps of GM, WM and CSF.
        echo_time_s: of both scans, s; of their headers when None.
        repetition_time_s: of both scans, s; of their headers when None.
        water_t1_s: of GM, WM and CSF, s.
        water_t2_s: of GM, WM and CSF, s.
        metabolite_t1_s: of all metabolites, s.
        metabolite_t2_s: of all metabolites, s.
    """

    fractions: tuple[float, float, float] | None = None
    maps: tuple[Path, Path, Path] | None = None
    echo_time_s: float | None = None
    repetition_time_s: float | None = None
    water_t1_s: tuple[float, float, float] | None = None
    water_t2_s: tuple[float, float, float] | None = None
    metabolite_t1_s: float | None = None
    metabolite_t2_s: float | None = None

    def __post_init__(self) -> None:
        if (self.fractions is None) == (self.maps is None):
            raise InputError("tissue fractions are needed once: as numbers (--tissue) or as maps (--tissue-maps)")

    def reference(self, data: MRSData, water: MRSData, voxels: np.ndarray, names: tuple[str, ...]) -> TissueReference:
        """Everything a concentration rests on.

        Args:
            data: the spectra to fit, one row each, with the header they came with.
            water: the water scan.
            voxels: indices of the voxel of each spectrum. [spectra, 3]
            names: of the basis members.

        Raises:
            InputError: an echo or repetition time is neither in the header nor told, the fractions or maps cannot be
                used, or the field has no tabulated relaxation times and they were not told.
        """
        if data.acquisition.nucleus != "1H":
            raise InputError(f"tissue water is a reference for 1H; the data are of {data.acquisition.nucleus}")
        echo_times, repetition_times, notes = self._times(data, water)
        fractions, found = self._fractions(data, voxels)
        pools, metabolites, origin = self._relaxation(data.acquisition.spectrometer_frequency_mhz, names)
        return TissueReference(
            fractions,
            pools,
            metabolites,
            echo_times[0],
            repetition_times[0],
            echo_times[1],
            repetition_times[1],
            f"water of the tissue ({self._fractions_in_words(fractions)}; Gasparovic 2006); "
            f"metabolites TE {_ms(echo_times[0])}, TR {_ms(repetition_times[0])} ms; "
            f"water TE {_ms(echo_times[1])}, TR {_ms(repetition_times[1])} ms; {origin}; "
            "macromolecules and lipids without relaxation correction",
            (*notes, *found),
        )

    def _times(self, data: MRSData, water: MRSData) -> tuple[tuple[float, float], tuple[float, float], tuple[str, ...]]:
        """Echo and repetition times of data and water, s."""
        pairs, notes = [], []
        for told, key, option, ours, theirs in (
            (self.echo_time_s, "EchoTime", "--te MS", data.echo_time_s, water.echo_time_s),
            (self.repetition_time_s, "RepetitionTime", "--tr MS", data.repetition_time_s, water.repetition_time_s),
        ):
            if told is not None:
                pairs.append((told, told))
                continue
            if ours is None:
                raise InputError(
                    f"the header of the data has no {key}, which relaxation correction needs; give it with {option}"
                )
            if theirs is None:
                notes.append(f"The water scan has no {key} in its header; that of the data was taken.")
            pairs.append((ours, ours if theirs is None else theirs))
        return pairs[0], pairs[1], tuple(notes)

    def _fractions(self, data: MRSData, voxels: np.ndarray) -> tuple[TissueFractions, tuple[str, ...]]:
        if self.maps is not None:
            return fractions_from_maps(self.maps, geometry(nifti_header_of(data.header)), voxels)
        assert self.fractions is not None
        return tissue_fractions(*self.fractions)

    def _fractions_in_words(self, fractions: TissueFractions) -> str:
        if len(np.unique(fractions.gm)) == 1:
            numbers = f"GM {fractions.gm[0]:.3f}, WM {fractions.wm[0]:.3f}, CSF {fractions.csf[0]:.3f}"
        else:
            numbers = "GM, WM and CSF of each voxel"
        if self.maps is None:
            return numbers
        return f"{numbers} from {', '.join(path.name for path in self.maps)}"

    def _relaxation(
        self, frequency_mhz: float, names: tuple[str, ...]
    ) -> tuple[WaterRelaxation, dict[str, MetaboliteRelaxation], str]:
        """Times told where told, else from the table."""
        told = (self.water_t1_s, self.water_t2_s, self.metabolite_t1_s, self.metabolite_t2_s)
        field = None if None not in told else tabulated_field(frequency_mhz)
        table = None if field is None else water_relaxation(field)
        pools = []
        for k, tissue in enumerate(("gm", "wm", "csf")):
            own = None if table is None else getattr(table, tissue)
            pools.append(_merged(_at(self.water_t1_s, k), _at(self.water_t2_s, k), own))
        metabolites = {}
        for name in names:
            own = None if field is None else metabolite_relaxation(name, field)
            gm, wm = (None, None) if own is None else (own.gm, own.wm)
            metabolites[name] = MetaboliteRelaxation(
                _merged(self.metabolite_t1_s, self.metabolite_t2_s, gm),
                _merged(self.metabolite_t1_s, self.metabolite_t2_s, wm),
            )
        return WaterRelaxation(*pools), metabolites, self._origin(field, names)

    def _origin(self, field: str | None, names: tuple[str, ...]) -> str:
        """Where the relaxation times come from, in words."""
        given = [
            f"{option} {_values(value)} ms"
            for option, value in (
                ("--water-t1", self.water_t1_s),
                ("--water-t2", self.water_t2_s),
                ("--metabolite-t1", self.metabolite_t1_s),
                ("--metabolite-t2", self.metabolite_t2_s),
            )
            if value is not None
        ]
        parts = [f"relaxation times as told ({', '.join(given)})"] if given else []
        if field is not None:
            origin = sources(field)
            parts.append(f"times at {field} T: water: {origin['water']} metabolites: {origin['metabolites']}")
            if not any(is_tabulated(name, field) for name in names):
                parts.append("one mean relaxation time for all metabolites at this field")
        return "; ".join(parts)


def _merged(t1_s: float | None, t2_s: float | None, table: Relaxation | None) -> Relaxation:
    if table is None:
        assert t1_s is not None and t2_s is not None
        return Relaxation(t1_s, t2_s)
    return Relaxation(table.t1_s if t1_s is None else t1_s, table.t2_s if t2_s is None else t2_s)


def _at(values: tuple[float, float, float] | None, k: int) -> float | None:
    return None if values is None else values[k]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:g}"


def _values(seconds: float | tuple[float, ...]) -> str:
    return " ".join(_ms(value) for value in (seconds if isinstance(seconds, tuple) else (seconds,)))
