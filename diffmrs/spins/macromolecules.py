"""Macromolecules and lipids as sums of broad lines, with the positions, widths and amplitudes of the literature."""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.lineshape import voigt_decay
from diffmrs.pytree import container
from diffmrs.spins.precision import in_float64

ArrayLike = jax.Array | np.ndarray

# LCModel takes narrower lines above this frequency, MHz.
_HIGH_FIELD_MHZ = 190.0


@container(static=("names", "member", "width_unit", "width_at_mhz", "source"))
@dataclass(frozen=True)
class MacromoleculeSet:
    """Broad lines, each belonging to a member of a basis. A frozen pytree: every number can be differentiated.

    Attributes:
        ppm: position of each line, ppm, [lines].
        lorentzian_fwhm: Lorentzian full width at half maximum, in `width_unit`, [lines].
        gaussian_fwhm: Gaussian full width at half maximum, in `width_unit`, [lines].
        protons: amplitude of each line at time zero, [lines].
        names: name of each member.
        member: the member each line belongs to.
        width_unit: `"ppm"` or `"hz"`.
        width_at_mhz: frequency at which widths in Hz hold, MHz: they grow with the field; 0 when they do not.
        source: where the values come from.
    """

    ppm: ArrayLike  # [lines], ppm
    lorentzian_fwhm: ArrayLike  # [lines]
    gaussian_fwhm: ArrayLike  # [lines]
    protons: ArrayLike  # [lines]
    names: tuple[str, ...]
    member: tuple[int, ...]
    width_unit: str = "ppm"
    width_at_mhz: float = 0.0
    source: str = ""

    def select(self, names: Iterable[str]) -> "MacromoleculeSet":
        """The named members, in the order given.

        Raises:
            InputError: there is no such member.
        """
        chosen = tuple(names)
        for name in chosen:
            if name not in self.names:
                raise InputError(f"macromolecule set has no member {name!r}; it has {', '.join(self.names)}")
        old = [self.names.index(name) for name in chosen]
        lines = [
            (line, new)
            for new, member in enumerate(old)
            for line in range(len(self.member))
            if self.member[line] == member
        ]
        index = np.array([line for line, _ in lines])
        kept = {f: getattr(self, f)[index] for f in ("ppm", "lorentzian_fwhm", "gaussian_fwhm", "protons")}
        return replace(self, **kept, names=chosen, member=tuple(new for _, new in lines))


@functools.cache
def _table() -> dict[str, Any]:
    text = resources.files("diffmrs.spins").joinpath("systems/macromolecules.json").read_text(encoding="utf-8")
    return json.loads(text)["sets"]


def macromolecule_sets() -> dict[str, str]:
    """Names of the published sets and their sources."""
    return {name: entry["source"] for name, entry in _table().items()}


def macromolecules(set_name: str) -> MacromoleculeSet:
    """A published set of macromolecule and lipid lines.

    Args:
        set_name: one of `macromolecule_sets()`: `"lcmodel"` (MM09 … MM20, Lip09 … Lip20, -CrCH2), `"lcmodel_7t"`,
            `"osprey_mm15"`, `"fsl_mrs"`, `"birch2017_3t"`, `"bell2024_7t"`.

    Raises:
        InputError: there is no such set.
    """
    if set_name not in _table():
        raise InputError(f"no macromolecule set {set_name!r}; there are {', '.join(_table())}")
    entry = _table()[set_name]
    peaks = [(i, *peak) for i, member in enumerate(entry["members"].values()) for peak in member]
    member, ppm, lorentzian, gaussian, protons = zip(*peaks, strict=True)
    return MacromoleculeSet(
        np.array(ppm), np.array(lorentzian), np.array(gaussian), np.array(protons), tuple(entry["members"]), member,
        entry["width_unit"], entry.get("width_at_mhz", 0.0), entry["source"],
    )  # fmt: skip


def macromolecule_basis(
    lines: str | MacromoleculeSet | None,
    acquisition: Acquisition,
    n_points: int,
    members: Iterable[str] | None = None,
) -> Basis:
    """FIDs of macromolecules and lipids.

    Echo time does not enter: the published lines describe what is left at the echo times they were measured at.

    Args:
        lines: a set, or the name of one; None for that of LCModel at the field of `acquisition`.
        acquisition: dwell time, spectrometer frequency and carrier.
        n_points: length of the FIDs.
        members: the members wanted, in this order; all of them when None.

    Returns:
        One FID per member, with the width of its lines in it, and the sum of their protons as its first sample. The
        member -CrCH2, the loss of creatine CH2 signal by water suppression, is negative and as narrow as metabolites.

    Raises:
        InputError: there is no such set or member, or `n_points` is below 16.
    """
    if lines is None:
        lines = "lcmodel_7t" if acquisition.spectrometer_frequency_mhz > _HIGH_FIELD_MHZ else "lcmodel"
    chosen = macromolecules(lines) if isinstance(lines, str) else lines
    if members is not None:
        chosen = chosen.select(members)
    if acquisition.nucleus != "1H":
        raise InputError(f"macromolecule lines are 1H lines but the acquisition is {acquisition.nucleus}")
    if n_points < 16:
        raise InputError(f"n_points is {n_points}; at least 16 are needed")
    fid = _simulator(acquisition, n_points)(chosen)
    return Basis(fid, acquisition, chosen.names, source=f"macromolecules: {chosen.source}")


def nearest_measured_set(acquisition: Acquisition) -> str:
    """The macromolecule set measured in vivo at the nearer field: Birch 2017 at 3 T or Bell 2024 at 7 T."""
    return "bell2024_7t" if acquisition.spectrometer_frequency_mhz > _HIGH_FIELD_MHZ else "birch2017_3t"


@functools.lru_cache(maxsize=64)
def _simulator(acquisition: Acquisition, n_points: int) -> Any:
    return in_float64(jax.jit(functools.partial(_fids, acquisition, n_points)))


def _fids(acquisition: Acquisition, n_points: int, lines: MacromoleculeSet) -> jax.Array:
    time = jnp.asarray(acquisition.time_s(n_points))
    scale = acquisition.spectrometer_frequency_mhz
    if lines.width_unit == "hz":
        scale = scale / lines.width_at_mhz if lines.width_at_mhz else 1.0

    def one(ppm: Any, lorentzian: Any, gaussian: Any, protons: Any) -> jax.Array:
        turns = jnp.exp(2j * jnp.pi * acquisition.ppm_to_hz(ppm) * time)
        return protons * turns * voigt_decay(time, lorentzian * scale, (gaussian * scale) ** 2)

    each = jax.vmap(one)(lines.ppm, lines.lorentzian_fwhm, lines.gaussian_fwhm, lines.protons)
    belongs = np.arange(len(lines.names))[:, None] == np.array(lines.member)[None, :]
    return belongs.astype(float) @ each
