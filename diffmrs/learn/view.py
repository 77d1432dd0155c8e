"""What a supervised network sees of a spectrum when no signal model stands behind it."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from diffmrs.axes import Acquisition
from diffmrs.learn.examples import Example
from diffmrs.learn.inputs import Representation
from diffmrs.pytree import container


class Viewed(NamedTuple):
    """One spectrum for a network; a part of `diffmrs.learn.Seen`."""

    signal: Float[Array, "..."]  # [*axes, channels]
    scale: Float[Array, ""]  # 1: amplitudes are told in units of the basis
    usable: Bool[Array, ""]


@runtime_checkable
class Sees(Protocol):
    """Whatever turns an example into what a network is fed: a `Scene`, a `View`, a `StackView`."""

    def see(self, example: Example) -> Any:
        """One example, with at least the fields of `Viewed`."""


@container(static=("spec", "acquisition"))
@dataclass(frozen=True)
class View:
    """A representation of the FID.

    Attributes:
        spec: what the network is fed.
        acquisition: how FIDs are sampled.
    """

    spec: Representation
    acquisition: Acquisition

    def see(self, example: Example) -> Viewed:
        """One FID; or what was kept of it."""
        if example.fed is not None:
            return example.fed
        fed = self.spec.feed(example.fid, example.noise_sd, self.acquisition)
        usable = jnp.all(jnp.isfinite(example.fid)) & jnp.any(example.fid != 0)
        return Viewed(fed.signal, jnp.ones_like(fed.scale), usable)


@container(static=("graph",))
@dataclass(frozen=True)
class Frozen:
    """A trained network that is trained no further.

    Attributes:
        graph: from `flax.nnx.split`.
        state: its numbers.
        view: what it is fed.
    """

    graph: Any
    state: Any
    view: Sees

    def outputs(self, example: Example) -> tuple[Array, Array]:
        """Its outputs for one FID, and whether that was usable."""
        seen = self.view.see(example)
        outputs = nnx.merge(self.graph, self.state)(seen.signal[None])[0]
        return outputs, seen.usable


def frozen(network: nnx.Module, view: Sees) -> Frozen:
    """A network that is trained no further."""
    graph, state = nnx.split(network)
    return Frozen(graph, state, view)


@container()
@dataclass(frozen=True)
class StackView:
    """The outputs of frozen networks side by side, for a network that is to combine them (stacking).

    Rizzo et al. 2023 combine by a perceptron: `MLP((1000, 500), activation="relu")` and a linear layer.

    Attributes:
        members: the networks.
    """

    members: tuple[Frozen, ...]

    def see(self, example: Example) -> Viewed:
        """One FID; the signal is [1, outputs of all]."""
        outputs, usable = zip(*(member.outputs(example) for member in self.members), strict=True)
        signal = jax.lax.stop_gradient(jnp.concatenate(outputs))[None]
        return Viewed(signal, jnp.ones((), signal.dtype), usable[0])
