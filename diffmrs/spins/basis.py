"""From metabolites and a sequence to a basis set."""

import functools
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.lineshape import voigt_decay
from diffmrs.spins.events import Number, Sequence, ShapedPulse
from diffmrs.spins.library import SPIN, Metabolite, metabolite
from diffmrs.spins.lines import signal
from diffmrs.spins.play import Conditions, Grid, spectrum_lines
from diffmrs.spins.precision import in_float64

# Metabolites of a healthy brain spectrum; LCModel's default list without lipids and macromolecules.
BRAIN = (
    "Ala", "Asc", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "GPC", "GSH", "Gly", "Ins", "Lac", "NAA", "NAAG", "PCho",
    "PCr", "PE", "sIns", "Tau",
)  # fmt: skip

# Lines are summed in chunks of this many; one shape for all metabolites means one compilation.
_CHUNK = 64


@dataclass(frozen=True)
class _Plan:
    """What is compiled for: everything that is not a number."""

    members: tuple[tuple[int, tuple[int, ...]], ...]  # for each group size, the member each instance belongs to
    n_members: int
    n_points: int
    ppm_reference: float
    grid: Grid


def simulate_basis(
    metabolites: Iterable[str | Metabolite] | None,
    sequence: Sequence,
    acquisition: Acquisition,
    n_points: int,
    *,
    lorentzian_fwhm_hz: Number = 0.0,
    gaussian_fwhm_hz: Number = 0.0,
    spectrometer_frequency_mhz: Number | None = None,
    frequency_offset_hz: Number = 0.0,
    b1_scale: Number = 1.0,
    grid: Grid | None = None,
) -> Basis:
    """The FID of each metabolite after a sequence, from its spin system.

    The density matrix is propagated exactly (Hilbert space, strong coupling). Relaxation is left to the fit: the lines
    have no width unless one is asked for. Simulation runs in float64 whatever the caller works in; the result has the
    caller's precision. It can be differentiated, forward and reverse, with respect to every number in `metabolites`
    (shifts, couplings, weights), in `sequence` (delays, flip angles, pulse samples) and to the keyword arguments.

    Args:
        metabolites: names in the library, or `Metabolite`s; None for `diffmrs.spins.BRAIN`.
        sequence: what is played; see `diffmrs.spins.press` and its neighbours.
        acquisition: dwell time, spectrometer frequency, nucleus and carrier.
        n_points: length of the FIDs.
        lorentzian_fwhm_hz: Lorentzian full width at half maximum given to every line, Hz.
        gaussian_fwhm_hz: Gaussian full width at half maximum given to every line, Hz.
        spectrometer_frequency_mhz: a Larmor frequency used instead of that of `acquisition`, MHz; it may be traced.
        frequency_offset_hz: error of the scanner frequency: it moves all spins, Hz.
        b1_scale: factor on every flip angle and RF amplitude; 1 as prescribed.
        grid: how space and couplings are sampled for shaped pulses.

    Returns:
        Members in the order given. The first sample of an isolated proton is 1: after pulse-acquire that of a
        metabolite is its number of protons.

    Raises:
        InputError: a metabolite is not in the library, occurs twice, belongs to another nucleus than `acquisition`,
            or an argument is out of range.
    """
    chosen = _resolve(metabolites, acquisition)
    if n_points < 16:
        raise InputError(f"n_points is {n_points}; at least 16 are needed")
    check_widths(lorentzian_fwhm_hz, gaussian_fwhm_hz)
    plan, numbers = planned(
        chosen, sequence, acquisition, n_points, spectrometer_frequency_mhz, frequency_offset_hz, b1_scale, grid
    )
    numbers |= {"lorentzian": lorentzian_fwhm_hz, "gaussian": gaussian_fwhm_hz}
    fid = _simulator(plan)(numbers)
    return Basis(fid, acquisition, tuple(m.name for m in chosen), source=f"simulated: {sequence.name}")


def check_widths(lorentzian_fwhm_hz: Number, gaussian_fwhm_hz: Number) -> None:
    """Refuse linewidths that are not finite or negative."""
    for name, value in (("lorentzian_fwhm_hz", lorentzian_fwhm_hz), ("gaussian_fwhm_hz", gaussian_fwhm_hz)):
        _check_number(name, value, minimum=0.0)


def planned(
    chosen: list[Metabolite],
    sequence: Sequence,
    acquisition: Acquisition,
    n_points: int,
    spectrometer_frequency_mhz: Number | None,
    frequency_offset_hz: Number,
    b1_scale: Number,
    grid: Grid | None,
) -> tuple[_Plan, dict[str, Any]]:
    """What is compiled for, and the numbers it is given; see `simulate_basis` for the arguments."""
    for name, value in (("frequency_offset_hz", frequency_offset_hz), ("b1_scale", b1_scale)):
        _check_number(name, value)
    if spectrometer_frequency_mhz is not None:
        _check_number("spectrometer_frequency_mhz", spectrometer_frequency_mhz, minimum=1e-3)
    stacks, members = _stacked(chosen)
    frequency = spectrometer_frequency_mhz
    numbers = {
        "stacks": stacks,
        "sequence": sequence,
        "frequency_mhz": acquisition.spectrometer_frequency_mhz if frequency is None else frequency,
        "offset_hz": frequency_offset_hz,
        "b1_scale": b1_scale,
        "dwell_s": acquisition.dwell_time_s,
    }
    return _Plan(members, len(chosen), n_points, acquisition.ppm_reference, grid or Grid()), numbers


@functools.lru_cache(maxsize=256)
def _simulator(plan: _Plan) -> Any:
    return in_float64(jax.jit(functools.partial(_fids, plan)))


def _fids(plan: _Plan, numbers: dict[str, Any]) -> jax.Array:
    return _sampled(plan, _all_lines(plan, numbers), numbers)


def _sampled(plan: _Plan, lines: tuple[jax.Array, jax.Array, jax.Array], numbers: dict[str, Any]) -> jax.Array:
    """FIDs of the members from their lines."""
    amplitude, slope, frequency = lines
    order, member_of_chunk = _chunks(members_of_lines(plan), plan.n_members)
    gather = jnp.where(order >= 0, 1.0, 0.0)
    dwell = numbers["dwell_s"]
    per_chunk = signal(
        amplitude[order] * gather, slope[order] * gather * dwell, frequency[order] * dwell, plan.n_points
    )
    belongs = (np.arange(plan.n_members)[:, None] == member_of_chunk[None, :]).astype(float)
    fid = belongs @ per_chunk
    time = jnp.arange(plan.n_points) * dwell
    return fid * voigt_decay(time, numbers["lorentzian"], numbers["gaussian"] ** 2)[None, :]


def members_of_lines(plan: _Plan) -> np.ndarray:
    """The member each line belongs to, [lines]."""
    return np.concatenate([np.repeat(ids, _count(n)) for n, ids in plan.members])


def _all_lines(plan: _Plan, numbers: dict[str, Any]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Lines of every instance of every group, one after another."""
    conditions = Conditions(plan.ppm_reference, numbers["frequency_mhz"], numbers["b1_scale"], plan.grid)

    def one(group: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        nu = (plan.ppm_reference - group["shifts_ppm"]) * numbers["frequency_mhz"] + group["hetero_hz"]
        a, b, f = spectrum_lines(numbers["sequence"], nu + numbers["offset_hz"], group["j_hz"], conditions)
        return a * group["weight"], b * group["weight"], f

    shaped = any(isinstance(event, ShapedPulse) for event in numbers["sequence"].events)
    parts = []
    for group in numbers["stacks"]:
        # Large matrices keep the processor busy alone; small ones go side by side.
        alone = shaped and group["shifts_ppm"].shape[-1] > 4
        lines = jax.lax.map(one, group) if alone else jax.vmap(one)(group)
        parts.append([x.reshape(-1) for x in lines])
    amplitude, slope, frequency = (jnp.concatenate(x) for x in zip(*parts, strict=True))
    return amplitude, slope, frequency


def _count(n: int) -> int:
    """Lines of n coupled spins: pairs of states one spin flip apart in Mz."""
    return math.comb(2 * n, n - 1)


def _chunks(members: np.ndarray, n_members: int) -> tuple[np.ndarray, np.ndarray]:
    """Lines of one member in rows of `_CHUNK` (-1 where a row is not full), and the member of each row."""
    rows, owner = [], []
    for member in range(n_members):
        index = np.flatnonzero(members == member)
        count = -(-index.size // _CHUNK)
        rows.append(np.pad(index, (0, count * _CHUNK - index.size), constant_values=-1).reshape(count, _CHUNK))
        owner += [member] * count
    return np.concatenate(rows), np.array(owner)


def _resolve(metabolites: Iterable[str | Metabolite] | None, acquisition: Acquisition) -> list[Metabolite]:
    chosen = [
        m if isinstance(m, Metabolite) else metabolite(m) for m in (BRAIN if metabolites is None else metabolites)
    ]
    if not chosen:
        raise InputError("no metabolite was given; name at least one")
    for m in chosen:
        if m.nucleus != acquisition.nucleus:
            raise InputError(f"{m.name} is a {m.nucleus} spin system but the acquisition is {acquisition.nucleus}")
    return chosen


def _check_number(name: str, value: Any, minimum: float = -np.inf) -> None:
    if isinstance(value, jax.core.Tracer):
        return
    number = np.asarray(value)
    if number.ndim or not np.isfinite(number) or number < minimum:
        raise InputError(
            f"{name} is {value}; it must be one finite number" + f" of at least {minimum:g}" * (minimum > -np.inf)
        )


def _stacked(chosen: list[Metabolite]) -> tuple[list[dict[str, Any]], tuple[tuple[int, tuple[int, ...]], ...]]:
    """All groups of all metabolites, in every state of the nuclei that are not pulsed, side by side by size."""
    by_size: dict[int, list[tuple[int, Any, Any, Any, Any]]] = {}
    for member, m in enumerate(chosen):
        for group in m.groups:
            states = [np.arange(-float(SPIN[x]), float(SPIN[x]) + 1) for x in group.heteronuclei]
            combinations = list(itertools.product(*states))
            for combination in combinations:
                shift = np.asarray(combination, float) @ group.hetero_j_hz if combination else np.zeros(group.n_spins)
                entry = (member, group.shifts_ppm, group.j_hz, shift, group.weight / len(combinations))
                by_size.setdefault(group.n_spins, []).append(entry)
    stacks, members = [], []
    for n, entries in sorted(by_size.items()):
        ids, shifts, j, hetero, weight = zip(*entries, strict=True)
        values = {"shifts_ppm": shifts, "j_hz": j, "hetero_hz": hetero, "weight": weight}
        stacks.append({name: _stack(rows) for name, rows in values.items()})
        members.append((n, ids))
    return stacks, tuple(members)


def _stack(rows: Iterable[Any]) -> Any:
    rows = list(rows)
    return jnp.stack([jnp.asarray(r) for r in rows]) if any(isinstance(r, jax.Array) for r in rows) else np.stack(rows)
