"""What all representations with two axes share: which parts are fed, by what they are divided, and the noise."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.errors import InputError
from diffmrs.learn.inputs import NetworkInput, checked_common, checked_range, input_scale, noise_level

PARTS = ("complex", "modulus")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Rows, columns and channels of a FID. A FID of zeros, or with a sample that is no number, becomes zeros.

    Attributes:
        parts: `"complex"` feeds real and imaginary part, `"modulus"` one channel.
        scale: as in `InputSpec`.
        unit: as in `InputSpec`.
        with_noise: adds a channel with the logarithm of the noise standard deviation of a sample of the FID.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    parts: str = "complex"
    scale: str = "none"
    unit: float = 1.0
    with_noise: bool = False

    def __post_init__(self) -> None:
        if self.parts not in PARTS:
            raise InputError(f"parts of the input are {self.parts!r}; they must be one of {', '.join(PARTS)}")
        unit = checked_common(self.scale, self.unit, self.with_noise, getattr(self, "n_points", None))
        object.__setattr__(self, "unit", unit)
        if getattr(self, "ppm_range", None) is not None:
            object.__setattr__(self, "ppm_range", checked_range(self.ppm_range))  # type: ignore[attr-defined]

    @property
    def channels(self) -> int:
        """How many are fed."""
        return (1 if self.parts == "modulus" else 2) + self.with_noise

    def split(self, values: Complex[Array, "rows columns"]) -> Float[Array, "rows columns parts"]:
        """The parts of complex numbers that are fed."""
        if self.parts == "modulus":
            return jnp.abs(values)[..., None]
        return jnp.stack([values.real, values.imag], axis=-1)

    def packed(
        self, fed: Float[Array, "rows columns parts"], noise_sd: Float[Array, ""], n_points: int
    ) -> NetworkInput:
        """Scaled, and with the noise when the specification says so."""
        scale = input_scale(jnp.sum(fed**2, axis=-1), self.scale, self.unit)
        signal = fed / scale
        if self.with_noise:
            level = noise_level(noise_sd, scale, n_points)
            signal = jnp.concatenate([signal, jnp.full((*fed.shape[:2], 1), level)], axis=-1)
        return NetworkInput(signal, scale)


def tame(fid: Complex[Array, " points"]) -> Complex[Array, " points"]:
    """The FID, or zeros where it holds a sample that is no number."""
    return jnp.where(jnp.all(jnp.isfinite(fid)), fid, 0)


def check_whole(name: str, value: object) -> None:
    """Raise `InputError` unless a field is a whole number above zero."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} of the input is {value!r}; it must be a whole number, at least 1")
