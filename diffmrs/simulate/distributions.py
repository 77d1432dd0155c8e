"""Distributions that parameters are drawn from: pytrees of their own numbers, which may be arrays."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from diffmrs.pytree import container


@runtime_checkable
class Distribution(Protocol):
    """Anything that draws values."""

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape; the numbers of the distribution broadcast against it."""


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
        return self.low + (jnp.asarray(self.high) - self.low) * jax.random.uniform(key, shape)


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
        return jnp.exp(Uniform(jnp.log(self.low), jnp.log(self.high)).draw(key, shape))


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
