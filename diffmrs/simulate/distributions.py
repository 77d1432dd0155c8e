"""Distributions that parameters are drawn from: pytrees of their own numbers, which may be arrays."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array

from diffmrs.errors import InputError
from diffmrs.pytree import container


@runtime_checkable
class Distribution(Protocol):
    """Anything that draws values."""

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape; the numbers of the distribution broadcast against it."""


@runtime_checkable
class Quantiles(Distribution, Protocol):
    """A distribution that can be a margin of a `Copula`."""

    def quantile(self, probability: Array) -> Array:
        """The value below which a draw falls with a probability, 0 to 1."""


@runtime_checkable
class Gaussianised(Distribution, Protocol):
    """A distribution whose values are told by as many standard normal numbers."""

    def from_normal(self, z: Array) -> Array:
        """The value that a standard normal number stands for: that with the same probability below it."""

    def to_normal(self, value: Array) -> Array:
        """The inverse of `from_normal`; a value outside the distribution gives a large number, not infinity."""


@container()
@dataclass(frozen=True)
class Uniform:
    """Every value between two limits equally likely; one value alone where the limits are equal.

    Attributes:
        low: lower limit.
        high: upper limit.
    """

    low: Any
    high: Any

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape."""
        return self.quantile(jax.random.uniform(key, shape))

    def quantile(self, probability: Array) -> Array:
        """The value below which a draw falls with a probability."""
        return self.low + (jnp.asarray(self.high) - self.low) * probability

    def from_normal(self, z: Array) -> Array:
        """The value that a standard normal number stands for."""
        return self.quantile(ndtr(z))

    def to_normal(self, value: Array) -> Array:
        """The inverse of `from_normal`, at most 5 either way; 0 where the limits are equal."""
        width = jnp.asarray(self.high) - self.low
        fixed = width == 0
        return _normal_at(jnp.where(fixed, 0.5, (value - self.low) / jnp.where(fixed, 1, width)))


@container()
@dataclass(frozen=True)
class LogUniform:
    """Every logarithm between those of two positive limits equally likely.

    Attributes:
        low: lower limit, positive.
        high: upper limit.
    """

    low: Any
    high: Any

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape."""
        return jnp.exp(self._logarithm.draw(key, shape))

    def quantile(self, probability: Array) -> Array:
        """The value below which a draw falls with a probability."""
        return jnp.exp(self._logarithm.quantile(probability))

    def from_normal(self, z: Array) -> Array:
        """The value that a standard normal number stands for."""
        return self.quantile(ndtr(z))

    def to_normal(self, value: Array) -> Array:
        """The inverse of `from_normal`, at most 5 either way."""
        return self._logarithm.to_normal(_log(value))

    @property
    def _logarithm(self) -> Uniform:
        return Uniform(jnp.log(self.low), jnp.log(self.high))


@container()
@dataclass(frozen=True)
class Normal:
    """Gaussian, cut off below a limit.

    Attributes:
        mean: of the Gaussian before it is cut.
        sd: its standard deviation.
        at_least: no value is smaller; minus infinity for a whole Gaussian.
    """

    mean: Any
    sd: Any
    at_least: Any = -math.inf

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape."""
        lowest = (jnp.asarray(self.at_least) - self.mean) / self.sd
        return self.mean + self.sd * jax.random.truncated_normal(key, lowest, jnp.inf, shape)

    def quantile(self, probability: Array) -> Array:
        """The value below which a draw falls with a probability."""
        below = ndtr((jnp.asarray(self.at_least) - self.mean) / self.sd)
        return jnp.maximum(self.mean + self.sd * ndtri(below + (1 - below) * probability), self.at_least)

    def from_normal(self, z: Array) -> Array:
        """The value that a standard normal number stands for."""
        # From the nearer tail: the probability of the other rounds to 1. Whether the Gaussian is whole is not asked in
        # Python, for `at_least` may be traced.
        lowest = (jnp.asarray(self.at_least) - self.mean) / self.sd
        whole = lowest == -jnp.inf
        held = jnp.clip(jnp.where(whole, 0, z), -_FAR, _FAR)
        above = jnp.where(held > 0, held, 0)
        upper = -ndtri(ndtr(-lowest) * ndtr(-above))
        lower = ndtri(ndtr(lowest) + ndtr(-lowest) * ndtr(jnp.where(held > 0, 0, held)))
        cut = jnp.maximum(jnp.where(held > 0, upper, lower), lowest)
        return self.mean + self.sd * jnp.where(whole, z, cut)

    def to_normal(self, value: Array) -> Array:
        """The inverse of `from_normal`; at least -5 where the Gaussian is cut, below the limit too."""
        z = (value - self.mean) / self.sd
        lowest = (jnp.asarray(self.at_least) - self.mean) / self.sd
        whole = lowest == -jnp.inf
        held = jnp.clip(jnp.where(whole, 0, z), jnp.where(whole, -_FAR, lowest), _FAR)
        over = ndtr(-held) / ndtr(-lowest)
        upper = -ndtri(jnp.where(over < 0.5, over, 0.5))
        below = (ndtr(held) - ndtr(lowest)) / ndtr(-lowest)
        return jnp.where(whole, z, jnp.where(over < 0.5, upper, _normal_at(below)))


@container()
@dataclass(frozen=True)
class LogNormal:
    """Positive, with a Gaussian logarithm.

    Attributes:
        median: positive; half of all values are smaller.
        log_sd: standard deviation of the natural logarithm; for small ones about the coefficient of variation.
    """

    median: Any
    log_sd: Any

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape."""
        return self.median * jnp.exp(self.log_sd * jax.random.normal(key, shape))

    def quantile(self, probability: Array) -> Array:
        """The value below which a draw falls with a probability."""
        return self.median * jnp.exp(self.log_sd * ndtri(probability))

    def from_normal(self, z: Array) -> Array:
        """The value that a standard normal number stands for."""
        return self.median * jnp.exp(self.log_sd * z)

    def to_normal(self, value: Array) -> Array:
        """The inverse of `from_normal`."""
        return _log(value / self.median) / self.log_sd


@container()
@dataclass(frozen=True)
class Mixture:
    """Each value comes from one of several distributions, picked anew for every value.

    Attributes:
        parts: the distributions.
        weights: how likely each is; none negative, not all zero, they need not sum to 1. [parts]
    """

    parts: tuple[Distribution, ...]
    weights: Any

    def __post_init__(self) -> None:
        if not self.parts or jnp.shape(self.weights) != (len(self.parts),):
            raise InputError(
                f"a mixture of {len(self.parts)} distributions has weights of shape {jnp.shape(self.weights)}; "
                "it needs one weight for each"
            )

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape."""
        which, *keys = jax.random.split(key, 1 + len(self.parts))
        picked = jax.random.categorical(which, jnp.log(jnp.asarray(self.weights)), shape=shape)
        values = [part.draw(own, shape) for part, own in zip(self.parts, keys, strict=True)]
        return jnp.select([picked == k for k in range(len(values))], values)


_MOST_NORMAL = 5.0  # beyond that a probability in float32 is 0 or 1
_FAR = 12.0  # beyond that the probability of the tail is 0 in float32


def _log(value: Array) -> Array:
    """The logarithm; a very low one, not minus infinity or NaN, of what is not positive."""
    value = jnp.asarray(value)
    return jnp.log(jnp.maximum(value, jnp.finfo(value.dtype).tiny))


def _normal_at(probability: Array) -> Array:
    """The standard normal number below which a probability lies; at most 5 either way."""
    beyond = ndtr(jnp.asarray(-_MOST_NORMAL, probability.dtype))
    return ndtri(jnp.clip(probability, beyond, 1 - beyond))
