"""A small transformer: attention between patches of a signal."""

from dataclasses import dataclass

import jax
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.mixer import Perceptron
from diffmrs.learn.encoders.parts import (
    PRECISIONS,
    Shape,
    check_choice,
    check_counts,
    check_rate,
    check_shape,
    drop,
    precision_of,
)
from diffmrs.learn.encoders.patches import PatchEncoder


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

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "TransformerEncoder":
        """The network for an input of that shape.

        Raises:
            InputError: the signal is shorter than a patch.
        """
        check_shape(self, shape)
        return TransformerEncoder(self, shape, rngs)


class TransformerEncoder(PatchEncoder):
    """What `Transformer1D` describes."""

    def __init__(self, spec: Transformer1D, shape: Shape, rngs: nnx.Rngs) -> None:
        super().__init__(spec.patch, spec.width, spec.precision, shape, rngs)
        kept = precision_of(spec.precision)["param_dtype"]
        self.positions = nnx.Param(0.02 * jax.random.normal(rngs.params(), (self.n_patches, spec.width), kept))
        self.blocks = nnx.List(TransformerBlock(spec, rngs) for _ in range(spec.depth))

    def placed(self, tokens: Float[Array, "batch patches width"]) -> Float[Array, "batch patches width"]:
        """The tokens with their learned positions."""
        return tokens + self.positions[...].astype(tokens.dtype)[None]


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
