"""Medians of those values that count, for arrays in which some are missing; differentiable, under `jit`."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

MAD_TO_SD = 1.4826  # of a normal distribution


def median_of(values: Float[Array, "*batch n"], counts: Bool[Array, "*#batch n"]) -> Float[Array, "*batch"]:
    """Median along the last axis of the values that count; 0 where none does."""
    counts = jnp.broadcast_to(counts, values.shape)
    rows = jnp.sort(jnp.where(counts, values, jnp.inf), axis=-1)
    number = jnp.sum(counts, axis=-1, keepdims=True)
    low = jnp.take_along_axis(rows, jnp.maximum(number - 1, 0) // 2, axis=-1)
    high = jnp.take_along_axis(rows, jnp.minimum(number // 2, rows.shape[-1] - 1), axis=-1)
    some = number > 0
    return (0.5 * (jnp.where(some, low, 0.0) + jnp.where(some, high, 0.0)))[..., 0]


def spread_of(values: Float[Array, "*batch n"], counts: Bool[Array, "*#batch n"]) -> Float[Array, "*batch"]:
    """Standard deviation along the last axis, from the median distance to the median of the values that count."""
    return MAD_TO_SD * median_of(jnp.abs(values - median_of(values, counts)[..., None]), counts)


def root_of(values: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """Square root; 0 with a derivative of 0 where there is nothing."""
    return jnp.where(values > 0, jnp.sqrt(jnp.where(values > 0, values, 1.0)), 0.0)
