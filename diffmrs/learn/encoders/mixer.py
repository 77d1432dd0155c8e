"""MLP-Mixer in one dimension: perceptrons over the patches and over the channels in turn."""

from dataclasses import dataclass

import jax
from flax import nnx
from jaxtyping import Array, Float

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
class Mixer1D:
    """MLP-Mixer (Tolstikhin et al. 2021, NeurIPS) in one dimension, with the mean over patches at the end.

    The defaults are those that DQ was compared with (Shamaei et al. 2023). Each block adds a perceptron with GELU
    over the patches, then one over the channels, both after a layer norm; a last norm comes before the mean.

    Attributes:
        patch: samples of a patch; what is left over at the end is not seen.
        width: channels of a patch.
        depth: blocks.
        token_width: hidden width of the perceptrons over patches.
        channel_width: hidden width of the perceptrons over channels.
        dropout: share of what each perceptron adds that is set to zero in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    patch: int = 16
    width: int = 512
    depth: int = 8
    token_width: int = 256
    channel_width: int = 2048
    dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "patch", "width", "depth", "token_width", "channel_width")
        check_rate(self, "dropout")
        check_choice(self, "precision", PRECISIONS)

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "MixerEncoder":
        """The network for an input of that shape.

        Raises:
            InputError: the signal is shorter than a patch.
        """
        check_shape(self, shape)
        return MixerEncoder(self, shape, rngs)


class MixerEncoder(PatchEncoder):
    """What `Mixer1D` describes."""

    def __init__(self, spec: Mixer1D, shape: Shape, rngs: nnx.Rngs) -> None:
        super().__init__(spec.patch, spec.width, spec.precision, shape, rngs)
        self.blocks = nnx.List(MixerBlock(spec, self.n_patches, rngs) for _ in range(spec.depth))


class MixerBlock(nnx.Module):
    """One block of a `Mixer1D`."""

    def __init__(self, spec: Mixer1D, n_patches: int, rngs: nnx.Rngs) -> None:
        self.dropout = spec.dropout
        types = precision_of(spec.precision)
        self.token_norm = nnx.LayerNorm(spec.width, rngs=rngs, **types)
        self.over_tokens = Perceptron(n_patches, spec.token_width, spec.precision, rngs)
        self.channel_norm = nnx.LayerNorm(spec.width, rngs=rngs, **types)
        self.over_channels = Perceptron(spec.width, spec.channel_width, spec.precision, rngs)

    def __call__(
        self, tokens: Float[Array, "batch patches width"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch patches width"]:
        """The tokens and what the block adds to them."""
        mixed = self.over_tokens(self.token_norm(tokens).swapaxes(1, 2)).swapaxes(1, 2)
        tokens = tokens + drop(self.dropout, mixed, rngs)
        return tokens + drop(self.dropout, self.over_channels(self.channel_norm(tokens)), rngs)


class Perceptron(nnx.Module):
    """Two linear layers along the last axis with GELU between, back to the width they began with."""

    def __init__(self, width: int, hidden: int, precision: str, rngs: nnx.Rngs) -> None:
        types = precision_of(precision)
        self.widen = nnx.Linear(width, hidden, rngs=rngs, **types)
        self.narrow = nnx.Linear(hidden, width, rngs=rngs, **types)

    def __call__(self, values: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        """What the two layers make of the values."""
        return self.narrow(jax.nn.gelu(self.widen(values)))
