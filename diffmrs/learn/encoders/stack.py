"""Convolutions, pooling and dense layers one after another, over one axis or two: most published networks."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.learn.encoders.norm import BatchNorm
from diffmrs.learn.encoders.parts import (
    ACTIVATIONS,
    HE,
    NORMS,
    PRECISIONS,
    Shape,
    check_choice,
    check_counts,
    check_rate,
    check_rates,
    check_shape,
    drop,
    over_batch,
    precision_of,
)
from diffmrs.learn.encoders.spatial import drop_channels, max_pool, pooled, same_conv

CRELU = "crelu"


def crelu(values: Float[Array, "*shape channels"]) -> Float[Array, "*shape twice"]:
    """What is positive, then what is negative, with the same sign (Shang et al. 2016, ICML); twice the channels."""
    return jnp.concatenate([jax.nn.relu(values), -jax.nn.relu(-values)], axis=-1)


@dataclass(frozen=True)
class ConvStack:
    """Convolutions that keep the size, each followed by norm, activation, max-pool and dropout; then dense layers.

    Of the fields that hold one number per convolution, the last stands for all further ones. Every kernel and every
    pool is as long in each axis. Weights start as He et al. (2015) propose; biases at zero.

    Attributes:
        channels: of each convolution, before CReLU doubles them.
        kernels: taps of each convolution in every axis.
        pools: samples that become one after each convolution, in every axis; 1 for no pooling.
        repeats: convolutions in front of each pool.
        activation: `"crelu"`, `"gelu"`, `"relu"`, `"elu"`, `"silu"` or `"tanh"`.
        norm: `"none"` or `"batch"`: before each activation, that of the dense layers too.
        dropout: share of the channels that is set to zero after each pool in training.
        dense: widths of the layers after the flattened convolutions; may be empty.
        dense_dropout: share of the values that is set to zero after each of those in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    channels: tuple[int, ...] = (16, 32, 32, 64, 64)
    kernels: tuple[int, ...] = (7, 5, 3)
    pools: tuple[int, ...] = (2,)
    repeats: int = 1
    activation: str = "relu"
    norm: str = "none"
    dropout: tuple[float, ...] = (0.0,)
    dense: tuple[int, ...] = (512,)
    dense_dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "channels", "kernels", "pools", "repeats")
        check_counts(self, "dense", may_be_empty=True)
        check_rates(self, "dropout")
        check_rate(self, "dense_dropout")
        check_choice(self, "activation", (CRELU, *ACTIVATIONS))
        check_choice(self, "norm", NORMS)
        check_choice(self, "precision", PRECISIONS)

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "StackEncoder":
        """The network for an input of that shape, of one axis or two.

        Raises:
            InputError: the input is too small to be pooled so often.
        """
        check_shape(self, shape, axes=(1, 2))
        return StackEncoder(self, shape, rngs)

    def of_layer(self, name: str, layer: int) -> int | float:
        """The number of a field that a layer has."""
        several: tuple[int | float, ...] = getattr(self, name)
        return several[min(layer, len(several) - 1)]


class StackEncoder(nnx.Module):
    """What `ConvStack` describes."""

    def __init__(self, spec: ConvStack, shape: Shape, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.axes = len(shape) - 1
        types, start = precision_of(spec.precision), HE
        twice = 2 if spec.activation == CRELU else 1
        axes, found = shape[:-1], shape[-1]
        self.convolutions: nnx.List[nnx.Conv] = nnx.List()
        for layer, channels in enumerate(spec.channels):
            for _ in range(spec.repeats):
                taps = (int(spec.of_layer("kernels", layer)),) * self.axes
                self.convolutions.append(same_conv(found, channels, taps, kernel_init=start, rngs=rngs, **types))
                found = twice * channels
            axes = pooled(axes, int(spec.of_layer("pools", layer)), spec)
        found *= math.prod(axes)
        self.dense: nnx.List[nnx.Linear] = nnx.List()
        for width in spec.dense:
            self.dense.append(nnx.Linear(found, width, kernel_init=start, rngs=rngs, **types))
            found = twice * width
        self.n_features = found
        widths = [channels for channels in spec.channels for _ in range(spec.repeats)] + list(spec.dense)
        self.norms = nnx.List(BatchNorm(width, rngs) for width in widths if spec.norm == "batch")

    def __call__(self, signal: Float[Array, "..."], *, rngs: nnx.Rngs | None = None) -> Float[Array, "*batch features"]:
        """Features of the signal [*batch, *axes, channels]; `rngs` (streams `dropout`, `batch`) as in training."""
        return over_batch(lambda signal: self._features(signal, rngs), signal, self.axes)

    def _features(self, signal: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        spec = self.spec
        for number, convolution in enumerate(self.convolutions):
            signal = self._active(convolution(signal), number, rngs)
            layer, rest = divmod(number, spec.repeats)
            if rest == spec.repeats - 1:
                signal = max_pool(signal, int(spec.of_layer("pools", layer)))
                signal = drop_channels(float(spec.of_layer("dropout", layer)), signal, rngs)
        signal = signal.reshape(signal.shape[0], -1)
        for number, dense in enumerate(self.dense, start=len(self.convolutions)):
            signal = drop(spec.dense_dropout, self._active(dense(signal), number, rngs), rngs)
        return signal

    def _active(self, values: jax.Array, number: int, rngs: nnx.Rngs | None) -> jax.Array:
        if self.spec.norm == "batch":
            values = self.norms[number](values, rngs)
        return crelu(values) if self.spec.activation == CRELU else ACTIVATIONS[self.spec.activation](values)
