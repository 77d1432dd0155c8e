"""A residual network in one dimension, of bottleneck blocks."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.convolution import conv
from diffmrs.learn.encoders.parts import (
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
class ResNet1D:
    """Bottleneck blocks in the arrangement of Rizzo et al. (2023, Magn Reson Med 89:1707), in pre-activation form.

    A stem of convolutions (3 taps, stride 2), then stages of bottlenecks: layers of 1, 3 and 1 taps, the middle one
    narrow, added to their input. The first block of a stage halves the length (stride 2 in the middle and in the
    projection beside it), where the authors pool after the stage. Norm and ReLU come before each convolution (He et al.
    2016); the norm is a layer norm over the channels of a sample, not a batch norm, so that a spectrum is encoded alike
    in any company, in training and after. Mean over samples at the end, where the authors have a dense layer.
    Weights start as He et al. (2015) propose.

    Attributes:
        stem: channels of the first convolutions.
        narrow: channels inside the blocks of each stage.
        wide: channels of the output of each stage.
        blocks: blocks of each stage.
        dropout: share of the features that is set to zero in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    stem: tuple[int, ...] = (8, 16)
    narrow: tuple[int, ...] = (32, 64, 128)
    wide: tuple[int, ...] = (128, 256, 512)
    blocks: int = 3
    dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "stem", "narrow", "wide", "blocks")
        check_rate(self, "dropout")
        check_choice(self, "precision", PRECISIONS)
        if len(self.narrow) != len(self.wide):
            raise InputError(f"ResNet1D has {len(self.narrow)} narrow but {len(self.wide)} wide numbers; one of each")

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "ResNetEncoder":
        """The network for an input of that shape."""
        check_shape(self, shape)
        return ResNetEncoder(self, shape[1], rngs)


class ResNetEncoder(nnx.Module):
    """What `ResNet1D` describes."""

    def __init__(self, spec: ResNet1D, channels: int, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.n_features = spec.wide[-1]
        types = precision_of(spec.precision)
        before = (channels, *spec.stem)
        self.stem = nnx.List(
            conv(before[i], before[i + 1], 3, 2, padding=((1, 1),), kernel_init=HE, rngs=rngs, **types)
            for i in range(len(spec.stem))
        )
        self.blocks: nnx.List[Bottleneck] = nnx.List()
        found = spec.stem[-1]
        for narrow, wide in zip(spec.narrow, spec.wide, strict=True):
            for number in range(spec.blocks):
                self.blocks.append(Bottleneck(found, narrow, wide, 2 if number == 0 else 1, spec.precision, rngs))
                found = wide
        self.norm = nnx.LayerNorm(found, rngs=rngs, **types)

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; `rngs` (stream `dropout`) turns dropout on."""

        def encode(signal: jax.Array) -> jax.Array:
            for number, convolution in enumerate(self.stem):
                signal = convolution(jax.nn.relu(signal) if number else signal)
            for block in self.blocks:
                signal = block(signal)
            features = jnp.mean(jax.nn.relu(self.norm(signal)), axis=1)
            return drop(self.spec.dropout, features, rngs)

        return over_batch(encode, signal)


class Bottleneck(nnx.Module):
    """One block of a `ResNet1D`."""

    def __init__(self, found: int, narrow: int, wide: int, stride: int, precision: str, rngs: nnx.Rngs) -> None:
        types = precision_of(precision)
        self.stride = stride
        self.norms = nnx.List(nnx.LayerNorm(width, rngs=rngs, **types) for width in (found, narrow, narrow))
        self.first = nnx.Linear(found, narrow, kernel_init=HE, rngs=rngs, **types)
        self.middle = conv(narrow, narrow, 3, stride, padding=((1, 1),), kernel_init=HE, rngs=rngs, **types)
        self.last = nnx.Linear(narrow, wide, kernel_init=HE, rngs=rngs, **types)
        self.beside = nnx.data(
            None if stride == 1 and found == wide else nnx.Linear(found, wide, kernel_init=HE, rngs=rngs, **types)
        )

    def __call__(self, signal: Float[Array, "batch samples found"]) -> Float[Array, "batch samples_out wide"]:
        """The signal, or its projection, and what the block adds to it."""
        active = jax.nn.relu(self.norms[0](signal))
        added = jax.nn.relu(self.norms[1](self.first(active)))
        added = self.last(jax.nn.relu(self.norms[2](self.middle(added))))
        return added + (signal if self.beside is None else self.beside(active[:, :: self.stride]))
