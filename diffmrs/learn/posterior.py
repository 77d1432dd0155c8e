"""Amortised posteriors: a network that tells, in one pass, how probable every set of parameters is given a spectrum."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.learn.encoders.parts import Shape
from diffmrs.learn.encoders.registry import Encoder
from diffmrs.learn.flow import SplineFlow
from diffmrs.learn.gaussian import Gaussian, gaussian_of, gaussian_outputs

_SMALL = nnx.initializers.variance_scaling(1e-4, "fan_in", "truncated_normal")


class PosteriorNetwork(nnx.Module):
    """An encoder, a Gaussian with full covariance, and if wanted a spline flow that bends it.

    Before training it tells about the prior.

    Args:
        spec: of the encoder.
        shape: of the input: its axes, then its channels.
        size: number of coordinates.
        rngs: for the initial weights.
        flow_layers: coupling layers of the flow; 0 for a Gaussian.
    """

    def __init__(self, spec: Encoder, shape: Shape, size: int, rngs: nnx.Rngs, *, flow_layers: int = 0):
        self.size = size
        self.encoder = spec.build(shape, rngs)
        features = self.encoder.n_features
        self.output = nnx.Linear(features, gaussian_outputs(size), kernel_init=_SMALL, rngs=rngs)
        self.flow = SplineFlow(size, features, rngs, layers=flow_layers) if flow_layers else None

    def read(
        self, signal: Float[Array, "batch *axes channels"], *, rngs: nnx.Rngs | None = None
    ) -> tuple[Gaussian, Float[Array, "batch features"]]:
        """The Gaussian, and the features that steer the flow."""
        features = jnp.asarray(self.encoder(signal, rngs=rngs), signal.dtype)
        return gaussian_of(self.output(features), self.size), features

    def __call__(
        self, signal: Float[Array, "batch *axes channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch size"]:
        """The middle of the posterior: the mean of the Gaussian, moved as the flow moves it."""
        gaussian, features = self.read(signal, rngs=rngs)
        if self.flow is None:
            return gaussian.mean
        return gaussian.coloured(self.flow.from_base(jnp.zeros_like(gaussian.mean), features))

    def log_prob(
        self,
        signal: Float[Array, "batch *axes channels"],
        z: Float[Array, "batch size"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, " batch"]:
        """Logarithm of the posterior density of coordinates."""
        gaussian, features = self.read(signal, rngs=rngs)
        return self._log_prob(gaussian, features, z)

    def sample(
        self,
        signal: Float[Array, "batch *axes channels"],
        key: Array,
        draws: int,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> tuple[Float[Array, "draws batch size"], Float[Array, "draws batch"]]:
        """Draws of the posterior and the logarithm of their density; differentiable in the network's parameters."""
        gaussian, features = self.read(signal, rngs=rngs)
        base = jax.random.normal(key, (draws, *gaussian.mean.shape), gaussian.mean.dtype)

        def one(base: Array) -> tuple[Array, Array]:
            white = base if self.flow is None else self.flow.from_base(base, features)
            z = gaussian.coloured(white)
            return z, self._log_prob(gaussian, features, z)

        return jax.vmap(one)(base)

    def _log_prob(self, gaussian: Gaussian, features: Array, z: Array) -> Array:
        if self.flow is None:
            return gaussian.log_prob(z)
        base, slope = self.flow.to_base(gaussian.whitened(z), features)
        density = -0.5 * jnp.sum(base**2, axis=-1) - 0.5 * self.size * math.log(2 * math.pi)
        return density + slope + gaussian.log_scale
