"""The residual network of Lu et al. 2021 for one-dimensional spectra, with the maps of what it looks at."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError

_HE = nnx.initializers.he_normal()
CLASSES = 2


@dataclass(frozen=True)
class ResCNN:
    """Eight residual blocks of two convolutions, as Lu et al. 2021 publish them. Hashable.

    A convolution, then blocks of batch norm, ReLU and convolution, twice, with dropout before the second one, added to
    their input. Every other block, from the first on, halves the length (the published table lists stride 1 for the
    first block, but the lengths it lists are those of stride 2); beside it the input is max-pooled, and channels of
    zeros are added where a block has more. Mean over what is left, one linear layer, softmax. The order within a block
    is that of He et al. 2016; the paper does not tell it. Weights start as He et al. 2015 propose.

    Attributes:
        filters: of each block.
        taps: length of every convolution.
        dropout: share of the features that is set to zero in training.
        momentum: share of the running mean and variance of the batch norm that stays at each step.
    """

    filters: tuple[int, ...] = (16, 16, 32, 32, 64, 64, 128, 128)
    taps: int = 32
    dropout: float = 0.55
    momentum: float = 0.9

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", tuple(self.filters))
        if not self.filters or any(n < 1 for n in self.filters) or list(self.filters) != sorted(self.filters):
            raise InputError(f"filters of ResCNN are {self.filters!r}; they must be above zero and not fall")
        if self.taps < 2:
            raise InputError(f"taps of ResCNN is {self.taps}; it must be at least 2")
        if not (0 <= self.dropout < 1 and 0 <= self.momentum < 1):
            raise InputError(
                f"dropout of ResCNN is {self.dropout:g} and momentum {self.momentum:g}; from 0 to less than 1 both"
            )

    @property
    def halvings(self) -> int:
        """How often the length is halved."""
        return (len(self.filters) + 1) // 2

    def build(self, samples: int, rngs: nnx.Rngs) -> "ResCNNNetwork":
        """A network.

        Raises:
            InputError: the length cannot be halved so often.
        """
        step = 2**self.halvings
        if samples < step or samples % step:
            raise InputError(f"a ResCNN of {len(self.filters)} blocks needs a multiple of {step} points, not {samples}")
        return ResCNNNetwork(self, rngs)


REDUCED = ResCNN(filters=(4, 4, 8, 8, 16, 16, 32, 32), taps=8, dropout=0.2)  # for a CPU


class ResCNNNetwork(nnx.Module):
    """The network; made by `ResCNN.build`."""

    def __init__(self, spec: ResCNN, rngs: nnx.Rngs):
        self.halvings = spec.halvings
        self.stem = _conv(1, spec.filters[0], spec.taps, 1, rngs)
        before = (spec.filters[0], *spec.filters[:-1])
        self.blocks = nnx.List(
            [_Block(spec, b, f, 2 - k % 2, rngs) for k, (b, f) in enumerate(zip(before, spec.filters, strict=True))]
        )
        self.norm = nnx.BatchNorm(spec.filters[-1], momentum=spec.momentum, rngs=rngs)
        self.output = nnx.Linear(spec.filters[-1], CLASSES, rngs=rngs)

    def __call__(
        self, signal: Float[Array, "batch samples 1"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch 2"]:
        """Logits of the classes.

        Args:
            signal: from `PpmPoints`.
            rngs: randomness of dropout, in training; without it the batch norm uses its running averages.
        """
        return self.output(jnp.mean(self.features(signal, rngs=rngs), axis=1))

    def features(
        self, signal: Float[Array, "batch samples 1"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch places filters"]:
        """What the mean is taken of."""
        found = self.stem(signal)
        for block in self.blocks:
            found = block(found, rngs)
        return jax.nn.relu(self.norm(found, use_running_average=rngs is None))

    def activation(self, signal: Float[Array, "batch samples 1"]) -> Float[Array, "batch samples"]:
        r"""Class activation maps (Zhou et al. 2016): what each place adds to the logit of tumour over that of none.

        $M(x) = \sum_k (w_k^1 - w_k^0) f_k(x)$ at the places that are left, linearly in between. Its mean over the
        places and the difference of the biases are the difference of the logits.

        Args:
            signal: from `PpmPoints`.
        """
        kernel = self.output.kernel[...]
        coarse = self.features(signal) @ (kernel[:, 1] - kernel[:, 0])
        step = 2**self.halvings
        places = step * np.arange(coarse.shape[1]) + (step - 1) / 2  # middle of what each place came from
        samples = jnp.arange(signal.shape[1], dtype=coarse.dtype)
        at = jnp.asarray(places, coarse.dtype)
        return jax.vmap(lambda one: jnp.interp(samples, at, one))(coarse)


class _Block(nnx.Module):
    def __init__(self, spec: ResCNN, before: int, filters: int, stride: int, rngs: nnx.Rngs):
        self.stride, self.dropout = stride, spec.dropout
        self.more = filters - before
        self.norms = nnx.List([nnx.BatchNorm(n, momentum=spec.momentum, rngs=rngs) for n in (before, filters)])
        self.first = _conv(before, filters, spec.taps, stride, rngs)
        self.second = _conv(filters, filters, spec.taps, 1, rngs, late=True)

    def __call__(self, signal: Array, rngs: nnx.Rngs | None) -> Array:
        """The block's output; a network in training has `rngs`."""
        still = rngs is None
        found = self.first(jax.nn.relu(self.norms[0](signal, use_running_average=still)))
        found = jax.nn.relu(self.norms[1](found, use_running_average=still))
        found = nnx.Dropout(self.dropout)(found, deterministic=still, rngs=rngs)
        beside = nnx.max_pool(signal, (2,), strides=(2,)) if self.stride == 2 else signal
        return self.second(found) + jnp.pad(beside, ((0, 0), (0, 0), (0, self.more)))


def _conv(before: int, filters: int, taps: int, stride: int, rngs: nnx.Rngs, *, late: bool = False) -> nnx.Conv:
    """A convolution that keeps the middle in the middle: one of even length leans left, the next (`late`) right."""
    low = (taps - 1) // 2
    high = taps - 1 - low
    around = (low, high) if stride == 1 else (low, high - (taps + 1) % 2)
    return nnx.Conv(
        before, filters, (taps,), strides=(stride,), padding=(around[::-1] if late else around,), kernel_init=_HE,
        rngs=rngs,
    )  # fmt: skip
