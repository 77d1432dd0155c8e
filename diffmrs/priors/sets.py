"""Ready sets of soft constraints, chosen by name: `none`, `weak` and `ratios`."""

import math
from collections.abc import Sequence
from dataclasses import replace

from diffmrs.axes import Acquisition
from diffmrs.data import is_macromolecule
from diffmrs.errors import InputError
from diffmrs.priors.constraints import Constraint, ParameterPrior, RatioPrior, Weights
from diffmrs.priors.heavy import heavy_ratios, heavy_spread
from diffmrs.priors.literature import brain_ratios
from diffmrs.spins.library import canonical_name

PRIOR_SETS = {
    "none": "no soft constraints: the likelihood alone; metabolites share one shift and one width",
    "weak": "each metabolite its own shift and width, near those of all (LCModel, ABfit-reg)",
    "ratios": "as weak, and population ratios of weakly determined metabolites and macromolecules to the strong ones",
}

_LCMODEL = "Provencher 1993, MRM 30:672, and LCModel 6.3: DESDSH, ALSDSH"
_SHIFT_SD_PPM = 0.004
_SHIFT_SD_STRICT_PPM = 0.002  # LCModel holds these tighter: they lie on top of each other
_STRICT = ("NAA", "NAAG")
_WIDTH_SD_HZ = 0.4 / math.pi  # of 1/(π T2), at the frequency below
_WIDTH_AT_MHZ = 85.16
_WIDTH_SOURCE = "LCModel 6.3: DESDT2, with the square root of the field; Wilson 2025 (ABfit-reg) uses the same"


def prior_set(name: str, names: Sequence[str], acquisition: Acquisition) -> tuple[Constraint, ...]:
    """The soft constraints of a ready set that a basis allows.

    Args:
        name: one of `PRIOR_SETS`.
        names: of the basis members; any alias that the spin library knows will do.
        acquisition: tells nucleus and field.

    Raises:
        InputError: there is no such set.
    """
    if name not in PRIOR_SETS:
        raise InputError(f"prior set {name!r} is not known; there are {', '.join(PRIOR_SETS)}")
    if name == "none":
        return ()
    weak = _shifts_and_widths(names, acquisition)
    if name == "weak" or acquisition.nucleus != "1H":
        return weak
    return (*weak, *_population_ratios(names), *heavy_ratios(names))


def all_constraints(
    priors: str | Sequence[str | Constraint], names: Sequence[str], acquisition: Acquisition
) -> tuple[Constraint, ...]:
    """Soft constraints and the names of ready sets, in any mixture, as soft constraints.

    Raises:
        InputError: there is no such set.
    """
    items = (priors,) if isinstance(priors, str) else priors
    sets = (
        prior_set(item, names, acquisition) if isinstance(item, str) else (_as_fitted(item, names, acquisition),)
        for item in items
    )
    return tuple(constraint for each in sets for constraint in each)


def own_groups(names: Sequence[str]) -> tuple[int, ...]:
    """Each member its own group; the first group, which the others' shifts are measured from, is a strong one."""
    reference = next((n for wanted in ("NAA", "Cr", "PCr") for n in names if canonical_name(n) == wanted), names[0])
    order = [reference, *(name for name in names if name != reference)]
    return tuple(order.index(name) for name in names)


def _as_fitted(constraint: Constraint, names: Sequence[str], acquisition: Acquisition) -> Constraint:
    """A constraint with the names that the basis uses, and with shifts in Hz."""
    aliases = {canonical_name(name): name for name in names}

    def known(name: str) -> str:
        return name if name in names else aliases.get(canonical_name(name), name)

    def renamed(weights: Weights) -> Weights:
        return tuple((known(name), weight) for name, weight in weights)

    if isinstance(constraint, RatioPrior):
        return replace(constraint, numerator=renamed(constraint.numerator), denominator=renamed(constraint.denominator))
    constraint = replace(
        constraint,
        member=known(constraint.member) if constraint.member else "",
        relative_to=renamed(constraint.relative_to),
    )
    if constraint.quantity != "frequency_shift_ppm":
        return constraint
    f0 = acquisition.spectrometer_frequency_mhz  # a shift to higher ppm is one to lower frequency
    return replace(
        constraint,
        quantity="frequency_shift_hz",
        mean=-f0 * constraint.mean,
        sd=f0 * constraint.sd,
        side={"above": "below", "below": "above"}.get(constraint.side, constraint.side),
    )


def _shifts_and_widths(names: Sequence[str], acquisition: Acquisition) -> tuple[Constraint, ...]:
    light = [name for name in names if not is_macromolecule(name)]
    heavy = [name for name in names if is_macromolecule(name)]
    if len(light) < 2:
        return ()
    common: Weights = tuple((name, 1.0) for name in light)
    f0 = acquisition.spectrometer_frequency_mhz
    width_sd = _WIDTH_SD_HZ * math.sqrt(f0 / _WIDTH_AT_MHZ)
    found: list[Constraint] = []
    for name in light:
        strict = canonical_name(name) in _STRICT
        shift_sd = f0 * (_SHIFT_SD_STRICT_PPM if strict else _SHIFT_SD_PPM)
        found.append(ParameterPrior("frequency_shift_hz", name, 0.0, shift_sd, _LCMODEL, common))
        found.append(ParameterPrior("lorentzian_fwhm_hz", name, 0.0, width_sd, _WIDTH_SOURCE, common))
    for name in heavy:
        shift_sd, heavy_width_sd, source = heavy_spread(name, f0)
        found.append(ParameterPrior("frequency_shift_hz", name, 0.0, shift_sd, source, common))
        found.append(ParameterPrior("lorentzian_fwhm_hz", name, 0.0, heavy_width_sd, source, common))
    return tuple(found)


def _population_ratios(names: Sequence[str]) -> tuple[Constraint, ...]:
    ours = {canonical_name(name): name for name in names}
    found = []
    for prior in brain_ratios():
        above = tuple((ours[n], w) for n, w in prior.numerator if n in ours)
        below = tuple((ours[n], w) for n, w in prior.denominator if n in ours)
        # A share of itself says nothing, and half a sum is another quantity.
        if len(above) == len(prior.numerator) and set(below) - set(above):
            found.append(RatioPrior(above, below, prior.mean, prior.sd, prior.source, prior.side))
    return tuple(found)
