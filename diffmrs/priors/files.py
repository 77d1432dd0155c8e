"""Soft constraints in a JSON file: ratios of amplitudes and single parameters, in physical units (docs/priors.md)."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from diffmrs.errors import InputError
from diffmrs.io.atomic import atomic_write
from diffmrs.priors.constraints import SCALARS, SIDES, Constraint, ParameterPrior, RatioPrior, Weights

DEFAULT_BASE = "weak"
_BASES = ("none", "weak", "ratios")
_QUANTITIES: dict[str, dict[str, tuple[str, float]]] = {  # in the file: unit, quantity of the library, factor
    "frequency_shift": {"ppm": ("frequency_shift_ppm", 1.0), "hz": ("frequency_shift_hz", 1.0)},
    "lorentzian_fwhm": {"hz": ("lorentzian_fwhm_hz", 1.0)},
    "gaussian_variance": {"hz2": ("gaussian_variance_hz2", 1.0)},
    "third_moment": {"hz3": ("third_moment_hz3", 1.0)},
    "phase0": {"deg": ("phase0_rad", math.pi / 180)},
    "delay": {"ms": ("delay_s", 1e-3)},
}
_FIELDS = ("base", "ratios", "parameters", "about")


def read_priors(path: Path) -> tuple[str | Constraint, ...]:
    """The soft constraints of a file, as `diffmrs.fit(priors=...)` takes them.

    Args:
        path: a JSON file; its format is told in docs/priors.md.

    Returns:
        The name of the ready set that they are added to, and the constraints.

    Raises:
        InputError: the file is not JSON, or a field is missing, unknown or of the wrong kind.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {' '.join(str(error).split())}") from error
    where = str(path)
    if not isinstance(document, dict):
        raise InputError(f"{where}: found {_short(document)}, needed an object")
    _check_fields(document, _FIELDS, where)
    base = _one_of(document, "base", _BASES, where, DEFAULT_BASE)
    ratios = [_ratio(item, at) for item, at in _items(document, "ratios", where)]
    parameters = [_parameter(item, at) for item, at in _items(document, "parameters", where)]
    if not ratios and not parameters:
        raise InputError(f"{where}: found neither ratios nor parameters, needed at least one of them")
    _check_once([(r.numerator, r.denominator, r.side) for r in ratios], f"{where}: ratios", "ratio")
    _check_once(
        [(p.quantity, p.member, p.relative_to, p.side) for p in parameters], f"{where}: parameters", "parameter"
    )
    return (base, *ratios, *parameters)


def write_priors(path: Path, constraints: Iterable[Constraint], *, base: str = "none") -> None:
    """Write soft constraints as `read_priors` reads them.

    Args:
        path: the JSON file.
        constraints: such as those of a ready set, `diffmrs.priors.prior_set("weak", names, acquisition)`.
        base: the ready set that they are added to when the file is read.

    Raises:
        InputError: there is no such set.
        OSError: the file cannot be written.
    """
    if base not in _BASES:
        raise InputError(f"base is {base!r}; it must be one of {', '.join(_BASES)}")
    each = tuple(constraints)
    document = {
        "base": base,
        "ratios": [_ratio_entry(c) for c in each if isinstance(c, RatioPrior)],
        "parameters": [_parameter_entry(c) for c in each if isinstance(c, ParameterPrior)],
    }
    with atomic_write(path, text=True) as stream:
        stream.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _ratio(item: dict[str, Any], at: str) -> RatioPrior:
    _check_fields(item, ("numerator", "denominator", "mean", "sd", "side", "source"), at)
    return RatioPrior(
        numerator=_weights(item, "numerator", at),
        denominator=_weights(item, "denominator", at),
        mean=_number(item, "mean", at, at_least=0.0),
        sd=_number(item, "sd", at, above=0.0),
        source=_text(item, "source", at, "a text that tells where the numbers come from"),
        side=_one_of(item, "side", SIDES, at, "both"),
    )


def _parameter(item: dict[str, Any], at: str) -> ParameterPrior:
    name = _one_of(item, "quantity", tuple(_QUANTITIES), at, None)
    units = _QUANTITIES[name]
    given = [unit for unit in units if f"mean_{unit}" in item or f"sd_{unit}" in item]
    allowed = [f"{field}_{unit}" for unit in units for field in ("mean", "sd")]
    _check_fields(item, ("quantity", "member", "relative_to", *allowed, "side", "source"), at)
    if len(given) != 1:
        found = ", ".join(f"sd_{unit}" for unit in given) or "nothing"
        needed = " or ".join(f"mean_{unit} and sd_{unit}" for unit in units)
        raise InputError(f"{at}: the value of {name}: found {found}, needed {needed}")
    quantity, factor = units[given[0]]
    if quantity in SCALARS:
        for field in ("member", "relative_to"):
            if field in item:
                raise InputError(f"{at}: field '{field}': found {_short(item[field])}, but {name} is of the spectrum")
    return ParameterPrior(
        quantity=quantity,
        member="" if quantity in SCALARS else _text(item, "member", at, "the name of a basis member"),
        mean=factor * _number(item, f"mean_{given[0]}", at),
        sd=factor * _number(item, f"sd_{given[0]}", at, above=0.0),
        source=_text(item, "source", at, "a text that tells where the numbers come from"),
        relative_to=_weights(item, "relative_to", at) if "relative_to" in item else (),
        side=_one_of(item, "side", SIDES, at, "both"),
    )


def _ratio_entry(prior: RatioPrior) -> dict[str, Any]:
    return {
        "numerator": dict(prior.numerator),
        "denominator": dict(prior.denominator),
        "mean": prior.mean,
        "sd": prior.sd,
        "side": prior.side,
        "source": prior.source,
    }


def _parameter_entry(prior: ParameterPrior) -> dict[str, Any]:
    name, unit, factor = next(
        (name, unit, factor)
        for name, units in _QUANTITIES.items()
        for unit, (quantity, factor) in units.items()
        if quantity == prior.quantity
    )
    entry = {"quantity": name, f"mean_{unit}": prior.mean / factor, f"sd_{unit}": prior.sd / factor}
    if prior.member:
        entry["member"] = prior.member
    if prior.relative_to:
        entry["relative_to"] = dict(prior.relative_to)
    return {**entry, "side": prior.side, "source": prior.source}


def _items(document: dict[str, Any], field: str, where: str) -> list[tuple[dict[str, Any], str]]:
    items = document.get(field, [])
    if not isinstance(items, list):
        raise InputError(f"{where}: field '{field}': found {_short(items)}, needed a list")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise InputError(f"{where}: {field}[{index}]: found {_short(item)}, needed an object")
    return [(item, f"{where}: {field}[{index}]") for index, item in enumerate(items)]


def _check_fields(item: dict[str, Any], allowed: Sequence[str], at: str) -> None:
    for field in item:
        if field not in allowed:
            raise InputError(f"{at}: field '{field}' is not known; there are {', '.join(allowed)}")


def _check_once(keys: Sequence[object], where: str, what: str) -> None:
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise InputError(f"{where}[{index}]: found the {what} of [{keys.index(key)}] again, needed each once")


def _weights(item: dict[str, Any], field: str, at: str) -> Weights:
    found: Any = item.get(field)
    pairs = [(name, 1.0) for name in found] if isinstance(found, list) else []
    pairs = list(found.items()) if isinstance(found, dict) else pairs
    named = all(isinstance(name, str) and name.strip() and _is_number(w) and w != 0 for name, w in pairs)
    if not pairs or not named or len({name for name, _ in pairs}) < len(pairs):
        needed = "a list of different basis members, or an object of their weights"
        raise InputError(f"{at}: field '{field}': found {_short(found)}, needed {needed}")
    return tuple((name, float(weight)) for name, weight in pairs)


def _number(
    item: dict[str, Any], field: str, at: str, *, at_least: float = -math.inf, above: float = -math.inf
) -> float:
    found: Any = item.get(field)
    if not _is_number(found) or found < at_least or not found > above:
        kind = f"a number above {above:g}" if above > -math.inf else "a finite number"
        kind = f"a number of at least {at_least:g}" if at_least > -math.inf else kind
        raise InputError(f"{at}: field '{field}': found {_short(found)}, needed {kind}")
    return float(found)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(item: dict[str, Any], field: str, at: str, needed: str) -> str:
    found: Any = item.get(field)
    if not isinstance(found, str) or not found.strip():
        raise InputError(f"{at}: field '{field}': found {_short(found)}, needed {needed}")
    return found


def _one_of(item: dict[str, Any], field: str, allowed: Sequence[str], at: str, default: str | None) -> str:
    found: Any = item.get(field, default)
    if not isinstance(found, str) or found not in allowed:
        raise InputError(f"{at}: field '{field}': found {_short(found)}, needed one of {', '.join(allowed)}")
    return found


def _short(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
