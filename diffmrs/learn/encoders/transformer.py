"""A small transformer: attention between patches of a signal."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.mixer import Perceptron
from diffmrs.learn.encoders.parts import (
    PRECISIONS,
    check_choice,
    check_counts,
    check_rate,
    check_shape,
    drop,
    over_batch,
    precision_of,
)
from diffmrs.learn.encoders.patches import count_patches, tokens_of


@dataclass(frozen=True)
class Transformer1D:
    """Encoder blocks of a transformer (Vaswani et al. 2017) over patches (Dosovitskiy et al. 2021), pre-norm.

    Learned positions are added to the patches; each block adds attention between all patches, then a perceptron with
    GELU, both after a layer norm; a last norm, then the mean over patches. Numbers are our own.

    Attributes:
        patch: samples of a patch; what is left over at the end is not seen.
        width: channels of a patch; a multiple of `heads`.
        depth: blocks.
        heads: of the attention.
        hidden: width of the perceptrons.
        dropout: share of what each part adds that is set to zero in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    patch: int = 16
    width: int = 128
    depth: int = 4
    heads: int = 4
    hidden: int = 512
    dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "patch", "width", "depth", "heads", "hidden")
        check_rate(self, "dropout")
        check_choice(self, "precision", PRECISIONS)
        if self.width % self.heads:
            raise InputError(f"width of Transformer1D is {self.width}; it must be a multiple of its {self.heads} heads")

    def build(self, samples: int, channels: int, rngs: nnx.Rngs) -> "TransformerEncoder":
        """The network for an input of that shape.

        Raises:
            InputError: the signal is shorter than a patch.
        """
        check_shape(samples, channels)
        return TransformerEncoder(self, count_patches(samples, self.patch), channels, rngs)


class TransformerEncoder(nnx.Module):
    """What `Transformer1D` describes."""

    def __init__(self, spec: Transformer1D, n_patches: int, channels: int, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.n_features = spec.width
        types = precision_of(spec.precision)
        self.embed = nnx.Linear(spec.patch * channels, spec.width, rngs=rngs, **types)
        positions = 0.02 * jax.random.normal(rngs.params(), (n_patches, spec.width), types["param_dtype"])
        self.positions = nnx.Param(positions)
        self.blocks = nnx.List(TransformerBlock(spec, rngs) for _ in range(spec.depth))
        self.norm = nnx.LayerNorm(spec.width, rngs=rngs, **types)

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; `rngs` (stream `dropout`) turns dropout on."""

        def encode(signal: jax.Array) -> jax.Array:
            tokens = tokens_of(signal, self.spec.patch, self.embed)
            tokens = tokens + self.positions[...].astype(tokens.dtype)[None]
            for block in self.blocks:
                tokens = block(tokens, rngs=rngs)
            return jnp.mean(self.norm(tokens), axis=1)

        return over_batch(encode, signal)


class TransformerBlock(nnx.Module):
    """One block of a `Transformer1D`."""

    def __init__(self, spec: Transformer1D, rngs: nnx.Rngs) -> None:
        self.spec = spec
        types = precision_of(spec.precision)
        self.attention_norm = nnx.LayerNorm(spec.width, rngs=rngs, **types)
        # A bias of the keys would drop out of the softmax, and never be trained.
        self.queries = nnx.Linear(spec.width, spec.width, rngs=rngs, **types)
        self.keys = nnx.Linear(spec.width, spec.width, use_bias=False, rngs=rngs, **types)
        self.values = nnx.Linear(spec.width, spec.width, rngs=rngs, **types)
        self.joined = nnx.Linear(spec.width, spec.width, rngs=rngs, **types)
        self.perceptron_norm = nnx.LayerNorm(spec.width, rngs=rngs, **types)
        self.perceptron = Perceptron(spec.width, spec.hidden, spec.precision, rngs)

    def __call__(
        self, tokens: Float[Array, "batch patches width"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch patches width"]:
        """The tokens and what the block adds to them."""
        normed = self.attention_norm(tokens)
        heads = (*tokens.shape[:2], self.spec.heads, -1)
        parts = [layer(normed).reshape(heads) for layer in (self.queries, self.keys, self.values)]
        seen = self.joined(jax.nn.dot_product_attention(*parts).reshape(tokens.shape))
        tokens = tokens + drop(self.spec.dropout, seen, rngs)
        return tokens + drop(self.spec.dropout, self.perceptron(self.perceptron_norm(tokens)), rngs)
