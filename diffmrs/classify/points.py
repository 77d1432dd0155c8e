"""What a classifier sees of a spectrum: its real part at evenly spaced chemical shifts, in units of its own spread."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn.inputs import NetworkInput

_CHUNK = 256  # spectra per compiled call


@dataclass(frozen=True)
class PpmPoints:
    r"""The real part of a spectrum on a grid in ppm, minus its mean, over its standard deviation.

    The spectrum is evaluated at the grid itself, $S(f) = \tfrac12 s_0 + \sum_{n>0} s_n e^{-2\pi i f t_n}$, so that
    spectra of any sampling and field share one axis. The default is that of Lu et al. 2021: 288 real points; the window
    and the normalisation, which they do not tell, are ours. A `diffmrs.learn.Representation`.

    Attributes:
        ppm_range: lower and upper end, ppm.
        points: how many, evenly spaced from end to end.
    """

    ppm_range: tuple[float, float] = (0.2, 4.3)
    points: int = 288

    def __post_init__(self) -> None:
        low, high = self.ppm_range
        object.__setattr__(self, "ppm_range", (float(low), float(high)))
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise InputError(f"ppm range is {low:g} to {high:g}; the first limit must be the lower one")
        if not 16 <= self.points <= 65536:
            raise InputError(f"{self.points} points of the spectrum are asked for; between 16 and 65536 are possible")

    @property
    def ppm(self) -> np.ndarray:
        """The grid, ppm, falling."""
        return np.linspace(self.ppm_range[1], self.ppm_range[0], self.points)

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int]:
        """Samples and channels of what is fed, the same for all FIDs."""
        return self.points, 1

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; zeros where it holds NaN or nothing. The noise is not looked at.

        Args:
            fid: phased and referenced.
            noise_sd: of no meaning here.
            acquisition: how it was sampled.
        """
        time_s = acquisition.time_s(fid.shape[0])
        turns = np.outer(acquisition.ppm_to_hz(self.ppm), time_s) % 1  # before rounding to float32
        weights = np.ones(fid.shape[0])
        weights[0] = 0.5
        real, imag = (jnp.asarray(part(2 * np.pi * turns) * weights, fid.real.dtype) for part in (np.cos, np.sin))
        seen = real @ fid.real + imag @ fid.imag
        seen = seen - jnp.mean(seen)
        power = jnp.mean(seen**2)
        usable = jnp.isfinite(power) & (power > 0)
        scale = jnp.where(usable, jnp.sqrt(jnp.where(usable, power, 1)), 1)
        return NetworkInput(jnp.where(usable, seen / scale, 0)[:, None], scale)


def points_of(fid: np.ndarray | jax.Array, acquisition: Acquisition, spec: PpmPoints = PpmPoints()) -> np.ndarray:
    """Many FIDs as a classifier sees them.

    Args:
        fid: [spectra, points]
        acquisition: their sampling.
        spec: how they are seen.

    Returns:
        [spectra, `spec.points`], float32.

    Raises:
        InputError: the spectra do not reach over the range.
    """
    low, high = acquisition.hz_to_ppm(np.array([0.5, -0.5]) * acquisition.bandwidth_hz)
    if spec.ppm_range[0] < low or spec.ppm_range[1] > high:
        raise InputError(
            f"the classifier looks at {spec.ppm_range[0]:g} to {spec.ppm_range[1]:g} ppm, but the spectra reach only "
            f"from {low:.2f} to {high:.2f} ppm"
        )
    rows = np.asarray(fid)
    found = np.empty((rows.shape[0], spec.points), np.float32)
    size = min(_CHUNK, rows.shape[0])
    for start in range(0, rows.shape[0], size):
        piece = rows[start : start + size]
        filled = np.concatenate([piece, np.repeat(piece[-1:], size - piece.shape[0], axis=0)])
        found[start : start + size] = np.asarray(_seen(jnp.asarray(filled), acquisition, spec))[: piece.shape[0]]
    return found


@partial(jax.jit, static_argnames=("acquisition", "spec"))
def _seen(fid: Array, acquisition: Acquisition, spec: PpmPoints) -> Array:
    noise = jnp.zeros((), fid.real.dtype)
    return jax.vmap(lambda one: spec.feed(one, noise, acquisition).signal[:, 0])(fid)
