"""Concentrations of the healthy adult human brain, for simulations."""

from collections.abc import Sequence

import numpy as np

from diffmrs.data import Basis, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.priors.literature import brain_ratios, strong_signals
from diffmrs.simulate.distributions import LogNormal
from diffmrs.simulate.population import Population
from diffmrs.spins.library import canonical_name

_HEAVY_SHARE = 0.5  # first sample of all macromolecules over that of the metabolites, about as in brain at TE 30 ms


def brain_concentrations(names: Sequence[str], total_creatine: float = 8.0) -> np.ndarray:
    """Usual concentration of each metabolite: literature means of its ratio to total creatine (docs/priors_sources.md).

    Args:
        names: metabolites, under any name that the spin library knows.
        total_creatine: concentration of Cr+PCr, mM.

    Returns:
        Concentrations in the unit of `total_creatine`. [metabolites]

    Raises:
        InputError: the literature tables hold no value for a metabolite.
    """
    usual = _usual()
    for name in names:
        if canonical_name(name) not in usual:
            raise InputError(f"no usual concentration of {name} is known; there are {', '.join(usual)}")
    return total_creatine * np.array([usual[canonical_name(name)] for name in names])


def brain_population(basis: Basis, *, spread: float = 0.3) -> tuple[Population, tuple[str, ...]]:
    """Healthy brain: usual concentrations, each with a log-normal spread of its own; other parameters as `Population`.

    Macromolecules together begin at half of what the metabolites do, in equal parts.

    Args:
        basis: members at 1 mM.
        spread: standard deviation of the logarithm of each concentration.

    Returns:
        The population, and the members that are left at 0: lipids, and those without a usual concentration.

    Raises:
        InputError: no member has a usual concentration.
    """
    usual, first = _usual(), np.abs(np.asarray(basis.fid[:, 0]))
    median = 8.0 * np.array([usual.get(canonical_name(name), 0.0) for name in basis.names])
    if not median.any():
        raise InputError(f"no usual concentration in brain is known of {', '.join(basis.names)}")
    heavy = np.array([is_macromolecule(name) and "lip" not in name.lower() for name in basis.names])
    if heavy.any():
        share = _HEAVY_SHARE * (median @ first) / heavy.sum()
        median = np.where(heavy, share / np.where(first > 0, first, 1.0), median)
    absent = tuple(name for name, value in zip(basis.names, median, strict=True) if value == 0)
    return Population(amplitude=LogNormal(median, spread)), absent


def _usual() -> dict[str, float]:
    """Ratio to total creatine of each metabolite."""
    sums = {strong.members: strong.ratio_tcr for strong in strong_signals()}
    usual = {members[0]: ratio for members, ratio in sums.items() if len(members) == 1}
    for prior in brain_ratios():
        name, below = prior.numerator[0][0], tuple(member for member, _ in prior.denominator)
        usual[name] = prior.mean * (sums[below] if below in sums else usual[below[0]])
    for members, ratio in sums.items():
        # What is left of a sum once the parts with a ratio of their own are taken off.
        rest = [member for member in members if member not in usual]
        for member in rest:
            usual[member] = (ratio - sum(usual[m] for m in members if m in usual)) / len(rest)
    return usual
