r"""What networks are trained on. Each loss is a pytree, a function of a network, a batch and a key.

Which of them gives calibrated uncertainty follows from what it minimises: `PosteriorLoss` is the mean of
$-\log q(z \mid x)$ over pairs of truth and data, least where q is the posterior (neural posterior estimation;
Papamakarios & Murray 2016); `SelfSupervised` needs no truth and minimises $\mathrm{KL}(q \,\|\, p)$ to the same
posterior with the likelihood of the known noise (Kingma & Welling 2014), which favours one mode and is narrower where q
cannot be exact.

Spectra that cannot be used (not finite, nothing but zeros, no noise) are left out of every mean.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.gaussian import gaussian_of
from diffmrs.learn.mode import gauss_newton
from diffmrs.learn.posterior import PosteriorNetwork
from diffmrs.learn.scene import Scene
from diffmrs.learn.view import Sees
from diffmrs.pytree import container

Metrics = dict[str, Array]


def dropout_of(key: Array | None) -> nnx.Rngs | None:
    """Randomness of dropout from a key, and word that batch norms are trained; none without one."""
    return None if key is None else nnx.Rngs(dropout=jax.random.fold_in(key, 1), batch=0)


def mean_of(values: Float[Array, " batch"], usable: Bool[Array, " batch"]) -> Float[Array, ""]:
    """The mean over the usable members of a batch; NaN without any."""
    count = jnp.sum(usable)
    total = jnp.sum(jnp.where(usable, values, 0)) / jnp.maximum(count, 1).astype(values.dtype)
    return jnp.where(count > 0, total, jnp.nan)


def amplitudes_of(batch: Example) -> Array:
    """True amplitudes, [batch, members].

    Raises:
        InputError: the examples are measured ones, without truth.
    """
    if batch.parameters is None:
        raise InputError("this loss needs true amplitudes, which these examples lack")
    return batch.parameters.amplitude


@container(static=("members", "spread"))
@dataclass(frozen=True)
class Supervised:
    """Squared error of amplitudes in units of their spread in the population: the usual supervised network.

    Attributes:
        scene: how FIDs are seen: a `Scene`, or a `View` without a signal model.
        mean: of each amplitude over the population; where FIDs have a scale of their own, of amplitude over scale.
            [members]
        sd: its standard deviation. [members]
        members: number of amplitudes.
        spread: whether the network also tells a variance of each (heteroscedastic), as log variances after the means.
    """

    scene: Sees
    mean: Any
    sd: Any
    members: int
    spread: bool = False

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, Metrics]:
        """The mean over a batch."""
        seen = jax.vmap(self.scene.see)(batch)
        outputs = network(seen.signal, rngs=dropout_of(key))
        wanted = self.members * (2 if self.spread else 1)
        if outputs.shape[1] != wanted:
            raise InputError(f"the network gives {outputs.shape[1]} numbers, but the loss needs {wanted}")
        truth = amplitudes_of(batch) / seen.scale[:, None]
        off = outputs[:, : self.members] - (truth - jnp.asarray(self.mean)[None]) / jnp.asarray(self.sd)[None]
        error = mean_of(jnp.mean(off**2, axis=1), seen.usable)
        if not self.spread:
            return error, {}
        log_variance = jnp.clip(outputs[:, self.members :], -16.0, 16.0)
        each = 0.5 * jnp.mean(log_variance + off**2 * jnp.exp(-log_variance), axis=1)
        return mean_of(each, seen.usable), {"squared_error": error}


@container()
@dataclass(frozen=True)
class PosteriorLoss:
    """Neural posterior estimation: how unlikely the amortised posterior finds the truth.

    Attributes:
        scene: how FIDs are seen.
    """

    scene: Scene

    def __call__(self, network: PosteriorNetwork, batch: Example, key: Array | None) -> tuple[Array, Metrics]:
        """The mean over a batch, per coordinate."""
        seen = jax.vmap(self.scene.see)(batch)
        if seen.z is None:
            raise InputError("neural posterior estimation needs true coordinates, which these examples lack")
        found = network.log_prob(seen.signal, seen.z, rngs=dropout_of(key))
        return -mean_of(found, seen.usable) / seen.z.shape[-1], {}


@container(static=("draws",))
@dataclass(frozen=True)
class SelfSupervised:
    """The evidence lower bound with the decoder's likelihood: no truth is needed, so measured spectra will do.

    Attributes:
        scene: how FIDs are seen and explained.
        draws: of the posterior, per spectrum and step.
        inflate: noise counts as this much larger, for data that the decoder explains only so well.
    """

    scene: Scene
    draws: int = 1
    inflate: Any = 1.0

    def __call__(self, network: PosteriorNetwork, batch: Example, key: Array | None) -> tuple[Array, Metrics]:
        """The mean over a batch, per coordinate: minus the bound, but for a constant."""
        seen = jax.vmap(self.scene.see)(batch)
        chance = jax.random.key(0) if key is None else key
        z, log_q = network.sample(seen.signal, chance, self.draws, rngs=dropout_of(key))
        inflate = jnp.asarray(self.inflate, z.dtype)

        def cost(z: Array, observed: Array, noise_sd: Array) -> Array:
            rest = self.scene.decoder.residual(z, observed, noise_sd * inflate)
            return 0.5 * rest @ rest

        each = jax.vmap(jax.vmap(cost, (0, 0, 0)), (0, None, None))(z, seen.observed, seen.noise_sd)
        bound = mean_of(jnp.mean(each + log_q, axis=0), seen.usable)
        return bound / z.shape[-1], {"cost": mean_of(jnp.mean(each, axis=0), seen.usable) / z.shape[-1]}


@container(static=("steps",))
@dataclass(frozen=True)
class ThroughSteps:
    """Squared error of the amplitudes after Gauss-Newton steps from the network's answer, differentiated through them.

    Attributes:
        scene: how FIDs are seen and explained.
        sd: standard deviation of each amplitude in the population. [members]
        steps: how many.
    """

    scene: Scene
    sd: Any
    steps: int = 1

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, Metrics]:
        """The mean over a batch."""
        seen = jax.vmap(self.scene.see)(batch)
        size = self.scene.decoder.latent.size
        start = network(seen.signal, rngs=dropout_of(key))[:, :size]

        def after(z: Array, observed: Array, noise_sd: Array) -> Array:
            found = gauss_newton(z, observed, noise_sd, self.scene.decoder, self.steps)
            return self.scene.decoder.latent.parameters(found.z).amplitude

        amplitude = jax.vmap(after)(start, seen.observed, seen.noise_sd)
        off = (amplitude - amplitudes_of(batch) / seen.scale[:, None]) / jnp.asarray(self.sd)[None]
        return mean_of(jnp.mean(off**2, axis=1), seen.usable), {}


def gaussian_mean(outputs: Float[Array, "batch outputs"], size: int) -> Float[Array, "batch size"]:
    """The mean of the Gaussian that outputs tell."""
    return gaussian_of(outputs, size).mean
