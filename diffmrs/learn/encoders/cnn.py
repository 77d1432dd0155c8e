"""A shallow convolutional network: strided convolutions without padding, flattened."""

from dataclasses import dataclass

import jax
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.convolution import conv
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
class CNN:
    """Strided convolutions without padding, each followed by an activation; their last output is flattened.

    The defaults are the encoder `conv_simple` of DQ-nMM (Shamaei et al. 2023, Comput Biol Med 158:106837). Weights
    start as He et al. (2015) propose; biases at zero.

    Attributes:
        channels: of each convolution.
        kernels: taps of each convolution; the last number stands for all further ones.
        stride: of every convolution.
        activation: `"gelu"`, `"relu"`, `"elu"`, `"silu"` or `"tanh"`.
        input_dropout: share of the input that is set to zero in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    channels: tuple[int, ...] = (16, 24, 32, 40, 48, 56, 64, 72)
    kernels: tuple[int, ...] = (5, 3)
    stride: int = 2
    activation: str = "gelu"
    input_dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "channels", "kernels", "stride")
        check_rate(self, "input_dropout")
        check_choice(self, "activation", tuple(ACTIVATIONS))
        check_choice(self, "precision", PRECISIONS)

    def lengths(self, samples: int) -> tuple[int, ...]:
        """Samples after each convolution.

        Raises:
            InputError: the signal is too short.
        """
        found = [samples]
        for layer in range(len(self.channels)):
            taps = self.kernels[min(layer, len(self.kernels) - 1)]
            if found[-1] < taps:
                raise InputError(
                    f"{samples} samples are too few for a CNN of {len(self.channels)} convolutions of stride "
                    f"{self.stride}; give more samples, or fewer channels"
                )
            found.append((found[-1] - taps) // self.stride + 1)
        return tuple(found[1:])

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "CNNEncoder":
        """The network for an input of that shape."""
        check_shape(self, shape)
        samples, channels = shape
        return CNNEncoder(self, samples, channels, rngs)


class CNNEncoder(nnx.Module):
    """What `CNN` describes."""

    def __init__(self, spec: CNN, samples: int, channels: int, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.n_features = spec.lengths(samples)[-1] * spec.channels[-1]
        widths = (channels, *spec.channels)
        self.convolutions = nnx.List(
            conv(
                widths[layer],
                widths[layer + 1],
                spec.kernels[min(layer, len(spec.kernels) - 1)],
                spec.stride,
                kernel_init=HE,
                rngs=rngs,
                **precision_of(spec.precision),
            )
            for layer in range(len(spec.channels))
        )

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; `rngs` (stream `dropout`) turns dropout on."""

        def encode(signal: jax.Array) -> jax.Array:
            signal = drop(self.spec.input_dropout, signal, rngs)
            for convolution in self.convolutions:
                signal = ACTIVATIONS[self.spec.activation](convolution(signal))
            return signal.reshape(signal.shape[0], -1)

        return over_batch(encode, signal)
