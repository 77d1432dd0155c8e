"""A U-Net in one dimension: down in steps, up again, with what was seen on the way down put beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.parts import (
    HE,
    PRECISIONS,
    Shape,
    check_choice,
    check_counts,
    check_shape,
    over_batch,
    precision_of,
)
from diffmrs.learn.encoders.spatial import max_pool, same_conv


@dataclass(frozen=True)
class UNet1D:
    """Encoder and decoder with bridges (Ronneberger, Fischer, Brox 2015, MICCAI) along one axis.

    At every level two convolutions with ReLU; a max-pool of 2 on the way down, each sample twice on the way up. The
    signal is padded with zeros to a multiple of what the pools need, and cut back. Features are the channels of the
    first level at every sample, one sample after another.

    Attributes:
        channels: of each level, from the top.
        kernel: taps of the convolutions.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    channels: tuple[int, ...] = (32, 64, 128, 256, 512)
    kernel: int = 3
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "channels", "kernel")
        check_choice(self, "precision", PRECISIONS)

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "UNetEncoder":
        """The network for an input of that shape.

        Raises:
            InputError: the signal is too short for so many levels.
        """
        check_shape(self, shape)
        samples, channels = shape
        if samples < 2 ** (len(self.channels) - 1):
            raise InputError(f"{samples} samples are too few for a UNet1D of {len(self.channels)} levels")
        return UNetEncoder(self, samples, channels, rngs)


class UNetEncoder(nnx.Module):
    """What `UNet1D` describes."""

    def __init__(self, spec: UNet1D, samples: int, channels: int, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.n_features = samples * spec.channels[0]
        types, taps = precision_of(spec.precision), (spec.kernel,)

        def twice(found: int, wide: int) -> Any:
            pair = ((found, wide), (wide, wide))
            return nnx.List(same_conv(a, b, taps, kernel_init=HE, rngs=rngs, **types) for a, b in pair)

        widths = spec.channels
        self.down = nnx.List(twice(a, b) for a, b in zip((channels, *widths[:-1]), widths, strict=True))
        self.up = nnx.List(twice(a + b, a) for a, b in pairwise(widths))

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; there is no dropout in it."""

        def encode(signal: jax.Array) -> jax.Array:
            count, samples, _ = signal.shape
            bridges: list[jax.Array] = []
            signal = jnp.pad(signal, ((0, 0), (0, -samples % 2 ** (len(self.down) - 1)), (0, 0)))
            for level, pair in enumerate(self.down):
                signal = _active(pair, max_pool(signal, 2) if level else signal)
                bridges.append(signal)
            signal = bridges.pop()
            for pair in reversed(self.up):
                signal = _active(pair, jnp.concatenate([bridges.pop(), jnp.repeat(signal, 2, axis=1)], axis=-1))
            return signal[:, :samples].reshape(count, -1)

        return over_batch(encode, signal)


def _active(pair: Iterable[nnx.Conv], signal: jax.Array) -> jax.Array:
    for convolution in pair:
        signal = jax.nn.relu(convolution(signal))
    return signal
