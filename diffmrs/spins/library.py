"""Spin systems: the published chemical shifts and couplings of each metabolite, and a way to add one's own."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from typing import Any

import jax
import numpy as np

from diffmrs.errors import InputError
from diffmrs.pytree import container

ArrayLike = jax.Array | np.ndarray

# Spin quantum number of the nuclei a group may be coupled to without their being pulsed.
SPIN = {
    "1H": Fraction(1, 2), "2H": Fraction(1), "13C": Fraction(1, 2), "14N": Fraction(1), "15N": Fraction(1, 2),
    "19F": Fraction(1, 2), "31P": Fraction(1, 2),
}  # fmt: skip

# Past this size the levels no longer fit in memory; split the molecule where couplings vanish instead.
MAX_SPINS = 10


@container(static=("labels", "heteronuclei"))
@dataclass(frozen=True)
class SpinGroup:
    """Spins coupled to each other and to nothing else in the molecule. A frozen pytree of numbers.

    Attributes:
        shifts_ppm: chemical shift of each spin, ppm, [n].
        j_hz: couplings, Hz, [n, n]; the upper triangle is used.
        weight: factor on the signal: the number of equivalent protons that one uncoupled spin stands for, or the
            fraction of molecules in this form.
        hetero_j_hz: couplings to nuclei that are not pulsed, Hz, [nuclei, n].
        labels: name of each spin.
        heteronuclei: the nuclei that are not pulsed, for example `("31P",)`.
    """

    shifts_ppm: ArrayLike  # [n], ppm
    j_hz: ArrayLike  # [n, n], Hz
    weight: ArrayLike  # [], no unit
    hetero_j_hz: ArrayLike  # [heteronuclei, n], Hz
    labels: tuple[str, ...]
    heteronuclei: tuple[str, ...] = ()

    @property
    def n_spins(self) -> int:
        """Spins in the group."""
        return self.shifts_ppm.shape[-1]


@container(static=("name", "nucleus", "variant", "source"))
@dataclass(frozen=True)
class Metabolite:
    """One molecule: its uncoupled groups of spins. A frozen pytree.

    Attributes:
        name: name of the basis member.
        groups: the groups of coupled spins.
        nucleus: the nucleus that is excited and observed.
        variant: which published set of values this is.
        source: the publication.
    """

    name: str
    groups: tuple[SpinGroup, ...]
    nucleus: str = "1H"
    variant: str = ""
    source: str = ""

    @property
    def n_protons(self) -> float:
        """Observed nuclei per molecule: the amplitude of the pulse-acquire FID at time zero."""
        return float(sum(float(np.asarray(g.weight)) * g.n_spins for g in self.groups))


@functools.cache
def _table() -> dict[str, Any]:
    text = resources.files("diffmrs.spins").joinpath("systems/metabolites.json").read_text(encoding="utf-8")
    return json.loads(text)["metabolites"]


@functools.cache
def _canonical() -> dict[str, str]:
    names = {name: name for name in _table()}
    return {alias: name for name, entry in _table().items() for alias in entry["aliases"]} | names


def canonical_name(name: str) -> str:
    """The library's name of a metabolite that is known under `name`; `name` itself when it is not known."""
    return _canonical().get(name, name)


def metabolite_names() -> tuple[str, ...]:
    """Names of the metabolites in the library."""
    return tuple(_table())


def variants(name: str) -> dict[str, str]:
    """The published sets of values of a metabolite and their sources, the default one first.

    Raises:
        InputError: there is no such metabolite.
    """
    entry = _table()[_find(name)]
    order = sorted(entry["variants"], key=lambda variant: variant != entry["default"])
    return {variant: entry["variants"][variant]["source"] for variant in order}


def describe(name: str) -> str:
    """Full name of a metabolite, and what is disputed about its values."""
    entry = _table()[_find(name)]
    return f"{entry['full_name']}. {entry['note']}".strip()


def metabolite(name: str, variant: str | None = None) -> Metabolite:
    """A metabolite of the library.

    Args:
        name: one of `metabolite_names()` or a usual other name (`"mI"`, `"PCh"` …), which the member then keeps.
        variant: which published set, one of `variants(name)`; the default set when not given.

    Raises:
        InputError: there is no such metabolite or variant.
    """
    known = variants(name)
    chosen = next(iter(known)) if variant is None else variant
    if chosen not in known:
        raise InputError(f"{name} has no variant {chosen!r}; it has {', '.join(known)}")
    entry = _table()[_find(name)]["variants"][chosen]
    groups = tuple(
        spin_group(
            group["ppm"],
            group.get("couplings_hz", {}),
            weight=group.get("weight", 1.0),
            labels=group.get("protons"),
            heteronuclei=[(h["nucleus"], h["couplings_hz"]) for h in group.get("heteronuclei", [])],
        )
        for group in entry["groups"]
    )
    return Metabolite(name, groups, variant=chosen, source=entry["source"])


def spin_group(
    shifts_ppm: Sequence[float],
    couplings_hz: Mapping[str, float] | None = None,
    *,
    weight: float = 1.0,
    labels: Sequence[str] | None = None,
    heteronuclei: Sequence[tuple[str, Sequence[float]]] = (),
) -> SpinGroup:
    """A group of coupled spins from a list of shifts and a table of couplings.

    Args:
        shifts_ppm: chemical shift of each spin, ppm.
        couplings_hz: coupling between two spins, Hz; the key `"1-3"` is the pair of the first and third spin.
        weight: factor on the signal; a singlet of nine protons is one spin of weight 9.
        labels: name of each spin; its number when not given.
        heteronuclei: nuclei that are not pulsed, each with its coupling to every spin, Hz.

    Raises:
        InputError: a pair is not two different spins, or a nucleus or its list of couplings does not fit.
    """
    n = len(shifts_ppm)
    if not 1 <= n <= MAX_SPINS:
        raise InputError(f"a spin group has {n} spins; 1 to {MAX_SPINS} coupled spins can be simulated exactly")
    j = np.zeros((n, n))
    for pair, value in (couplings_hz or {}).items():
        a, _, b = pair.partition("-")
        if not (a.isdigit() and b.isdigit() and 1 <= int(a) <= n and 1 <= int(b) <= n and a != b):
            raise InputError(f"coupling {pair!r} is not a pair of different spins from 1 to {n}, such as '1-2'")
        first, second = sorted((int(a) - 1, int(b) - 1))
        j[first, second] = value
    for nucleus, values in heteronuclei:
        if nucleus not in SPIN:
            raise InputError(f"heteronucleus {nucleus!r} is not known; known are {', '.join(SPIN)}")
        if len(values) != n:
            raise InputError(f"{nucleus} has {len(values)} couplings for {n} spins; give one per spin, Hz")
    hetero = np.array([values for _, values in heteronuclei], dtype=float).reshape(-1, n)
    names = tuple(labels) if labels is not None else tuple(str(i + 1) for i in range(n))
    shifts = np.asarray(shifts_ppm, dtype=float)
    if len(names) != n or not (np.isfinite(shifts).all() and np.isfinite(j).all() and np.isfinite(hetero).all()):
        raise InputError(
            f"a spin group needs one label and one finite shift per spin, and finite couplings; it has {n}"
        )
    return SpinGroup(shifts, j, np.asarray(float(weight)), hetero, names, tuple(nucleus for nucleus, _ in heteronuclei))


def _find(name: str) -> str:
    if name not in _canonical():
        raise InputError(f"no metabolite {name!r} in the library; it has {', '.join(metabolite_names())}")
    return _canonical()[name]
