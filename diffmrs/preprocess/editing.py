"""Edited spectra: which condition is which, and their difference and sum."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtyping import Array, Complex

from diffmrs.errors import InputError


class Edited(NamedTuple):
    """The two spectra of an edited measurement.

    Attributes:
        difference: scale times ON minus OFF. [..., points]
        sum: scale times ON plus OFF. [..., points]
    """

    difference: Complex[Array, "*batch points"]
    sum: Complex[Array, "*batch points"]


def edit_difference(
    on: Complex[Array, "*batch points"], off: Complex[Array, "*batch points"], *, scale: float = 0.5
) -> Complex[Array, "*batch points"]:
    """ON minus OFF, by default halved (Mescher et al. 1998, NMR Biomed 11:266).

    Halved, the edited signal is as large as in one transient times its editing efficiency, and a signal in the sum as
    large as in either condition. The combinations of `diffmrs.spins.simulate_edited` are not halved: with those as a
    basis, use a scale of 1. Noise is that of one condition times `scale` times √2.

    Args:
        on: FID with the editing pulse on, averaged and aligned to `off`.
        off: FID with the pulse off, or elsewhere.
        scale: factor on both.
    """
    return scale * (on - off)


def edit_sum(
    on: Complex[Array, "*batch points"], off: Complex[Array, "*batch points"], *, scale: float = 0.5
) -> Complex[Array, "*batch points"]:
    """ON plus OFF, by default halved; see `edit_difference`."""
    return scale * (on + off)


def edited_pair(
    fid: Complex[Array, "2 *batch points"], order: tuple[int, int] = (0, 1), *, scale: float = 0.5
) -> Edited:
    """Difference and sum of the two conditions of an edited measurement.

    Args:
        fid: both conditions along the first axis.
        order: index of ON and of OFF, from `edit_order`.
        scale: see `edit_difference`.

    Raises:
        InputError: the order is not one of two conditions.
    """
    if sorted(order) != [0, 1]:
        raise InputError(f"order is {order}; it must be (0, 1) or (1, 0)")
    on, off = fid[order[0]], fid[order[1]]
    return Edited(edit_difference(on, off, scale=scale), edit_sum(on, off, scale=scale))


def edit_order(meta: Mapping[str, Any], *, target_ppm: float = 1.9) -> tuple[int, int]:
    """Which of two conditions is ON and which OFF, from a NIfTI-MRS header extension (`data.header.meta`).

    Conditions called ON and OFF, in any case, are taken at their word. Of others, described in `EditPulse`, that is ON
    whose `PulseOffset` is nearest to the target.

    Args:
        meta: with `DIM_EDIT` as `dim_N`, and `EditCondition` in `dim_N_header`.
        target_ppm: chemical shift that editing aims at, ppm: 1.9 for GABA.

    Returns:
        Index of ON and of OFF along the `DIM_EDIT` dimension.

    Raises:
        InputError: the header does not tell.
    """
    dimension = next((key for key in ("dim_5", "dim_6", "dim_7") if meta.get(key) == "DIM_EDIT"), None)
    if dimension is None:
        raise InputError("the header names no dimension DIM_EDIT")
    described = meta.get(f"{dimension}_header")
    names = described.get("EditCondition") if isinstance(described, Mapping) else None
    if isinstance(names, Mapping):
        names = names.get("Value")
    if not isinstance(names, list) or len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise InputError(f"{dimension}_header holds no EditCondition of two names, but {names!r}")
    words = [name.strip().upper() for name in names]
    if sorted(words) == ["OFF", "ON"]:
        return words.index("ON"), words.index("OFF")
    distances = [_distance(meta.get("EditPulse"), name, target_ppm) for name in names]
    if distances[0] == distances[1]:
        raise InputError(f"EditCondition is {names}, and EditPulse does not tell which one is at {target_ppm:g} ppm")
    return (0, 1) if distances[0] < distances[1] else (1, 0)


def _distance(pulses: Any, name: str, target_ppm: float) -> float:
    """From the target to the nearest of the pulses of a condition, ppm; infinite when it has none."""
    pulse = pulses.get(name) if isinstance(pulses, Mapping) else None
    offset = pulse.get("PulseOffset") if isinstance(pulse, Mapping) else None
    offsets = offset if isinstance(offset, list) else [offset]
    near = [abs(each - target_ppm) for each in offsets if isinstance(each, int | float)]
    return min(near, default=float("inf"))
