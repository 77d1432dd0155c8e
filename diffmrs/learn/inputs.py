"""What a network is fed: a FID, its spectrum or both, divided by a scale that can be put back."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError

KINDS = ("fid", "spectrum", "both")
SCALES = ("none", "largest", "rms")


class NetworkInput(NamedTuple):
    """What a network is fed of one FID.

    Attributes:
        signal: real parts, imaginary parts [samples, channels]; of order 1.
        scale: what the FID was divided by, in its units. An amplitude that a network finds, times this, is one of the
            FID.
    """

    signal: Float[Array, "samples channels"]
    scale: Float[Array, ""]


@dataclass(frozen=True)
class InputSpec:
    r"""How a network sees a FID. Hashable, made of plain values.

    A spectrum is fed as $S_k / \sqrt{N}$, so that its noise is that of the samples and its scale has the FID's units.

    Attributes:
        kind: `"fid"`: real and imaginary part as two channels; `"spectrum"`: the same of the spectrum; `"both"`: the
            four side by side.
        n_points: how many samples of the FID are used, from the first; None for all.
        ppm_range: the part of the spectrum that is fed, ppm; None for all of it. Only with `"spectrum"`.
        scale: `"none"` divides by `unit`, `"largest"` by the largest magnitude of what is fed, `"rms"` by its root
            mean square.
        unit: a constant of the FID's units. Only with `"none"`.
        with_noise: adds a channel that holds, at every sample, the logarithm of the noise standard deviation of what
            is fed.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    kind: str = "fid"
    n_points: int | None = None
    ppm_range: tuple[float, float] | None = None
    scale: str = "none"
    unit: float = 1.0
    with_noise: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind of input is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        if self.scale not in SCALES:
            raise InputError(f"scale of the input is {self.scale!r}; it must be one of {', '.join(SCALES)}")
        if self.n_points is not None and (not _is_integer(self.n_points) or self.n_points < 16):
            raise InputError(f"n_points of the input is {self.n_points!r}; it must be a whole number, at least 16")
        if not (_is_number(self.unit) and np.isfinite(self.unit) and self.unit > 0):
            raise InputError(f"unit of the input is {self.unit!r}; it must be a number above zero")
        if self.unit != 1 and self.scale != "none":
            raise InputError(f"unit of the input is {self.unit:g}, but with scale {self.scale!r} it has no meaning")
        object.__setattr__(self, "unit", float(self.unit))
        if not isinstance(self.with_noise, bool):
            raise InputError(f"with_noise is {self.with_noise!r}; it must be true or false")
        if self.ppm_range is not None:
            self._check_range()

    def _check_range(self) -> None:
        found = self.ppm_range
        if self.kind != "spectrum":
            raise InputError(f"ppm_range goes only with the input 'spectrum', not with {self.kind!r}")
        if not isinstance(found, tuple | list) or len(found) != 2 or not all(map(_is_number, found)):
            raise InputError(f"ppm_range of the input is {found!r}; it must be two numbers, ppm")
        object.__setattr__(self, "ppm_range", (float(found[0]), float(found[1])))

    def used_points(self, n_points: int) -> int:
        """Samples that are used of a FID of `n_points`.

        Raises:
            InputError: the FID has fewer than the specification asks for.
        """
        if self.n_points is not None and self.n_points > n_points:
            raise InputError(f"the network needs {self.n_points} samples of a FID, but there are {n_points}")
        return self.n_points or n_points

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int]:
        """Samples and channels of what is fed.

        Args:
            acquisition: how the FID was sampled.
            n_points: samples of the FID; may be left out when the specification has `n_points`.

        Raises:
            InputError: the number of samples is unknown or too small, or the spectrum does not reach over `ppm_range`.
        """
        found = n_points or self.n_points
        if found is None:
            raise InputError("the input takes all samples of a FID; say how many there are (n_points)")
        samples = self.used_points(found)
        if self.ppm_range is not None:
            window = acquisition.window(samples, self.ppm_range)
            samples = window.stop - window.start
        return samples, (4 if self.kind == "both" else 2) + self.with_noise

    def check(self, acquisition: Acquisition, n_points: int) -> None:
        """Raise `InputError` when FIDs of `n_points` samples cannot be fed like this."""
        self.shape(acquisition, n_points)


def network_input(
    fid: Complex[Array, " points"], noise_sd: Float[Array, ""], spec: InputSpec, acquisition: Acquisition
) -> NetworkInput:
    """What a network is fed of one FID. A FID of zeros, or with a sample that is no number, becomes zeros.

    Args:
        fid: all its samples.
        noise_sd: of the real part of its whole spectrum, as `diffmrs.Estimate.noise_sd`; looked at only when the
            specification says `with_noise`.
        spec: what is fed.
        acquisition: how the FID was sampled.

    Raises:
        InputError: the FID is too short, or its spectrum does not reach over the range.
    """
    samples, _ = spec.shape(acquisition, fid.shape[0])
    # The whole FID is replaced, not the samples: what is left of a broken one would look like a measurement.
    whole = jnp.where(jnp.all(jnp.isfinite(fid)), fid, 0)
    fed = _fed(whole[: spec.used_points(fid.shape[0])], spec, acquisition)
    scale = _scale(fed, spec)
    signal = jnp.concatenate([fed.real, fed.imag], axis=1)[:, _ORDER[spec.kind]] / scale
    if spec.with_noise:
        noise = noise_sd.astype(scale.dtype) / (scale * float(np.sqrt(fid.shape[0])))
        known = jnp.isfinite(noise) & (noise > 0)
        level = jnp.where(known, jnp.log(jnp.where(known, noise, 1)), 0)
        signal = jnp.concatenate([signal, jnp.full((samples, 1), level)], axis=1)
    return NetworkInput(signal, scale)


_ORDER = {"fid": np.array([0, 1]), "spectrum": np.array([0, 1]), "both": np.array([0, 2, 1, 3])}


def _fed(
    fid: Complex[Array, " points"], spec: InputSpec, acquisition: Acquisition
) -> Complex[Array, "samples complex_channels"]:
    n_points = fid.shape[0]
    if spec.kind == "fid":
        return fid[:, None]
    spectrum = spectrum_of(fid) / np.sqrt(n_points).astype(fid.real.dtype)
    if spec.kind == "both":
        return jnp.stack([fid, spectrum], axis=1)
    if spec.ppm_range is None:
        return spectrum[:, None]
    return spectrum[acquisition.window(n_points, spec.ppm_range)][:, None]


def _scale(fed: Complex[Array, "samples complex_channels"], spec: InputSpec) -> Float[Array, ""]:
    if spec.scale == "none":
        return jnp.asarray(spec.unit, fed.real.dtype)
    power = fed.real**2 + fed.imag**2
    found = jnp.max(power) if spec.scale == "largest" else jnp.mean(power)
    usable = jnp.isfinite(found) & (found > 0)
    # The inner choice keeps the derivative of the root finite where the outer one does not take it.
    return jnp.where(usable, jnp.sqrt(jnp.where(usable, found, 1)), 1)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
