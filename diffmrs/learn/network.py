"""A network: an encoder, and one linear layer from its features to the numbers that a head reads."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.learn.encoders.norm import BatchNorm
from diffmrs.learn.encoders.parts import Shape
from diffmrs.learn.encoders.registry import Encoder

# One object each, so that networks of one kind are of the same graph and share compiled code.
_START = {
    True: nnx.initializers.variance_scaling(1e-4, "fan_in", "truncated_normal"),
    False: nnx.initializers.variance_scaling(1.0, "fan_in", "truncated_normal"),
}


class Network(nnx.Module):
    """Encoder and output layer.

    Args:
        spec: of the encoder.
        shape: of the input: its axes, then its channels.
        n_outputs: numbers that come out.
        rngs: for the initial weights.
        small: whether the first outputs are near zero whatever the input, as those of a posterior should be.
        norm: whether a batch norm follows the output layer, as in the two-dimensional networks of Rizzo et al. 2023.
    """

    def __init__(
        self,
        spec: Encoder,
        shape: Shape,
        n_outputs: int,
        rngs: nnx.Rngs,
        *,
        small: bool = False,
        norm: bool = False,
    ):
        self.encoder = spec.build(shape, rngs)
        self.output = nnx.Linear(self.encoder.n_features, n_outputs, kernel_init=_START[small], rngs=rngs)
        self.norm = nnx.data(BatchNorm(n_outputs, rngs) if norm else None)

    def __call__(self, signal: Float[Array, "..."], *, rngs: nnx.Rngs | None = None) -> Float[Array, "*batch outputs"]:
        """Numbers for a head.

        Args:
            signal: from `Representation.feed`. [*batch, *axes, channels]
            rngs: randomness of dropout; None for none. With a stream `batch`, batch norms take the mean and variance
                of the batch and keep a running mean of them, as in training.
        """
        features = self.encoder(signal, rngs=rngs)
        outputs = self.output(jnp.asarray(features, signal.dtype))
        return outputs if self.norm is None else self.norm(outputs, rngs)
