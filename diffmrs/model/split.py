"""Complex arrays as two real ones: processors multiply those several numbers at a time, complex ones singly."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float


class Split(NamedTuple):
    """Real and imaginary parts of the same shape."""

    real: Float[Array, "*shape"]
    imag: Float[Array, "*shape"]

    def times(self, other: "Split") -> "Split":
        """The product of two of equal rank."""
        return Split(
            self.real * other.real - self.imag * other.imag,
            self.real * other.imag + self.imag * other.real,
        )

    def scaled(self, factor: Array) -> "Split":
        """The product with a real array of equal rank."""
        return Split(self.real * factor, self.imag * factor)

    @property
    def joined(self) -> Complex[Array, "*shape"]:
        """As one complex array."""
        return jax.lax.complex(self.real, self.imag)


def split(values: Complex[Array, "*shape"] | Split) -> Split:
    """The parts of a complex array; what is split already stays as it is."""
    return values if isinstance(values, Split) else Split(values.real, values.imag)


def turned(angle_rad: Float[Array, "*shape"]) -> Split:
    """The unit circle at an angle, rad."""
    return Split(jnp.cos(angle_rad), jnp.sin(angle_rad))


def stacked(parts: list[Split]) -> Split:
    """Rows of several below each other."""
    return Split(jnp.concatenate([part.real for part in parts]), jnp.concatenate([part.imag for part in parts]))
