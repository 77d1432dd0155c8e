"""A signal as a row of tokens: patches of samples, each mapped by the same linear layer."""

import jax
from flax import nnx

from diffmrs.errors import InputError


def count_patches(samples: int, patch: int) -> int:
    """Whole patches in a signal; what is left over at its end is not seen.

    Raises:
        InputError: there is none.
    """
    if samples < patch:
        raise InputError(f"{samples} samples hold no patch of {patch}")
    return samples // patch


def tokens_of(signal: jax.Array, patch: int, embed: nnx.Linear) -> jax.Array:
    """Tokens [batch, patches, width] of signals [batch, samples, channels]."""
    batch, samples, channels = signal.shape
    count = samples // patch
    return embed(signal[:, : count * patch].reshape(batch, count, patch * channels))
