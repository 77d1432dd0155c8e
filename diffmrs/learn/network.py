"""A network: an encoder, and one linear layer from its features to the numbers that a head reads."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.learn.encoders.registry import Encoder


class Network(nnx.Module):
    """Encoder and output layer.

    Args:
        spec: of the encoder.
        samples: length of the input.
        channels: channels of the input.
        n_outputs: numbers that come out.
        rngs: for the initial weights.
        small: whether the first outputs are near zero whatever the input, as those of a posterior should be.
    """

    def __init__(
        self, spec: Encoder, samples: int, channels: int, n_outputs: int, rngs: nnx.Rngs, *, small: bool = False
    ):
        self.encoder = spec.build(samples, channels, rngs)
        start = nnx.initializers.variance_scaling(1e-4 if small else 1.0, "fan_in", "truncated_normal")
        self.output = nnx.Linear(self.encoder.n_features, n_outputs, kernel_init=start, rngs=rngs)

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch outputs"]:
        """Numbers for a head.

        Args:
            signal: from `network_input`.
            rngs: randomness of dropout; None for none.
        """
        features = self.encoder(signal, rngs=rngs)
        return self.output(jnp.asarray(features, signal.dtype))
