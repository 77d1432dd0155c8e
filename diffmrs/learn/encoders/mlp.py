"""A multi-layer perceptron on all numbers of an input, or on those of each channel."""

import math
from dataclasses import dataclass
from itertools import pairwise

import jax
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.learn.encoders.parts import (
    ACTIVATIONS,
    HE,
    PRECISIONS,
    Shape,
    check_choice,
    check_counts,
    check_rate,
    check_shape,
    drop,
    over_batch,
    precision_of,
)


@dataclass(frozen=True)
class MLP:
    """Fully connected layers, each followed by an activation and dropout.

    An input with several axes is flattened. Weights start as He et al. (2015) propose; biases at zero.

    Attributes:
        widths: of the layers.
        activation: `"gelu"`, `"relu"`, `"elu"`, `"silu"` or `"tanh"`.
        dropout: share of the values after each activation that is set to zero in training.
        per_channel: the same layers act on the samples of each channel, and what comes out is put side by side.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    widths: tuple[int, ...] = (512, 256)
    activation: str = "gelu"
    dropout: float = 0.0
    per_channel: bool = False
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "widths")
        check_rate(self, "dropout")
        check_choice(self, "activation", tuple(ACTIVATIONS))
        check_choice(self, "precision", PRECISIONS)

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "MLPEncoder":
        """The network for an input of that shape."""
        check_shape(self, shape, axes=())
        return MLPEncoder(self, shape, rngs)


class MLPEncoder(nnx.Module):
    """What `MLP` describes."""

    def __init__(self, spec: MLP, shape: Shape, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.axes = len(shape) - 1
        *_, channels = shape
        self.n_features = spec.widths[-1] * (channels if spec.per_channel else 1)
        self.layers = Layers(math.prod(shape) // (channels if spec.per_channel else 1), spec, rngs)

    def __call__(self, signal: Float[Array, "..."], *, rngs: nnx.Rngs | None = None) -> Float[Array, "*batch features"]:
        """Features of the signal [*batch, *axes, channels]; `rngs` (stream `dropout`) turns dropout on."""

        def encode(signal: jax.Array) -> jax.Array:
            count, *_, channels = signal.shape
            if self.spec.per_channel:
                signal = signal.reshape(count, -1, channels).swapaxes(1, 2)
            else:
                signal = signal.reshape(count, -1)
            return self.layers(signal, rngs=rngs).reshape(count, -1)

        return over_batch(encode, signal, self.axes)


class Layers(nnx.Module):
    """Fully connected layers along the last axis, as an `MLP` describes them."""

    def __init__(self, n_inputs: int, spec: MLP, rngs: nnx.Rngs) -> None:
        self.spec = spec
        widths = (n_inputs, *spec.widths)
        self.linear = nnx.List(
            nnx.Linear(a, b, kernel_init=HE, rngs=rngs, **precision_of(spec.precision)) for a, b in pairwise(widths)
        )

    def __call__(
        self, values: Float[Array, "*batch inputs"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch outputs"]:
        """Activated output of the last layer."""
        for linear in self.linear:
            values = drop(self.spec.dropout, ACTIVATIONS[self.spec.activation](linear(values)), rngs)
        return values
