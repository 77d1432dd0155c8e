r"""Samples of a density inside a box, by the No-U-Turn sampler (Hoffman & Gelman 2014, JMLR 15:1593) of BlackJAX.

The sampler moves freely in $u$, and the box holds what it draws:
$x = l + s\,\mathrm{softplus}\frac{u-l}{s} - s\,\mathrm{softplus}\frac{u-h}{s}$ with bounds $l < h$ and a scale $s$
of one standard deviation. Well inside the box $x$ is $u$, so that the covariance known from the fit is the right
metric, and a density that is flat at a bound falls off exponentially beyond it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from diffmrs.errors import InputError

try:
    import blackjax
except ImportError:
    blackjax = None


class Chains(NamedTuple):
    """Samples, and how the sampler fared."""

    x: Float[Array, "chains samples n"]
    divergences: Int[Array, ""]  # transitions on which the sampler lost its way; should be 0
    acceptance: Float[Array, ""]  # mean acceptance rate
    r_hat: Float[Array, " n"]  # potential scale reduction; 1 when all chains agree
    effective_samples: Float[Array, " n"]  # independent samples that would know as much about the mean


class Box(NamedTuple):
    """Bounds, infinite where there are none, and the scale on which the edge is smooth."""

    lower: Float[Array, " n"]
    upper: Float[Array, " n"]
    scale: Float[Array, " n"]

    def inside(self, free: Float[Array, " n"]) -> Float[Array, " n"]:
        """From the space without bounds into the box."""
        low, high = self._distances(free)
        from_low = jnp.where(self._has(self.lower), self._at(self.lower) + self.scale * jax.nn.softplus(low), free)
        return from_low - jnp.where(self._has(self.upper), self.scale * jax.nn.softplus(high), 0.0)

    def log_volume(self, free: Float[Array, " n"]) -> Float[Array, ""]:
        """Logarithm of the derivative of `inside`, summed."""
        low, high = self._distances(free)
        from_low = jnp.where(self._has(self.lower), jax.nn.log_sigmoid(low), 0.0)
        from_high = jnp.where(self._has(self.upper), jax.nn.log_sigmoid(-high), 0.0)
        both = self._has(self.lower) & self._has(self.upper)
        width = jnp.where(both, (self._at(self.upper) - self._at(self.lower)) / self.scale, 1.0)
        return jnp.sum(from_low + from_high + jnp.where(both, jnp.log(-jnp.expm1(-width)), 0.0))

    def outside(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """From the box into the space without bounds; the other bound is taken to be far."""
        up = jnp.where(self._has(self.lower), (x - self._at(self.lower)) / self.scale, 1.0)
        down = jnp.where(self._has(self.upper), (self._at(self.upper) - x) / self.scale, 1.0)
        from_low = jnp.where(self._has(self.lower), self.scale * _log_expm1(up) - self.scale * up, 0.0)
        from_high = jnp.where(self._has(self.upper), self.scale * _log_expm1(down) - self.scale * down, 0.0)
        return x + from_low - from_high

    def _distances(self, free: Array) -> tuple[Array, Array]:
        return (free - self._at(self.lower)) / self.scale, (free - self._at(self.upper)) / self.scale

    @staticmethod
    def _has(bound: Array) -> Array:
        return jnp.isfinite(bound)

    @staticmethod
    def _at(bound: Array) -> Array:
        return jnp.where(jnp.isfinite(bound), bound, 0.0)


def sampler() -> Any:
    """The sampling library.

    Raises:
        InputError: it is not installed.
    """
    if blackjax is None:
        raise InputError("sampling needs the package blackjax: pip install 'diffmrs[sampling]'")
    return blackjax


def nuts(
    log_density: Callable[[Float[Array, " n"]], Float[Array, ""]],
    mean: Float[Array, " n"],
    covariance: Float[Array, "n n"],
    box: Box,
    key: PRNGKeyArray,
    *,
    n_samples: int,
    n_chains: int,
    n_warmup: int,
) -> Chains:
    """Sample a density inside a box.

    Args:
        log_density: of x inside the box, up to a constant.
        mean: about where the density is; strictly inside the box.
        covariance: about how wide it is: the metric of the sampler.
        box: where x may lie.
        key: `jax.random` key.
        n_samples: samples kept of each chain.
        n_chains: chains, started at different places.
        n_warmup: transitions of each chain that adapt the step length and are thrown away.

    Returns:
        The samples. A pure function for `jit`.
    """
    library = sampler()
    centre = box.outside(mean)
    sd = jnp.sqrt(jnp.diag(covariance))
    n = mean.size
    shape = covariance / (sd[:, None] * sd[None, :]) + 1e-4 * jnp.eye(n, dtype=mean.dtype)
    factor = sd[:, None] * jnp.linalg.cholesky(shape)

    def free(z: Array) -> Array:
        return centre + factor @ z

    def whitened(z: Array) -> Array:
        u = free(z)
        return log_density(box.inside(u)) + box.log_volume(u)

    def chain(key: PRNGKeyArray) -> tuple[Array, Array, Array]:
        begin, adapt, run = jax.random.split(key, 3)
        start = jax.random.normal(begin, mean.shape, mean.dtype)
        warmup = library.window_adaptation(library.nuts, whitened, initial_step_size=0.3)
        (state, tuned), _ = warmup.run(adapt, start, n_warmup)
        step = library.nuts(whitened, **tuned).step

        def advance(state: Any, key: Any) -> tuple[Any, tuple[Array, Array, Array]]:
            state, told = step(key, state)
            return state, (box.inside(free(state.position)), told.is_divergent, told.acceptance_rate)

        return jax.lax.scan(advance, state, jax.random.split(run, n_samples))[1]

    # Mapped, not batched: side by side each chain would wait for the longest trajectory of all.
    x, divergent, acceptance = jax.lax.map(chain, jax.random.split(key, n_chains))
    return Chains(
        x=x,
        divergences=divergent.sum(),
        acceptance=acceptance.mean(),
        r_hat=library.diagnostics.potential_scale_reduction(x),
        effective_samples=library.diagnostics.effective_sample_size(x),
    )


def _log_expm1(positive: Array) -> Array:
    """log(exp(v) - 1) without overflow."""
    small = jnp.maximum(positive, 1e-6)
    return small + jnp.log(-jnp.expm1(-small))
