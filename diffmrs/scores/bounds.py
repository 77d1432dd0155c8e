r"""What no estimator can beat, and what the best linear one would reach.

The Cramér-Rao bound holds for unbiased estimators. An estimator that knows the prior may have less variance than that,
paid for with bias: its errors over spectra drawn from the prior are bounded by the Bayesian bound (Van Trees 1968,
Detection, Estimation and Modulation Theory I, section 2.4; Gill & Levit 1995, Bernoulli 1:59)

$$\mathrm{E}[(e - \theta)(e - \theta)^T] \ge \left(\mathrm{E}[J(\theta)] + \Pi\right)^{-1}$$

with the Fisher information $J$ of *all* parameters, nuisances included, and the information $\Pi$ of the prior. That of
a Gaussian is its inverse variance; a uniform prior has none that is finite. With the Gaussian of equal variance in its
place (`uniform_precision`) the expression is what a linear model with that prior would reach, the **linear-Gaussian
ceiling**: a yardstick and not a bound, as estimators may use the edges of the uniform prior and the curvature of the
model.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.errors import InputError
from diffmrs.scores.arrays import masked_mean, pair

Signal = Callable[[Array], Array]


def informations(signal: Signal, draws: Any, noise_sd: Any) -> Array:
    r"""Fisher information of all parameters at each draw, $\mathrm{Re}(D^H D)/\sigma^2$ with the Jacobian $D$.

    Args:
        signal: from a vector of all real parameters to the data without noise, real or complex; noise must be white in
            it (multiply by the inverse SD of each point where it is not). Pure JAX.
        draws: parameters drawn from the prior. [draws, parameters]
        noise_sd: standard deviation of the noise of the real part of a point; a number, or one for each draw.

    Returns:
        [draws, parameters, parameters]

    Raises:
        InputError: the shapes do not fit.
    """
    vectors, noise = jnp.asarray(draws), jnp.asarray(noise_sd)
    if vectors.ndim != 2 or not vectors.size:
        raise InputError(f"draws have shape {vectors.shape}; they must be [draws, parameters]")
    if noise.shape not in ((), vectors.shape[:1]):
        raise InputError(f"noise_sd has shape {noise.shape}; it must be one number, or one for each of the draws")
    noise = jnp.broadcast_to(noise, vectors.shape[:1]).astype(vectors.dtype)
    return _informations(signal, vectors, noise)


def bayesian_bound(signal: Signal, draws: Any, noise_sd: Any, prior_precision: Any) -> np.ndarray:
    """Bayesian bound on the covariance of errors, by Jacobians of any signal function over draws from a prior.

    Args:
        signal: as in `informations`.
        draws: parameters drawn from the prior, nuisances included. [draws, parameters]
        noise_sd: as in `informations`.
        prior_precision: information of the prior: a matrix, or its diagonal, in the order of the parameters; 0 where
            nothing is known. [parameters] or [parameters, parameters]

    Returns:
        Covariance, float64; the bound on the SD of parameter i is the root of element [i, i]. [parameters, parameters]

    Raises:
        InputError: the shapes do not fit.
    """
    fisher = np.asarray(informations(signal, draws, noise_sd), np.float64)
    return _inverse(fisher.mean(axis=0) + _precision(prior_precision, fisher.shape[-1]))


def local_bound(signal: Signal, draws: Any, noise_sd: Any, prior_precision: Any) -> np.ndarray:
    """Mean over draws of the covariance of the linear-Gaussian posterior at each: never below `bayesian_bound`.

    Where information varies much within the prior (linewidths!) this is the better forecast of what a good estimator
    does, but it is no bound. With `prior_precision` of 0 it is the mean Cramér-Rao bound.

    Args:
        signal: as in `informations`.
        draws: parameters drawn from the prior, nuisances included. [draws, parameters]
        noise_sd: as in `informations`.
        prior_precision: as in `bayesian_bound`.

    Returns:
        Covariance, float64. [parameters, parameters]

    Raises:
        InputError: the shapes do not fit.
    """
    fisher = np.asarray(informations(signal, draws, noise_sd), np.float64)
    prior = _precision(prior_precision, fisher.shape[-1])
    return _inverse(fisher + prior[None]).mean(axis=0)


def uniform_precision(low: Any, high: Any) -> np.ndarray:
    """Inverse variance of uniform distributions, 12 / (high - low)²: see the module for what it is not."""
    width = np.asarray(high, np.float64) - np.asarray(low, np.float64)
    if not (width > 0).all():
        raise InputError("a range has no width; leave parameters that are fixed out of the vector")
    return 12.0 / width**2


def linear_ceiling(covariance: Any, prior_variance: Any) -> np.ndarray:
    """R² that errors with this covariance have over the prior, 1 - error variance / prior variance. [parameters]

    With the linear-Gaussian covariance, the ceiling; with a Cramér-Rao bound, the R² of an efficient unbiased
    estimator, which is negative where the data know less than the prior.
    """
    return 1 - np.diagonal(np.asarray(covariance, np.float64)) / np.asarray(prior_variance, np.float64)


def expected_slope(prior_variance: Any, crlb_sd: Any) -> np.ndarray:
    """Slope of estimate on truth of the best linear estimator: prior variance / (prior variance + CRLB²).

    The reliability ratio: how far estimates that know the prior are drawn to its mean. Exact where one parameter is
    unknown and the rest known, or the CRLB is taken with all nuisances and their priors.

    Args:
        prior_variance: of the parameter; any shape.
        crlb_sd: Cramér-Rao bound of its standard deviation, in the same units.
    """
    variance = np.asarray(prior_variance, np.float64)
    return variance / (variance + np.asarray(crlb_sd, np.float64) ** 2)


def sd_over_crlb(truth: Any, estimate: Any, crlb_sd: Any) -> np.ndarray:
    """SD of the errors over the root mean square Cramér-Rao bound. Below 1: biased (or the bound is wrong).

    Args:
        truth: finite. [spectra, metabolites]
        estimate: those that are not finite are left out. [spectra, metabolites]
        crlb_sd: bound of the SD of each, with all nuisances, at the truth. [spectra, metabolites]

    Returns:
        [metabolites]

    Raises:
        InputError: the shapes do not fit, or the truth is not finite.
    """
    true, other = pair(truth, estimate)
    _, bound = pair(truth, crlb_sd, "crlb_sd")
    good = np.isfinite(other) & np.isfinite(bound)
    error = np.where(good, other, true) - true
    variance = masked_mean((error - masked_mean(error, good)[None]) ** 2, good)
    count = good.sum(axis=0)
    variance *= count / np.maximum(count - 1, 1)
    return np.sqrt(variance / masked_mean(bound**2, good))


def _informations(signal: Signal, draws: Array, noise_sd: Array) -> Array:
    def one(entry: tuple[Array, Array]) -> Array:
        vector, sigma = entry

        def parts(parameters: Array) -> Array:
            data = signal(parameters)
            return jnp.concatenate([data.real, data.imag]) if jnp.iscomplexobj(data) else data

        derivative = jax.jacfwd(parts)(vector) / sigma
        return derivative.T @ derivative

    return jax.jit(lambda entries: jax.lax.map(one, entries))((draws, noise_sd))


def _precision(prior_precision: Any, count: int) -> np.ndarray:
    prior = np.asarray(prior_precision, np.float64)
    prior = np.diag(prior) if prior.ndim == 1 else prior
    if prior.shape != (count, count) or not np.isfinite(prior).all():
        raise InputError(
            f"prior_precision has shape {np.shape(prior_precision)}; it must hold {count} finite numbers "
            f"or a matrix of {count} by {count}"
        )
    return prior


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse by way of a unit diagonal, so that units do not matter; very large where nothing is known."""
    diagonal = np.diagonal(matrix, axis1=-2, axis2=-1)
    scale = 1 / np.sqrt(np.maximum(diagonal, 1e-300))
    both = scale[..., :, None] * scale[..., None, :]
    ridge = 1e-13 * np.eye(matrix.shape[-1])
    return np.linalg.inv(matrix * both + ridge) * both
