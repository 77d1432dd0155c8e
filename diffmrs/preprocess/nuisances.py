"""What changes from transient to transient beside frequency and phase: decaying signals near water and lipids."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError

_KEPT = 1e-3  # eigenvalues below this part of the largest are left out: 30 dB below noise-like detail


class Unstable(NamedTuple):
    """A kind of signal that comes and goes: decaying exponentials spread evenly over a band.

    Attributes:
        band_ppm: where it is.
        decay_per_s: slowest and fastest decay; the rates between are equally likely on a logarithmic scale.
    """

    band_ppm: tuple[float, float]
    decay_per_s: tuple[float, float]


WATER = Unstable((4.55, 4.85), (40.0, 400.0))
LIPIDS = Unstable((0.8, 1.7), (100.0, 800.0))


@lru_cache(maxsize=16)
def nuisance_directions(
    kinds: tuple[Unstable, ...], acquisition: Acquisition, n_points: int
) -> tuple[Complex[np.ndarray, "rank points"], Float[np.ndarray, "kinds rank"]]:
    """Orthonormal FIDs that span the unstable signals, and how strong each is in each kind.

    A kind is a Gaussian process; its covariance is the mean of $a a^H$ over its decaying exponentials of unit energy.
    The directions are the eigenvectors of that, those of later kinds made orthogonal to those of earlier ones.

    Args:
        kinds: what may come and go.
        acquisition: sampling.
        n_points: length of the FIDs.

    Returns:
        The directions, and the variance of each, relative to the largest of its kind; zero for those of other kinds.

    Raises:
        InputError: a band or a range of decays is empty.
    """
    time = acquisition.time_s(n_points)
    spans: list[np.ndarray] = []
    variances: list[np.ndarray] = []
    for kind in kinds:
        (low, high), (slow, fast) = kind
        if not (low < high and 0 < slow < fast):
            raise InputError(
                f"an unstable signal has the band {low:g} to {high:g} ppm and decays from {slow:g} to {fast:g} /s"
            )
        width = (high - low) * acquisition.spectrometer_frequency_mhz
        hz = acquisition.ppm_to_hz(np.linspace(low, high, 2 + int(4 * width / slow)))
        rate = np.geomspace(slow, fast, 10)
        atoms = np.exp((2j * np.pi * hz[:, None, None] - rate[:, None]) * time).reshape(-1, n_points)
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        for earlier in spans:
            atoms = atoms - (atoms @ earlier.conj().T) @ earlier
        _, size, rows = np.linalg.svd(atoms, full_matrices=False)
        kept = size**2 > _KEPT * size[0] ** 2
        spans.append(rows[kept])
        variances.append(size[kept] ** 2 / size[0] ** 2)
    rank = [len(v) for v in variances]
    table = np.zeros((len(kinds), sum(rank)))
    for k, values in enumerate(variances):
        table[k, sum(rank[:k]) : sum(rank[: k + 1])] = values
    return np.concatenate(spans) if spans else np.zeros((0, n_points), complex), table
