"""One-dimensional convolutions in the way that is fastest on a CPU, as layers of flax with its layout of kernels."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


def convolve(
    signal: Float[Array, "batch samples channels"],
    kernel: Float[Array, "taps group_channels features"],
    stride: int,
    groups: int,
) -> Float[Array, "batch windows features"]:
    r"""Convolution without padding, $y_{j} = \sum_i x_{sj+i} K_i$, as in `jax.lax.conv_general_dilated`.

    Args:
        signal: what is convolved.
        kernel: standard layout: taps, channels of a group, features.
        stride: samples from window to window.
        groups: 1, or as many as there are channels (each channel by itself; stride 1).
    """
    if groups > 1:
        windows = signal.shape[1] - kernel.shape[0] + 1
        return sum(signal[:, i : i + windows] * kernel[i][None] for i in range(kernel.shape[0]))  # type: ignore[return-value]
    return jax.lax.conv_general_dilated(signal, kernel, (stride,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"))


def _as_flax_calls_it(
    signal: jax.Array, kernel: jax.Array, strides: Any, padding: Any, **options: Any
) -> Float[Array, "batch windows features"]:
    (stride,) = strides
    if padding != "VALID":
        (before_after,) = padding
        signal = jnp.pad(signal, ((0, 0), tuple(before_after), (0, 0)))
    return convolve(signal, kernel, stride, options["feature_group_count"])


def conv(in_features: int, features: int, taps: int, stride: int = 1, **options: Any) -> nnx.Conv:
    """A layer of flax that convolves by `convolve`. Not padded unless `padding` says [(before, after)]."""
    padding = options.pop("padding", "VALID")
    # A list would make the graph of the network unfit for a static argument of `jit`, as which training takes it.
    options["padding"] = padding if isinstance(padding, str) else tuple(map(tuple, padding))
    return nnx.Conv(
        in_features, features, (taps,), strides=(stride,), conv_general_dilated=_as_flax_calls_it, **options
    )
