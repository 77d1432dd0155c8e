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
