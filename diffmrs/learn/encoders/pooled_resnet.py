"""The residual network of Rizzo et al. as they built it: batch norm and pooling, over one axis or two."""

import math
from dataclasses import dataclass

import jax
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.norm import BatchNorm
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
from diffmrs.learn.encoders.spatial import max_pool, pooled, same_conv


@dataclass(frozen=True)
class PooledResNet:
    """Bottleneck blocks with batch norm, a pool after each stage, and dense layers at the end (Rizzo et al. 2023).

    A stem of convolutions of 3 taps, each with batch norm, ReLU and a pool. Then stages: one block with a projection
    beside it, the others with their input added as it is; a block has layers of 1, 3 and 1 taps, the middle one narrow,
    each followed by batch norm, with ReLU between and after the sum (He et al. 2016, CVPR). A pool halves each axis
    after every stage. The result is flattened. Weights start as He et al. (2015) propose.

    `ResNet1D` is the same in pre-activation form with layer norms, which needs no statistics of a batch.

    Attributes:
        stem: channels of the first convolutions; may be empty.
        narrow: channels inside the blocks of each stage.
        wide: channels of the output of each stage.
        blocks: blocks of each stage.
        dense: widths of the layers at the end, with ReLU; may be empty.
        dropout: share of the values after each dense layer that is set to zero in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    stem: tuple[int, ...] = (8, 16)
    narrow: tuple[int, ...] = (32, 64, 128)
    wide: tuple[int, ...] = (128, 256, 512)
    blocks: int = 3
    dense: tuple[int, ...] = (400,)
    dropout: float = 0.3
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "narrow", "wide", "blocks")
        check_counts(self, "stem", "dense", may_be_empty=True)
        check_rate(self, "dropout")
        check_choice(self, "precision", PRECISIONS)
        if len(self.narrow) != len(self.wide):
            raise InputError(
                f"PooledResNet has {len(self.narrow)} narrow but {len(self.wide)} wide numbers; one of each"
            )

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "PooledResNetEncoder":
        """The network for an input of that shape, of one axis or two.

        Raises:
            InputError: the input is too small to be pooled so often.
        """
        check_shape(self, shape, axes=(1, 2))
        return PooledResNetEncoder(self, shape, rngs)


class PooledResNetEncoder(nnx.Module):
    """What `PooledResNet` describes."""

    def __init__(self, spec: PooledResNet, shape: Shape, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.axes = len(shape) - 1
        axes, found = shape[:-1], shape[-1]
        self.stem: nnx.List[NormedConv] = nnx.List()
        for width in spec.stem:
            self.stem.append(NormedConv(found, width, (3,) * self.axes, spec.precision, rngs))
            axes, found = pooled(axes, 2, spec), width
        self.stages: nnx.List[nnx.List[Bottleneck]] = nnx.List()
        for narrow, wide in zip(spec.narrow, spec.wide, strict=True):
            first = Bottleneck(found, narrow, wide, self.axes, spec.precision, rngs, projected=True)
            others = [Bottleneck(wide, narrow, wide, self.axes, spec.precision, rngs) for _ in range(spec.blocks - 1)]
            self.stages.append(nnx.List([first, *others]))
            axes, found = pooled(axes, 2, spec), wide
        found *= math.prod(axes)
        self.dense: nnx.List[nnx.Linear] = nnx.List()
        for width in spec.dense:
            layer = nnx.Linear(found, width, kernel_init=HE, rngs=rngs, **precision_of(spec.precision))
            self.dense.append(layer)
            found = width
        self.n_features = found

    def __call__(self, signal: Float[Array, "..."], *, rngs: nnx.Rngs | None = None) -> Float[Array, "*batch features"]:
        """Features of the signal [*batch, *axes, channels]; `rngs` (streams `dropout`, `batch`) as in training."""

        def encode(signal: jax.Array) -> jax.Array:
            for layer in self.stem:
                signal = max_pool(jax.nn.relu(layer(signal, rngs)), 2)
            for stage in self.stages:
                for block in stage:
                    signal = block(signal, rngs)
                signal = max_pool(signal, 2)
            signal = signal.reshape(signal.shape[0], -1)
            for dense in self.dense:
                signal = drop(self.spec.dropout, jax.nn.relu(dense(signal)), rngs)
            return signal

        return over_batch(encode, signal, self.axes)


class NormedConv(nnx.Module):
    """A convolution that keeps the size (unless it strides), then batch norm."""

    def __init__(self, found: int, wide: int, taps: Shape, precision: str, rngs: nnx.Rngs, stride: int = 1) -> None:
        # The norm has a bias of its own, which would undo one of the convolution.
        self.convolution = same_conv(
            found, wide, taps, stride=stride, use_bias=False, kernel_init=HE, rngs=rngs, **precision_of(precision)
        )
        self.norm = BatchNorm(wide, rngs)

    def __call__(self, signal: Float[Array, "batch *axes found"], rngs: nnx.Rngs | None) -> Float[Array, "..."]:
        """The signal, convolved and normalised."""
        return self.norm(self.convolution(signal), rngs)


class Bottleneck(nnx.Module):
    """One block of a `PooledResNet`."""

    def __init__(
        self, found: int, narrow: int, wide: int, axes: int, precision: str, rngs: nnx.Rngs, *, projected: bool = False
    ) -> None:
        one, three = (1,) * axes, (3,) * axes
        self.layers = nnx.List(
            NormedConv(*given, precision, rngs)
            for given in ((found, narrow, one), (narrow, narrow, three), (narrow, wide, one))
        )
        self.beside = nnx.data(NormedConv(found, wide, one, precision, rngs) if projected else None)

    def __call__(self, signal: Float[Array, "batch *axes found"], rngs: nnx.Rngs | None) -> Float[Array, "..."]:
        """The signal, or its projection, and what the block adds to it."""
        added = signal
        for number, layer in enumerate(self.layers):
            added = layer(jax.nn.relu(added) if number else added, rngs)
        return jax.nn.relu(added + (signal if self.beside is None else self.beside(signal, rngs)))
