"""Convolutions with pooling between them, then fully connected layers: the plain image network in one dimension."""

from dataclasses import dataclass

import jax
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.convolution import conv
from diffmrs.learn.encoders.mlp import MLP, Layers
from diffmrs.learn.encoders.parts import (
    ACTIVATIONS,
    PRECISIONS,
    check_choice,
    check_counts,
    check_rate,
    check_shape,
    over_batch,
    precision_of,
)


@dataclass(frozen=True)
class PooledCNN:
    """Blocks of a convolution, an activation and the largest of neighbours, flattened; then a perceptron.

    The defaults stand in for the networks of Ma et al. 2022 (Magn Reson Med 87:1737), of which layers are published but
    no sizes. Weights start as He et al. (2015) propose; biases at zero.

    Attributes:
        channels: of each convolution.
        kernel: taps of each convolution; its ends are padded with zeros.
        pool: samples of which the largest is kept; what is left over at the end is not seen.
        widths: of the fully connected layers.
        activation: `"gelu"`, `"relu"`, `"elu"`, `"silu"` or `"tanh"`.
        dropout: share of the values after each fully connected layer that is set to zero in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    channels: tuple[int, ...] = (4, 8)
    kernel: int = 5
    pool: int = 2
    widths: tuple[int, ...] = (1024, 512)
    activation: str = "relu"
    dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "channels", "kernel", "pool", "widths")
        check_rate(self, "dropout")
        check_choice(self, "activation", tuple(ACTIVATIONS))
        check_choice(self, "precision", PRECISIONS)

    def build(self, samples: int, channels: int, rngs: nnx.Rngs) -> "PooledCNNEncoder":
        """The network for an input of that shape.

        Raises:
            InputError: nothing is left after the last pooling.
        """
        check_shape(samples, channels)
        if samples < self.pool ** len(self.channels):
            raise InputError(
                f"{samples} samples are too few for a PooledCNN of {len(self.channels)} blocks that pool {self.pool}"
            )
        return PooledCNNEncoder(self, samples, channels, rngs)


class PooledCNNEncoder(nnx.Module):
    """What `PooledCNN` describes."""

    def __init__(self, spec: PooledCNN, samples: int, channels: int, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.n_features = spec.widths[-1]
        widths = (channels, *spec.channels)
        ends = (((spec.kernel - 1) // 2, spec.kernel // 2),)
        self.convolutions = nnx.List(
            conv(
                widths[block],
                widths[block + 1],
                spec.kernel,
                padding=ends,
                kernel_init=nnx.initializers.he_normal(),
                rngs=rngs,
                **precision_of(spec.precision),
            )
            for block in range(len(spec.channels))
        )
        left = samples
        for _ in spec.channels:
            left //= spec.pool
        layers = MLP(spec.widths, spec.activation, spec.dropout, False, spec.precision)
        self.layers = Layers(left * spec.channels[-1], layers, rngs)

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; `rngs` (stream `dropout`) turns dropout on."""

        def encode(signal: jax.Array) -> jax.Array:
            for convolution in self.convolutions:
                signal = largest_of(ACTIVATIONS[self.spec.activation](convolution(signal)), self.spec.pool)
            return self.layers(signal.reshape(signal.shape[0], -1), rngs=rngs)

        return over_batch(encode, signal)


def largest_of(signal: Float[Array, "batch samples channels"], pool: int) -> Float[Array, "batch pooled channels"]:
    """The largest of each group of neighbours."""
    batch, samples, channels = signal.shape
    groups = samples // pool
    return signal[:, : groups * pool].reshape(batch, groups, pool, channels).max(axis=2)
