"""An Inception network: convolutions of several lengths side by side, over one axis or two."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.parts import (
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
from diffmrs.learn.encoders.pooled_resnet import NormedConv
from diffmrs.learn.encoders.spatial import max_pool, neighbours_mean, pooled, same_conv


@dataclass(frozen=True)
class InceptionNet:
    """Modules of parallel convolutions of several lengths (Szegedy et al. 2015, CVPR), as Rizzo et al. 2023 used them.

    In a module every kernel is a branch; those longer than one follow a layer of one tap. A further branch is a layer
    of one tap on the mean of neighbours. All branches end in batch norm and ReLU and are put side by side. A max-pool
    of 2 follows each module, or, with `reduction`, a reduction block: a convolution of 3 taps and stride 2 beside the
    pool. The result is flattened. How many filters a branch has is ours where the paper gives one number per module.

    Attributes:
        filters: of each branch, module by module.
        kernels: taps of the branches in every axis.
        factorised: over two axes, a convolution along one after one along the other in the place of each square one.
        reduction: whether reduction blocks halve the axes.
        dense: widths of the layers at the end, with ReLU; may be empty.
        dropout: share of the values that is set to zero in front of the dense layers and after each, in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    filters: tuple[int, ...] = (25, 50, 75)
    kernels: tuple[int, ...] = (9, 7, 5, 3, 1)
    factorised: bool = False
    reduction: bool = False
    dense: tuple[int, ...] = ()
    dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "filters", "kernels")
        check_counts(self, "dense", may_be_empty=True)
        check_rate(self, "dropout")
        check_choice(self, "precision", PRECISIONS)

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "InceptionEncoder":
        """The network for an input of that shape, of one axis or two.

        Raises:
            InputError: the input is too small to be pooled so often, or has one axis and is to be factorised.
        """
        check_shape(self, shape, axes=(1, 2))
        if self.factorised and len(shape) == 2:
            raise InputError("a factorised InceptionNet takes inputs of two axes; this one has one")
        return InceptionEncoder(self, shape, rngs)


class InceptionEncoder(nnx.Module):
    """What `InceptionNet` describes."""

    def __init__(self, spec: InceptionNet, shape: Shape, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.axes = len(shape) - 1
        axes, found = shape[:-1], shape[-1]
        self.modules_: nnx.List[Module] = nnx.List()
        self.reductions: nnx.List[NormedConv] = nnx.List()
        for filters in spec.filters:
            self.modules_.append(Module(found, filters, self.axes, spec, rngs))
            found = filters * (len(spec.kernels) + 1)
            if spec.reduction:
                self.reductions.append(NormedConv(found, filters, (3,) * self.axes, spec.precision, rngs, stride=2))
                found += filters
            axes = pooled(axes, 2, spec)
        found *= math.prod(axes)
        self.dense: nnx.List[nnx.Linear] = nnx.List()
        for width in spec.dense:
            self.dense.append(nnx.Linear(found, width, rngs=rngs, **precision_of(spec.precision)))
            found = width
        self.n_features = found

    def __call__(self, signal: Float[Array, "..."], *, rngs: nnx.Rngs | None = None) -> Float[Array, "*batch features"]:
        """Features of the signal [*batch, *axes, channels]; `rngs` (streams `dropout`, `batch`) as in training."""

        def encode(signal: jax.Array) -> jax.Array:
            for number, module in enumerate(self.modules_):
                signal = module(signal, rngs)
                halved = max_pool(signal, 2)
                if self.spec.reduction:
                    even = signal[(slice(None), *(slice(axis // 2 * 2) for axis in signal.shape[1:-1]))]
                    halved = jnp.concatenate([halved, jax.nn.relu(self.reductions[number](even, rngs))], axis=-1)
                signal = halved
            signal = drop(self.spec.dropout, signal.reshape(signal.shape[0], -1), rngs)
            for dense in self.dense:
                signal = drop(self.spec.dropout, jax.nn.relu(dense(signal)), rngs)
            return signal

        return over_batch(encode, signal, self.axes)


class Module(nnx.Module):
    """One module of an `InceptionNet`."""

    def __init__(self, found: int, filters: int, axes: int, spec: InceptionNet, rngs: nnx.Rngs) -> None:
        one, types = (1,) * axes, precision_of(spec.precision)
        self.branches: nnx.List[nnx.List[NormedConv]] = nnx.List()
        self.reducers: nnx.List[nnx.Conv] = nnx.List()
        self.reduced = tuple(taps > 1 for taps in spec.kernels)
        for taps in spec.kernels:
            shapes = [(taps, 1), (1, taps)] if spec.factorised and taps > 1 else [(taps,) * axes]
            if taps > 1:
                self.reducers.append(same_conv(found, filters, one, rngs=rngs, **types))
            before = filters if taps > 1 else found
            layers = []
            for shape in shapes:
                layers.append(NormedConv(before, filters, shape, spec.precision, rngs))
                before = filters
            self.branches.append(nnx.List(layers))
        self.of_mean = NormedConv(found, filters, one, spec.precision, rngs)

    def __call__(self, signal: Float[Array, "batch *axes found"], rngs: nnx.Rngs | None) -> Float[Array, "..."]:
        """The branches side by side."""
        reducers = iter(self.reducers)
        parts = [jax.nn.relu(self.of_mean(neighbours_mean(signal), rngs))]
        for layers, reduced in zip(self.branches, self.reduced, strict=True):
            part = jax.nn.relu(next(reducers)(signal)) if reduced else signal
            for layer in layers:
                part = jax.nn.relu(layer(part, rngs))
            parts.append(part)
        return jnp.concatenate(parts, axis=-1)
