"""Distributions of values that depend on each other, such as concentrations of one brain."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array

from diffmrs.errors import InputError
from diffmrs.pytree import container
from diffmrs.simulate.distributions import Gaussianised, Quantiles

_TRIES = 64  # vectors drawn for one that lies above the limit


@container()
@dataclass(frozen=True)
class Correlated:
    """Gaussian vectors, if wanted only those above a limit.

    The limit is kept by rejection: the first of 64 draws above it. Should all lie below in some element, which is
    rare unless less than a tenth of the Gaussian lies above, the last one is raised to the limit.

    Attributes:
        mean: of the Gaussian before it is cut. [values]
        covariance: symmetric and positive definite. [values, values]
        at_least: no value is smaller, a number or one each; None for whole Gaussians.
    """

    mean: Any
    covariance: Any
    at_least: Any = None

    def __post_init__(self) -> None:
        mean, covariance = jnp.shape(self.mean), jnp.shape(self.covariance)
        if len(mean) != 1 or covariance != 2 * mean:
            raise InputError(
                f"correlated values have a mean of shape {mean} and a covariance of shape {covariance}; "
                "they must be [values] and [values, values]"
            )

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape, the last axis of which is [values]."""
        mean = jnp.asarray(self.mean)
        _check_last(shape, mean.size)
        root = jnp.linalg.cholesky(jnp.asarray(self.covariance))
        tries = () if self.at_least is None else (_TRIES,)
        normal = jax.random.normal(key, (*tries, *shape), root.dtype)
        values = mean.reshape((1,) * (normal.ndim - 1) + (-1,)) + normal @ root.T
        if self.at_least is None:
            return values
        lowest = jnp.broadcast_to(jnp.asarray(self.at_least, values.dtype), shape)
        inside = (values >= lowest[None]).all(axis=-1)
        chosen = jnp.where(inside.any(axis=0), jnp.argmax(inside, axis=0), _TRIES - 1)
        return jnp.maximum(jnp.take_along_axis(values, chosen[None, ..., None], axis=0)[0], lowest)

    def from_normal(self, z: Array) -> Array:
        """The values that standard normal numbers stand for; only for whole Gaussians."""
        root = self._whole_root()
        return jnp.asarray(self.mean).reshape((1,) * (z.ndim - 1) + (-1,)) + z @ root.T

    def to_normal(self, value: Array) -> Array:
        """The inverse of `from_normal`."""
        return _solved(self._whole_root(), value - jnp.asarray(self.mean).reshape((1,) * (value.ndim - 1) + (-1,)))

    def _whole_root(self) -> Array:
        if self.at_least is not None:
            raise InputError(
                "a correlated Gaussian that is cut off is not told by standard normal numbers; use a Copula"
            )
        return jnp.linalg.cholesky(jnp.asarray(self.covariance))


@container()
@dataclass(frozen=True)
class Copula:
    """Any margins, joined by a Gaussian copula: each value is a quantile of its margin, the quantiles are correlated.

    Attributes:
        margins: the distribution of each value alone.
        correlation: of the Gaussians behind the quantiles: ones on the diagonal, positive definite. The rank
            correlation of two values is `6 / pi * arcsin(correlation / 2)`. [values, values]
    """

    margins: tuple[Quantiles, ...]
    correlation: Any

    def __post_init__(self) -> None:
        wanted = 2 * (len(self.margins),)
        if jnp.shape(self.correlation) != wanted:
            raise InputError(
                f"the correlation of a copula has shape {jnp.shape(self.correlation)}; its margins need {wanted}"
            )

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Values of the given shape, the last axis of which is [values]."""
        _check_last(shape, len(self.margins))
        root = jnp.linalg.cholesky(jnp.asarray(self.correlation))
        probability = ndtr(jax.random.normal(key, shape, root.dtype) @ root.T)
        # Far in the tail float32 rounds to 1, of which many quantiles are infinite.
        probability = jnp.clip(probability, jnp.finfo(root.dtype).tiny, 1 - jnp.finfo(root.dtype).epsneg)
        each = [margin.quantile(probability[..., k]) for k, margin in enumerate(self.margins)]
        return jnp.stack(each, axis=-1)

    def from_normal(self, z: Array) -> Array:
        """The values that standard normal numbers stand for; the margins must be told by such numbers too."""
        joined = z @ jnp.linalg.cholesky(jnp.asarray(self.correlation)).T
        return jnp.stack([m.from_normal(joined[..., k]) for k, m in enumerate(self._gaussianised())], axis=-1)

    def to_normal(self, value: Array) -> Array:
        """The inverse of `from_normal`."""
        each = jnp.stack([m.to_normal(value[..., k]) for k, m in enumerate(self._gaussianised())], axis=-1)
        return _solved(jnp.linalg.cholesky(jnp.asarray(self.correlation)), each)

    def _gaussianised(self) -> list[Gaussianised]:
        told: list[Gaussianised] = [margin for margin in self.margins if isinstance(margin, Gaussianised)]
        if len(told) < len(self.margins):
            raise InputError("a margin of the copula is not told by standard normal numbers (from_normal, to_normal)")
        return told


def _solved(root: Array, rows: Array) -> Array:
    """rows @ inverse(root).T"""
    flat = rows.reshape(-1, root.shape[0])
    return jax.scipy.linalg.solve_triangular(root, flat.T, lower=True).T.reshape(rows.shape)


def _check_last(shape: tuple[int, ...], count: int) -> None:
    if not shape or shape[-1] != count:
        raise InputError(
            f"{count} correlated values cannot be drawn in the shape {shape}; its last axis must be {count}"
        )
