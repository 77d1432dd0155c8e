"""What a network is fed: a FID, its spectrum or both, divided by a scale that can be put back."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

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
        signal: real parts, imaginary parts [samples, channels], or [rows, columns, channels] of a representation
            with two axes; of order 1.
        scale: what the FID was divided by, in its units. An amplitude that a network finds, times this, is one of the
            FID.
    """

    signal: Float[Array, "*samples channels"]
    scale: Float[Array, ""]


@runtime_checkable
class Representation(Protocol):
    """How a network sees a FID: `InputSpec`, and those of `diffmrs.learn.representations`. Hashable."""

    @property
    def ppm_range(self) -> tuple[float, float] | None:
        """The part of the spectrum that is fed, ppm; None for all of it."""

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, ...]:
        """Of what is fed; channels last."""

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; arguments as those of `network_input`."""


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
        in_row: one channel with the real parts, then the imaginary parts. Not with `"both"` or `with_noise`.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    kind: str = "fid"
    n_points: int | None = None
    ppm_range: tuple[float, float] | None = None
    scale: str = "none"
    unit: float = 1.0
    with_noise: bool = False
    in_row: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind of input is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        unit = checked_common(self.scale, self.unit, self.with_noise, self.n_points)
        object.__setattr__(self, "unit", unit)
        if self.in_row and (self.with_noise or self.kind == "both"):
            raise InputError("in_row goes neither with the input 'both' nor with a noise channel")
        if self.ppm_range is not None:
            if self.kind != "spectrum":
                raise InputError(f"ppm_range goes only with the input 'spectrum', not with {self.kind!r}")
            object.__setattr__(self, "ppm_range", checked_range(self.ppm_range))

    def used_points(self, n_points: int) -> int:
        """Samples that are used of a FID of `n_points`.

        Raises:
            InputError: the FID has fewer than the specification asks for.
        """
        return used_points(self.n_points, n_points)

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int]:
        """Samples and channels of what is fed.

        Args:
            acquisition: how the FID was sampled.
            n_points: samples of the FID; may be left out when the specification has `n_points`.

        Raises:
            InputError: the number of samples is unknown or too small, or the spectrum does not reach over `ppm_range`.
        """
        samples = used_points(self.n_points, n_points)
        if self.ppm_range is not None:
            window = acquisition.window(samples, self.ppm_range)
            samples = window.stop - window.start
        if self.in_row:
            return 2 * samples, 1
        return samples, (4 if self.kind == "both" else 2) + self.with_noise

    def check(self, acquisition: Acquisition, n_points: int) -> None:
        """Raise `InputError` when FIDs of `n_points` samples cannot be fed like this."""
        self.shape(acquisition, n_points)

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """`network_input` with this specification."""
        return network_input(fid, noise_sd, self, acquisition)


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
    # The whole FID is replaced, not the samples: what is left of a broken one would look like a measurement.
    whole = jnp.where(jnp.all(jnp.isfinite(fid)), fid, 0)
    fed = _fed(whole[: spec.used_points(fid.shape[0])], spec, acquisition)
    scale = input_scale(fed.real**2 + fed.imag**2, spec.scale, spec.unit)
    signal = jnp.concatenate([fed.real, fed.imag], axis=1)[:, _ORDER[spec.kind]] / scale
    if spec.in_row:
        return NetworkInput(signal.T.reshape(-1, 1), scale)
    if spec.with_noise:
        level = noise_level(noise_sd, scale, fid.shape[0])
        signal = jnp.concatenate([signal, jnp.full((signal.shape[0], 1), level)], axis=1)
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


def input_scale(power: Float[Array, "..."], how: str, unit: float) -> Float[Array, ""]:
    """What an input is divided by, from the squared moduli of its values; 1 where that would be zero or no number."""
    if how == "none":
        return jnp.asarray(unit, power.dtype)
    found = jnp.max(power) if how == "largest" else jnp.mean(power)
    usable = jnp.isfinite(found) & (found > 0)
    # The inner choice keeps the derivative of the root finite where the outer one does not take it.
    return jnp.where(usable, jnp.sqrt(jnp.where(usable, found, 1)), 1)


def noise_level(noise_sd: Float[Array, ""], scale: Float[Array, ""], n_points: int) -> Float[Array, ""]:
    """Logarithm of the noise standard deviation of a sample over a scale; 0 where the noise is unknown.

    Args:
        noise_sd: of the real part of the whole spectrum, of `n_points`.
        scale: in the units of the FID.
        n_points: samples of the FID.
    """
    noise = noise_sd.astype(scale.dtype) / (scale * float(np.sqrt(n_points)))
    known = jnp.isfinite(noise) & (noise > 0)
    return jnp.where(known, jnp.log(jnp.where(known, noise, 1)), 0)


def used_points(wanted: int | None, n_points: int | None) -> int:
    """Samples that are used of a FID of `n_points`: all, or the first `wanted`.

    Raises:
        InputError: both are unknown, or the FID has fewer than wanted.
    """
    if wanted is None and n_points is None:
        raise InputError("the input takes all samples of a FID; say how many there are (n_points)")
    if wanted is not None and n_points is not None and wanted > n_points:
        raise InputError(f"the network needs {wanted} samples of a FID, but there are {n_points}")
    return wanted or n_points or 0


def checked_common(scale: object, unit: object, with_noise: object, n_points: object) -> float:
    """The unit of a specification, when the fields that all kinds have can be used.

    Raises:
        InputError: they cannot.
    """
    if scale not in SCALES:
        raise InputError(f"scale of the input is {scale!r}; it must be one of {', '.join(SCALES)}")
    if n_points is not None and (not isinstance(n_points, int) or isinstance(n_points, bool) or n_points < 16):
        raise InputError(f"n_points of the input is {n_points!r}; it must be a whole number, at least 16")
    if isinstance(unit, bool) or not isinstance(unit, int | float) or not (np.isfinite(unit) and unit > 0):
        raise InputError(f"unit of the input is {unit!r}; it must be a number above zero")
    if unit != 1 and scale != "none":
        raise InputError(f"unit of the input is {unit:g}, but with scale {scale!r} it has no meaning")
    if not isinstance(with_noise, bool):
        raise InputError(f"with_noise is {with_noise!r}; it must be true or false")
    return float(unit)


def checked_range(found: object) -> tuple[float, float]:
    """A range of two numbers.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(found, tuple | list) or len(found) != 2 or not all(map(_is_number, found)):
        raise InputError(f"ppm_range of the input is {found!r}; it must be two numbers, ppm")
    return float(found[0]), float(found[1])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
