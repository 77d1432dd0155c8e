r"""A Gaussian posterior cut off at bounds: its moments and marginals, by expectation propagation.

Amplitudes and widths are not negative, so the Gaussian of Laplace's approximation counts only inside its box. What is
cut off at one parameter moves all that are correlated with it. Each bound is replaced by the one-dimensional Gaussian
factor that gives its parameter the right mean and variance, all factors together until nothing changes (Minka 2001;
Cunningham, Hennig & Lacoste-Julien 2011, arXiv:1111.6832, for Gaussians in boxes; the algebra with covariances instead
of their inverses as Rasmussen & Williams 2006, section 3.6).

What is left when the factor of one parameter is taken away, $N(c_i, s_i^2)$, knows of all other bounds: cut off at its
own bound it is the marginal posterior of that parameter.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.model.fisher import inverse_of_lower

_SWEEPS = 8  # of all factors; the spectra tried needed three to seven for a thousandth of a standard deviation
_FAR = 300.0  # standard deviations below its bound that a parameter can be; more is lost in rounding


class Bounded(NamedTuple):
    """A Gaussian cut off at lower bounds."""

    centre: Float[Array, " n"]  # of the normal whose part above its bound is the marginal
    spread: Float[Array, " n"]  # its standard deviation
    mean: Float[Array, " n"]  # of what is left inside the bounds
    covariance: Float[Array, "n n"]  # the same


class _Factors(NamedTuple):
    precision: Array
    pull: Array


def cut_off(
    centre: Float[Array, " n"], covariance: Float[Array, "n n"], lower: Float[Array, " n"], bounded: np.ndarray
) -> Bounded:
    """Cut a Gaussian off.

    Args:
        centre: its mean.
        covariance: its covariance, positive definite.
        lower: lower bound of each parameter; read where `bounded` says so.
        bounded: indices of the parameters with a bound that may matter.

    Returns:
        Moments and marginals; those of the Gaussian itself where nothing is bounded. Accurate to a few hundredths of
        a standard deviation for posteriors of spectra.
    """
    if not bounded.size:
        return Bounded(centre, jnp.sqrt(jnp.diag(covariance)), centre, covariance)
    scale = jnp.sqrt(jnp.maximum(jnp.diag(covariance), 1e-30))
    shape = covariance / (scale[:, None] * scale[None, :])
    above = (centre - jnp.where(jnp.isfinite(lower), lower, 0.0)) / scale
    rows, start = shape[bounded], above[bounded]
    own = rows[:, bounded]

    def half(factors: _Factors, columns: Array) -> Array:
        """V with VᵀV the part of the covariance that the factors take away."""
        root = jnp.sqrt(factors.precision)
        inner = jnp.eye(root.size, dtype=root.dtype) + root[:, None] * own * root[None, :]
        return inverse_of_lower(jnp.linalg.cholesky(inner)) @ (root[:, None] * columns)

    def without_own(factors: _Factors) -> tuple[Array, Array]:
        """Mean and variance of each bounded parameter under all factors but its own."""
        taken = half(factors, own)
        left = own - taken.T @ taken
        variance = jnp.maximum(jnp.diag(left), 1e-12)
        mean = start + left @ (factors.pull - factors.precision * start)
        # Cutting only narrows: no precision falls below that of the uncut Gaussian, which is 1 here.
        rest = 1 / jnp.maximum(1 / variance - factors.precision, 1.0)
        return rest * (mean / variance - factors.pull), rest

    def sweep(factors: _Factors, _: None) -> tuple[_Factors, None]:
        mean, variance = without_own(factors)
        cut_mean, cut_variance = half_normal(mean, variance)
        precision = jnp.maximum(1 / cut_variance - 1 / variance, 0.0)
        return _Factors(precision, cut_mean / cut_variance - mean / variance), None

    factors, _ = jax.lax.scan(sweep, _Factors(0 * start, 0 * start), None, length=_SWEEPS)
    mean, variance = without_own(factors)
    taken = half(factors, rows)
    left = shape - taken.T @ taken
    moved = left[:, bounded] @ (factors.pull - factors.precision * start)
    full_mean = centre + scale * moved
    spread = jnp.sqrt(jnp.maximum(jnp.diag(left), 0.0)) * scale
    return Bounded(
        centre=full_mean.at[bounded].set(centre[bounded] + scale[bounded] * (mean - start)),
        spread=spread.at[bounded].set(jnp.sqrt(variance) * scale[bounded]),
        mean=full_mean,
        covariance=left * (scale[:, None] * scale[None, :]),
    )


def half_normal(
    mean: Float[Array, " n"], variance: Float[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Mean and variance of the part above zero of a normal (Johnson, Kotz & Balakrishnan 1994, section 13.10.1)."""
    sd = jnp.sqrt(variance)
    above = jnp.maximum(mean / sd, -_FAR)
    near = jnp.clip(above, -8.0, 8.0)
    hazard = jnp.exp(-0.5 * near**2 - jax.scipy.stats.norm.logcdf(near)) / math.sqrt(2 * math.pi)
    # Far below zero the part is nearly exponential, and differences of large numbers would lose it.
    far = above < -7
    inverse = 1 / jnp.minimum(above, -7.0)
    square = inverse**2
    far_mean = -inverse * (1 - 2 * square + 10 * square**2 - 74 * square**3)
    far_variance = square * (1 - 6 * square + 50 * square**2 - 518 * square**3)
    cut_mean = jnp.where(far, far_mean, above + hazard)
    cut_variance = jnp.where(far, far_variance, 1 - hazard * (near + hazard))
    return sd * cut_mean, variance * cut_variance
