"""What encoders share: activations, dropout, precision, leading axes and the checks of their specifications."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from diffmrs.errors import InputError

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "elu": jax.nn.elu,
    "gelu": jax.nn.gelu,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
}
Shape = tuple[int, ...]
"""Of one input: its axes, then its channels."""
NORMS = ("none", "batch")
# Layers keep the function that drew their weights: with one of its own for each network, no two networks would be of
# the same graph, and each would be compiled by itself.
HE = nnx.initializers.he_normal()
PRECISIONS = ("input", "float32", "bfloat16", "float64")


def precision_of(name: str) -> dict[str, Any]:
    """Types for the layers of flax: that of the parameters, and that they compute in (None: as the input).

    Raises:
        InputError: float64 while JAX has it switched off.
    """
    if name == "float64" and not jax.config.read("jax_enable_x64"):
        raise InputError("precision is 'float64', but JAX computes in float32; switch jax_enable_x64 on")
    kept = jnp.float64 if name == "float64" else jnp.float32
    return {"dtype": None if name == "input" else jnp.dtype(name), "param_dtype": kept}


def drop(rate: float, signal: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
    """Set a share of the values to zero and divide the others by the rest; nothing without `rngs`."""
    return nnx.Dropout(rate)(signal, deterministic=rngs is None, rngs=rngs)


def over_batch(network: Callable[[jax.Array], jax.Array], signal: jax.Array, axes: int = 1) -> jax.Array:
    """Apply a function of [batch, *axes, channels] to any leading axes; the features have the input's type."""
    leading, shape = signal.shape[: -axes - 1], signal.shape[-axes - 1 :]
    features = network(signal.reshape(-1, *shape))
    return features.reshape(*leading, features.shape[-1]).astype(signal.dtype)


def check_shape(spec: Any, shape: Shape, axes: tuple[int, ...] = (1,)) -> None:
    """Raise `InputError` when there is nothing to encode, or not one of the numbers of axes allowed (none: any)."""
    name, words = type(spec).__name__, " x ".join(map(str, shape))
    if len(shape) < 2 or min(shape) < 1:
        raise InputError(f"{name} is to take an input of {words}; it takes at least one sample of one channel")
    if axes and len(shape) - 1 not in axes:
        allowed = " or ".join(map(str, axes))
        raise InputError(f"{name} takes inputs of {allowed} axes besides channels, but this one is {words}")


def check_choice(spec: Any, field: str, allowed: Sequence[str]) -> None:
    """Raise `InputError` when a field of a specification is none of the allowed names."""
    found = getattr(spec, field)
    if found not in allowed:
        raise InputError(f"{field} of {type(spec).__name__} is {found!r}; it must be one of {', '.join(allowed)}")


def check_counts(spec: Any, *names: str, may_be_empty: bool = False) -> None:
    """Raise `InputError` unless the fields are whole numbers above zero, or tuples of such; lists become tuples."""
    for name in names:
        found = getattr(spec, name)
        if isinstance(found, list):
            found = tuple(found)
            object.__setattr__(spec, name, found)
        several = found if isinstance(found, tuple) else (found,)
        if not (several or may_be_empty) or not all(
            isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in several
        ):
            raise InputError(f"{name} of {type(spec).__name__} is {found!r}; it must hold whole numbers above zero")


def check_rates(spec: Any, name: str) -> None:
    """Raise `InputError` unless a field holds shares, each from 0 to less than 1; a list becomes a tuple."""
    found = getattr(spec, name)
    if not isinstance(found, list | tuple) or not found or not all(_is_share(one) for one in found):
        raise InputError(f"{name} of {type(spec).__name__} is {found!r}; it must hold numbers from 0 to less than 1")
    object.__setattr__(spec, name, tuple(map(float, found)))


def check_rate(spec: Any, name: str) -> None:
    """Raise `InputError` unless a field is a share, from 0 to less than 1."""
    found = getattr(spec, name)
    if not _is_share(found):
        raise InputError(f"{name} of {type(spec).__name__} is {found!r}; it must be from 0 to less than 1")
    object.__setattr__(spec, name, float(found))


def _is_share(found: object) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 1
