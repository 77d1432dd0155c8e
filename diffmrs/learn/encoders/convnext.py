"""ConvNeXt in one dimension: depthwise convolutions and perceptrons of each sample, in stages of falling length."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.convolution import conv
from diffmrs.learn.encoders.parts import (
    PRECISIONS,
    Shape,
    check_choice,
    check_counts,
    check_shape,
    over_batch,
    precision_of,
)

_START = nnx.initializers.truncated_normal(0.02)
_LAYER_SCALE = 1e-6


@dataclass(frozen=True)
class ConvNeXt1D:
    """ConvNeXt (Liu et al. 2022, CVPR) in one dimension, with the mean over samples at the end.

    The defaults are the tiny one that DQ was compared with (Shamaei et al. 2023): in front of each stage a convolution
    over patches, with layer norm after the first and before the others; blocks of a depthwise convolution, layer norm
    and two pointwise layers with GELU between, added to their input times a trained scale that starts at 1e-6.
    Weights start as a truncated normal of SD 0.02, biases at zero; no norm after the mean.

    Attributes:
        depths: blocks of each stage.
        widths: channels of each stage.
        patch: samples that become one in front of each stage; what is left over at the end is not seen.
        kernel: taps of the depthwise convolutions; an odd number.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    depths: tuple[int, ...] = (3, 3, 9, 3)
    widths: tuple[int, ...] = (96, 192, 384, 768)
    patch: int = 4
    kernel: int = 7
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "depths", "widths", "patch", "kernel")
        check_choice(self, "precision", PRECISIONS)
        if len(self.depths) != len(self.widths):
            raise InputError(f"ConvNeXt1D has {len(self.depths)} depths but {len(self.widths)} widths; one for each")
        if self.kernel % 2 == 0:
            raise InputError(f"kernel of ConvNeXt1D is {self.kernel}; it must be odd")

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "ConvNeXtEncoder":
        """The network for an input of that shape.

        Raises:
            InputError: the signal is shorter than one patch of patches.
        """
        check_shape(self, shape)
        samples, channels = shape
        if samples < self.patch ** len(self.widths):
            raise InputError(
                f"{samples} samples are too few for a ConvNeXt1D of {len(self.widths)} stages, patches of {self.patch}"
            )
        return ConvNeXtEncoder(self, channels, rngs)


class ConvNeXtEncoder(nnx.Module):
    """What `ConvNeXt1D` describes."""

    def __init__(self, spec: ConvNeXt1D, channels: int, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.n_features = spec.widths[-1]
        types = precision_of(spec.precision)
        before = (channels, *spec.widths[:-1])
        self.patches = nnx.List(
            conv(narrow, wide, spec.patch, spec.patch, kernel_init=_START, rngs=rngs, **types)
            for narrow, wide in zip(before, spec.widths, strict=True)
        )
        self.norms = nnx.List(nnx.LayerNorm(width, rngs=rngs, **types) for width in (spec.widths[0], *spec.widths[:-1]))
        self.stages = nnx.List(
            nnx.List(Block(width, spec, rngs) for _ in range(depth))
            for width, depth in zip(spec.widths, spec.depths, strict=True)
        )

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; there is no dropout in it."""

        def encode(signal: jax.Array) -> jax.Array:
            for number, (patches, norm, blocks) in enumerate(zip(self.patches, self.norms, self.stages, strict=True)):
                signal = norm(patches(signal)) if number == 0 else patches(norm(signal))
                for block in blocks:
                    signal = block(signal)
            return jnp.mean(signal, axis=1)

        return over_batch(encode, signal)


class Block(nnx.Module):
    """One block of a `ConvNeXt1D`."""

    def __init__(self, width: int, spec: ConvNeXt1D, rngs: nnx.Rngs) -> None:
        types = precision_of(spec.precision)
        half = spec.kernel // 2
        self.depthwise = conv(
            width,
            width,
            spec.kernel,
            padding=((half, half),),
            feature_group_count=width,
            kernel_init=_START,
            rngs=rngs,
            **types,
        )
        self.norm = nnx.LayerNorm(width, rngs=rngs, **types)
        self.widen = nnx.Linear(width, 4 * width, kernel_init=_START, rngs=rngs, **types)
        self.narrow = nnx.Linear(4 * width, width, kernel_init=_START, rngs=rngs, **types)
        self.scale = nnx.Param(jnp.full(width, _LAYER_SCALE, types["param_dtype"]))

    def __call__(self, signal: Float[Array, "batch samples width"]) -> Float[Array, "batch samples width"]:
        """The signal and what the block adds to it."""
        added = self.narrow(jax.nn.gelu(self.widen(self.norm(self.depthwise(signal)))))
        return signal + added * self.scale[...].astype(added.dtype)[None, None]
