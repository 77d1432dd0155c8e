r"""What is left of a signal after the echo time and before full recovery, and the relaxation times that tell it.

$$R = e^{-T_E/T_2}\left(1 - e^{-T_R/T_1}\right)$$

for a 90° excitation and an echo time short against the repetition time (Near et al. 2021, NMR Biomed 34:e4257). The
times of the human brain at 1.5, 3 and 7 T, with their sources, stand in `relaxation.json` beside this file.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from diffmrs.errors import InputError

_MHZ_PER_TESLA = 42.577478518  # 1H (CODATA)
_FIELD_TOLERANCE = 0.1  # of the field: scanners called 3 T run from 2.89 to 3.0 T


@dataclass(frozen=True)
class Relaxation:
    """Relaxation times of one pool of protons.

    Attributes:
        t1_s: longitudinal, s.
        t2_s: transverse, s; infinite for no decay.
    """

    t1_s: float
    t2_s: float

    def __post_init__(self) -> None:
        for name in ("t1_s", "t2_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"relaxation time {name} is {getattr(self, name):g} s; it must be above 0")
        if not np.isfinite(self.t1_s):
            raise InputError("relaxation time t1_s is infinite: nothing would recover; it must be finite")

    def attenuation(self, echo_time_s: float, repetition_time_s: float) -> float:
        """Part of the signal that is left, 0 to 1.

        Args:
            echo_time_s: s, at least 0.
            repetition_time_s: s, above 0; infinite for full recovery.
        """
        return float(np.exp(-echo_time_s / self.t2_s) * -np.expm1(-repetition_time_s / self.t1_s))


@dataclass(frozen=True)
class WaterRelaxation:
    """Relaxation of the water of grey matter, white matter and cerebrospinal fluid."""

    gm: Relaxation
    wm: Relaxation
    csf: Relaxation


@dataclass(frozen=True)
class MetaboliteRelaxation:
    """Relaxation of a metabolite in grey and in white matter; there is none in the fluid."""

    gm: Relaxation
    wm: Relaxation


def tabulated_field(spectrometer_frequency_mhz: float) -> str:
    """The field, of those with tabulated relaxation times, that a 1H frequency belongs to, in T.

    Raises:
        InputError: none is within 10 %.
    """
    field_t = spectrometer_frequency_mhz / _MHZ_PER_TESLA
    fields = list(_table()["fields"])
    nearest = min(fields, key=lambda name: abs(float(name) - field_t))
    if abs(float(nearest) - field_t) > _FIELD_TOLERANCE * float(nearest):
        raise InputError(
            f"relaxation times are tabulated at {', '.join(fields)} T, not at {field_t:.2f} T; give them with "
            "--water-t1, --water-t2, --metabolite-t1 and --metabolite-t2"
        )
    return nearest


def water_relaxation(field: str) -> WaterRelaxation:
    """Relaxation of water in the human brain at a tabulated field (see `tabulated_field`)."""
    times = _table()["fields"][field]["water"]
    return WaterRelaxation(*(_relaxation(times, tissue) for tissue in ("gm", "wm", "csf")))


def metabolite_relaxation(name: str, field: str) -> MetaboliteRelaxation:
    """Relaxation of a metabolite at a tabulated field: its own, or the field's default when it has none."""
    known = _table()["fields"][field]["metabolites"]
    entry = known.get(_table_name(name), known["default"])
    return MetaboliteRelaxation(_relaxation(entry, "gm"), _relaxation(entry, "wm"))


def is_tabulated(name: str, field: str) -> bool:
    """Whether a metabolite has relaxation times of its own at a tabulated field."""
    return _table_name(name) in _table()["fields"][field]["metabolites"]


def sources(field: str) -> dict[str, str]:
    """Where the times of a tabulated field come from: of water and of metabolites."""
    entry = _table()["fields"][field]
    return {"water": entry["water"]["source"], "metabolites": entry["metabolites"]["source"]}


def _relaxation(times: dict[str, Any], tissue: str) -> Relaxation:
    return Relaxation(times["t1_ms"][tissue] / 1e3, times["t2_ms"][tissue] / 1e3)


def _table_name(name: str) -> str:
    """The name under which the table knows a metabolite."""
    for canonical, others in _table()["aliases"].items():
        if name in others:
            return str(canonical)
    return name


@cache
def _table() -> dict[str, Any]:
    text = files("diffmrs.quantify").joinpath("relaxation.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
