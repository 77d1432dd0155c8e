"""First- and second-order wavelet scattering of a real signal (Mallat 2012; Andén & Mallat 2014)."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.errors import InputError
from diffmrs.learn.representations.scattering_filters import Filter, average, filters, responses, thinning


@dataclass(frozen=True)
class Scattering:
    """Filter banks and averaging of a scattering.

    Attributes:
        n_points: samples of the signal.
        averaging: samples $T$ over which the answer does not care for shifts, and between two windows of it; a power of
            two of which `n_points` is a multiple.
        per_octave: wavelets per octave, first and second order.
        average_width: standard deviation of the response of the average, over one in $T$ samples. With 0.1 the average
            has vanished (4e-6) at the Nyquist frequency of the windows; wider, it is shorter in time, with fewer
            wavelets, and the windows alias.
        oversampling: inner signals are sampled this many times two more densely than their bandwidth demands.

    Raises:
        InputError: numbers out of range.
    """

    n_points: int = 1024
    averaging: int = 128
    per_octave: tuple[int, int] = (8, 1)
    average_width: float = 0.1
    oversampling: int = 1

    def __post_init__(self) -> None:
        found = self.averaging
        if not _is_integer(found) or found < 4 or found & (found - 1):
            raise InputError(f"averaging of the scattering is {found!r}; it must be a power of two, at least 4 samples")
        if not _is_integer(self.n_points) or self.n_points < 1 or self.n_points % found:
            raise InputError(
                f"n_points of the scattering is {self.n_points!r}; it must be a multiple of {found} (averaging)"
            )
        pair = self.per_octave
        if (
            not isinstance(pair, tuple | list)
            or len(pair) != 2
            or not all(_is_integer(q) and 1 <= q <= 32 for q in pair)
        ):
            raise InputError(f"per_octave of the scattering is {pair!r}; it must be two whole numbers from 1 to 32")
        object.__setattr__(self, "per_octave", tuple(pair))
        if not isinstance(self.average_width, float) or not 0.05 <= self.average_width <= 0.5:
            raise InputError(f"average_width is {self.average_width!r}; it must be a number from 0.05 to 0.5")
        if not _is_integer(self.oversampling) or self.oversampling < 0:
            raise InputError(f"oversampling is {self.oversampling!r}; it must be a whole number, at least 0")

    def twice(self) -> "Scattering":
        """The same for a signal of twice the length."""
        return replace(self, n_points=2 * self.n_points)

    @property
    def least_width(self) -> float:
        """Standard deviation of the response of the average, cycles per sample."""
        return self.average_width / self.averaging

    @property
    def n_windows(self) -> int:
        """Values per path."""
        return self.n_points // self.averaging

    @property
    def paths(self) -> tuple[tuple[Filter, ...], ...]:
        """The wavelets of each row: none, then one, then two; centres falling."""
        first, second = (filters(count, self.least_width) for count in self.per_octave)
        pairs = [(one, two) for one in first for two in second if _is_felt(one, two)]
        return ((), *((one,) for one in first), *pairs)


@partial(jax.jit, static_argnums=1)
def scatter(signal: Float[Array, " points"], scattering: Scattering) -> Float[Array, "paths windows"]:
    r"""Scattering coefficients, rows as `Scattering.paths`, one column per `averaging` samples.

    $S_0 = x * \phi$, $S_1 = |x * \psi_\lambda| * \phi$, $S_2 = ||x * \psi_\lambda| * \psi_\mu| * \phi$. The signal is
    taken as periodic. The filters contract: $T \|S x - S y\|^2 \le \|x - y\|^2$ (with the
    default `average_width`).

    Raises:
        InputError: the signal is not as long as the scattering wants.
    """
    if signal.shape[0] != scattering.n_points:
        raise InputError(f"the signal has {signal.shape[0]} samples, but the scattering {scattering.n_points}")
    plan, dtype = _plan(scattering), signal.dtype
    transformed = jnp.fft.fft(signal)[None]
    found = [_averaged(transformed, 0, plan)]
    deeper = []
    for group in plan.groups:
        inner = _modulus(transformed, plan.first[group.members], 0, group.level, dtype)
        found.append(_averaged(inner, group.level, plan))
        for branch in group.branches:
            outer = _modulus(
                inner[jnp.asarray(branch.rows)], plan.second[branch.members], group.level, branch.level, dtype
            )
            deeper.append(_averaged(outer, branch.level, plan))
    return jnp.concatenate(found + deeper, axis=0)[jnp.asarray(plan.order)]


class _Branch(NamedTuple):
    """Second-order paths from one group whose outputs are sampled alike."""

    level: int
    rows: np.ndarray  # of the group
    members: np.ndarray  # second wavelet on each row


class _Group(NamedTuple):
    """First-order wavelets whose outputs are sampled alike."""

    level: int  # the length is halved so many times
    members: np.ndarray
    branches: list[_Branch]


class _Plan(NamedTuple):
    first: np.ndarray
    second: np.ndarray
    average: np.ndarray
    n_windows: int
    groups: list[_Group]
    order: np.ndarray


@lru_cache(maxsize=16)
def _plan(scattering: Scattering) -> _Plan:
    """All that is known before the signal is."""
    averaging, n_points = scattering.averaging, scattering.n_points
    banks = [filters(count, scattering.least_width) for count in scattering.per_octave]
    levels = [[thinning(wavelet, averaging, scattering.oversampling) for wavelet in bank] for bank in banks]
    groups, singles, pairs = [], [], []
    for level in sorted(set(levels[0])):
        members = np.flatnonzero(np.array(levels[0]) == level)
        taken: dict[int, list[tuple[int, int]]] = {}
        for row, one in enumerate(members):
            for second, wavelet in enumerate(banks[1]):
                if _is_felt(banks[0][one], wavelet):
                    taken.setdefault(max(level, levels[1][second]), []).append((row, second))
        branches = [_Branch(deep, *np.array(found).T) for deep, found in taken.items()]
        singles += [(banks[0][one],) for one in members]
        pairs += [(banks[0][members[row]], banks[1][two]) for found in taken.values() for row, two in found]
        groups.append(_Group(level, members, branches))
    place = {path: row for row, path in enumerate([(), *singles, *pairs])}
    bank_one, bank_two = (responses(count, scattering.least_width, n_points) for count in scattering.per_octave)
    order = np.array([place[path] for path in scattering.paths])
    return _Plan(bank_one, bank_two, average(n_points, scattering.least_width), scattering.n_windows, groups, order)


def _is_felt(first: Filter, second: Filter) -> bool:
    """Whether the second wavelet looks where the modulus after the first still has power."""
    low, high = first.edges
    return second.edges[0] < high - low


def _modulus(
    transformed: Complex[Array, "rows fine"], bank: np.ndarray, level: int, new_level: int, dtype: jnp.dtype
) -> Complex[Array, "filtered coarse"]:
    """Fourier transform of the modulus after each filter, sampled 2**(new_level - level) times more coarsely."""
    filtered = transformed * jnp.asarray(_narrowed(bank, level), dtype)
    return jnp.fft.fft(jnp.abs(jnp.fft.ifft(_folded(filtered, new_level - level), axis=1)), axis=1)


def _averaged(transformed: Complex[Array, "rows fine"], level: int, plan: _Plan) -> Float[Array, "rows windows"]:
    low = jnp.asarray(_narrowed(plan.average[None], level), transformed.real.dtype)
    halvings = int(np.log2(transformed.shape[1] // plan.n_windows))
    return jnp.fft.ifft(_folded(transformed * low, halvings), axis=1).real


def _narrowed(bank: np.ndarray, level: int) -> np.ndarray:
    """The lowest frequencies: the responses at the rate of a signal whose length was halved `level` times."""
    half = bank.shape[1] >> (level + 1)
    return bank if level == 0 else np.concatenate([bank[:, :half], bank[:, -half:]], axis=1)


def _folded(transformed: Complex[Array, "rows fine"], halvings: int) -> Complex[Array, "rows coarse"]:
    """Fourier transform of every 2**halvings-th sample."""
    rows, fine = transformed.shape
    return jnp.mean(transformed.reshape(rows, 2**halvings, fine >> halvings), axis=1)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
