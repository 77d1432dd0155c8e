"""Population values of the healthy adult human brain, read from `diffmrs/priors/data/brain_1h.json`.

Where each number comes from, and how a mean and a standard deviation were made of it: docs/priors_sources.md.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from diffmrs.errors import InputError
from diffmrs.priors.constraints import RatioPrior, Weights

_BUNDLED = "brain_1h.json"


@dataclass(frozen=True)
class StrongSignal:
    """A signal that the data determine well: it gets no ratio prior, and others may be related to it.

    Attributes:
        name: such as `tCr`.
        members: metabolites whose concentrations are added.
        ratio_tcr: median ratio to Cr+PCr over published studies at 3 T or more.
        spread_between_studies: robust standard deviation of that ratio between studies.
    """

    name: str
    members: tuple[str, ...]
    ratio_tcr: float
    spread_between_studies: float


@dataclass(frozen=True)
class LineSpread:
    """How shifts or widths differ between the metabolites of one spectrum.

    Attributes:
        quantity: `shift` (ppm) or `lorentzian_fwhm` (Hz).
        of: the resonances meant.
        field_t: field strength in tesla; None if the value holds at every field.
        mean: expected value, in `unit`.
        sd: standard deviation between metabolites, in `unit`.
        unit: `ppm` or `Hz`.
        source: citation.
    """

    quantity: str
    of: str
    field_t: float | None
    mean: float
    sd: float
    unit: str
    source: str


def brain_ratios() -> tuple[RatioPrior, ...]:
    """The ratios of weakly determined metabolites of the healthy adult human brain, for 1H spectra."""
    return tuple(_ratios(_bundled(), _BUNDLED))


def strong_signals() -> tuple[StrongSignal, ...]:
    """The signals that need no prior: tNAA, tCr, tCho, Ins and Glu."""
    return tuple(
        StrongSignal(s["name"], tuple(s["members"]), s["ratio_tcr"], s["spread_between_studies"])
        for s in _bundled()["strong"]
    )


def line_spreads() -> tuple[LineSpread, ...]:
    """Published spreads of shifts and Lorentzian widths between metabolites."""
    document = _bundled()
    return tuple(
        LineSpread(
            quantity=line["quantity"],
            of=line["of"],
            field_t=line["field_t"],
            mean=line["mean"],
            sd=line["sd"],
            unit=line["unit"],
            source=document["sources"][line["source"]]["citation"],
        )
        for line in document["line_spread"]
    )


def read_ratios(path: Path) -> tuple[RatioPrior, ...]:
    """Ratios from a JSON file: `{"ratios": [{"numerator": [...], "denominator": [...], "mean", "sd", "source"}]}`.

    Raises:
        InputError: the file is not JSON, a field is missing or of the wrong kind, a mean is negative, an sd is not
            positive, or a numerator is constrained twice.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {' '.join(str(error).split())}") from error
    return tuple(_ratios(document, str(path)))


def _bundled() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        resources.files("diffmrs.priors").joinpath("data", _BUNDLED).read_text(encoding="utf-8")
    )
    return document


def _ratios(document: object, where: str) -> Iterator[RatioPrior]:
    items = document.get("ratios") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise InputError(f"{where}: field 'ratios': found {_short(items)}, needed a list")
    seen: set[Weights] = set()
    for index, item in enumerate(items):
        at = f"{where}: ratios[{index}]"
        if not isinstance(item, dict):
            raise InputError(f"{at}: found {_short(item)}, needed an object")
        numerator = _names(item, "numerator", at)
        if tuple(sorted(numerator)) in seen:
            names = "+".join(name for name, _ in numerator)
            raise InputError(f"{at}: field 'numerator': {names} has a prior already, needed one per numerator")
        seen.add(tuple(sorted(numerator)))
        yield RatioPrior(
            numerator=numerator,
            denominator=_names(item, "denominator", at),
            mean=_number(item, "mean", at, allow_zero=True),
            sd=_number(item, "sd", at, allow_zero=False),
            source=_text(item, "source", at),
        )


def _names(item: dict[str, Any], field: str, at: str) -> Weights:
    found: Any = item.get(field)
    right = isinstance(found, list) and found and all(isinstance(name, str) and name.strip() for name in found)
    if not right or len(set(found)) < len(found):
        raise InputError(f"{at}: field '{field}': found {_short(found)}, needed a list of different metabolite names")
    return tuple((name, 1.0) for name in found)


def _number(item: dict[str, Any], field: str, at: str, *, allow_zero: bool) -> float:
    found: Any = item.get(field)
    right = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    if not right or found < 0 or (found == 0 and not allow_zero):
        needed = "a number of at least 0" if allow_zero else "a positive number"
        raise InputError(f"{at}: field '{field}': found {_short(found)}, needed {needed}")
    return float(found)


def _text(item: dict[str, Any], field: str, at: str) -> str:
    found: Any = item.get(field)
    if not isinstance(found, str) or not found.strip():
        raise InputError(f"{at}: field '{field}': found {_short(found)}, needed a text that tells the source")
    return found


def _short(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
