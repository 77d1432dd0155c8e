"""A signal as a row of tokens: patches of samples, each mapped by the same linear layer."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.parts import Shape, over_batch, precision_of


class PatchEncoder(nnx.Module):
    """Patches, blocks that are given by those who inherit, a layer norm and the mean over the patches.

    What is left over at the end of a signal is not seen.

    Raises:
        InputError: the signal is shorter than a patch.
    """

    blocks: nnx.List

    def __init__(self, patch: int, width: int, precision: str, shape: Shape, rngs: nnx.Rngs) -> None:
        samples, channels = shape
        if samples < patch:
            raise InputError(f"{samples} samples hold no patch of {patch}")
        self.patch, self.n_patches, self.n_features = patch, samples // patch, width
        types = precision_of(precision)
        self.embed = nnx.Linear(patch * channels, width, rngs=rngs, **types)
        self.norm = nnx.LayerNorm(width, rngs=rngs, **types)

    def placed(self, tokens: Float[Array, "batch patches width"]) -> Float[Array, "batch patches width"]:
        """The tokens with what tells them apart; here as they are."""
        return tokens

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; `rngs` (stream `dropout`) turns dropout on."""

        def encode(signal: jax.Array) -> jax.Array:
            patches = signal[:, : self.n_patches * self.patch]
            tokens = self.placed(self.embed(patches.reshape(signal.shape[0], self.n_patches, -1)))
            for block in self.blocks:
                tokens = block(tokens, rngs=rngs)
            return jnp.mean(self.norm(tokens), axis=1)

        return over_batch(encode, signal)
