r"""How sure networks say they are when they are asked in the usual ways: dropout left on, ensembles, a variance head.

None of them is calibrated by itself: `diffmrs.scores` tells, and `diffmrs.scores.sd_factor` repairs what can be.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError

_MOST = 16.0  # modulus of a logarithm of a variance, as in training


def dropout_draws(
    network: Any, signal: Float[Array, "batch *axes channels"], key: Array, draws: int
) -> Float[Array, "draws batch outputs"]:
    """Outputs with dropout left on, each with other units dropped (Gal & Ghahramani 2016, ICML, section 4).

    Args:
        network: with dropout in its encoder; without any, all draws are alike.
        signal: from `Representation.feed`.
        key: `jax.random` key.
        draws: how many, at least 2.

    Raises:
        InputError: there are too few draws.
    """
    if draws < 2:
        raise InputError(f"draws is {draws}; a spread needs at least 2")

    def one(key: Array) -> Array:
        outputs: Array = network(signal, rngs=nnx.Rngs(dropout=key))
        return outputs

    return jax.lax.map(one, jax.random.split(key, draws))


def mean_and_variance(
    outputs: Float[Array, "*batch outputs"], mean: Float[Array, " members"], sd: Float[Array, " members"]
) -> tuple[Float[Array, "*batch members"], Float[Array, "*batch members"]]:
    """Amplitudes that a network trained on `Supervised` tells, and their variances.

    Args:
        outputs: one number per amplitude (its variance is then 0), or two with a variance head.
        mean: that of the loss.
        sd: that of the loss.

    Raises:
        InputError: there are neither as many outputs as amplitudes nor twice as many.
    """
    members = mean.shape[0]
    if outputs.shape[-1] not in (members, 2 * members):
        raise InputError(f"there are {outputs.shape[-1]} outputs for {members} amplitudes; it takes one or two each")
    size = jnp.broadcast_to(sd, outputs[..., :members].shape)
    amplitude = jnp.broadcast_to(mean, size.shape) + size * outputs[..., :members]
    if outputs.shape[-1] == members:
        return amplitude, jnp.zeros_like(amplitude)
    return amplitude, size**2 * jnp.exp(jnp.clip(outputs[..., members:], -_MOST, _MOST))


def mixture_moments(
    means: Float[Array, "parts *shape"], variances: Float[Array, "parts *shape"] | None = None
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    r"""Mean and variance of an even mixture: of the members of an ensemble, or of draws of dropout.

    $$\mu = \tfrac1M \sum_m \mu_m, \qquad \sigma^2 = \tfrac1M \sum_m (\sigma_m^2 + \mu_m^2) - \mu^2$$

    (Lakshminarayanan, Pritzel, Blundell 2017, NeurIPS, section 2.4.)

    Args:
        means: of the parts.
        variances: of the parts; 0 when absent, so that all variance is that between them.

    Raises:
        InputError: there are fewer than two parts.
    """
    if means.shape[0] < 2:
        raise InputError(f"there are {means.shape[0]} parts; a spread needs at least 2")
    mean = jnp.mean(means, axis=0)
    between = jnp.mean((means - mean[None]) ** 2, axis=0)
    return mean, between if variances is None else between + jnp.mean(variances, axis=0)
