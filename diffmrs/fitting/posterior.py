r"""How sure an answer is: the Gaussian that fits the posterior at its maximum (Laplace's approximation).

With the normal matrix $N = J^\top W J + P$ of data and soft constraints, the covariance is $N^{-1}$; without any
constraint it is the Cramér-Rao bound with every other parameter unknown, the baseline included
(Cavassila et al. 2001, NMR Biomed 14:278). Bounds cut that Gaussian off (`diffmrs.uncertainty.bounded`).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.fitting.problem import Pieces
from diffmrs.fitting.smooth import Smoother, coefficients, off_baseline, off_twice
from diffmrs.model.fisher import covariance_bound


class Posterior(NamedTuple):
    """Covariances in units of the noise, and what they cost in degrees of freedom."""

    covariance: Float[Array, "n n"]  # with all constraints
    without_ratios: Float[Array, "n n"]  # without those on ratios of amplitudes
    centre: Float[Array, " n"]  # where the gradient of each parameter alone points; below a bound where one holds it
    spread: Float[Array, " n"]  # its standard deviation, all other parameters unknown and free of their bounds
    baseline: Float[Array, " functions"]  # coefficients
    baseline_variance: Float[Array, " functions"]
    dimensions: Float[Array, ""]  # effective number of parameters, baseline included
    square: Float[Array, ""]  # sum of squared residuals of the spectrum


def posterior(
    x: Float[Array, " n"],
    value: Pieces,
    slope: Pieces,
    smoother: Smoother,
    noise: Float[Array, ""],
    spread: Float[Array, "candidates n"],
    sharpened: Float[Array, ""],
) -> Posterior:
    """The posterior around an answer.

    Args:
        x: the answer.
        value: residuals at x.
        slope: their derivative at x.
        smoother: of the baseline.
        noise: standard deviation of the noise in the unit of the residuals, 1 but for noiseless data.
        spread: SᵀS is the covariance that the choice of the baseline's stiffness adds.
        sharpened: factor on the constraints in `value` and `slope` that is not theirs: what a constraint alone
            determines is known to its standard deviation, whatever the misfit it was weighed against.
    """
    jacobian = off_baseline(slope.data, smoother)
    information = jacobian @ jacobian.T
    loose = information + slope.values @ slope.values.T / sharpened**2
    full = loose + slope.ratios @ slope.ratios.T / sharpened**2
    at_one = covariance_bound(full)
    without = covariance_bound(loose) if slope.ratios.shape[1] else at_one
    covariance = at_one + spread.T @ spread
    pull = slope.data @ off_twice(value.data, smoother) + slope.ratios @ value.ratios + slope.values @ value.values
    baseline = coefficients(-value.data, smoother)
    left = value.data + baseline @ smoother.functions
    reach = smoother.kept[:, None] * (smoother.functions @ slope.data.T)
    tied, alone = (jnp.sum((reach @ each) * reach, axis=1) for each in (covariance, at_one))
    # The trace of the matrix that makes the fit of the data: what the penalty lets through is not counted twice.
    dimensions = jnp.sum(at_one * information) + jnp.sum(smoother.kept - (1 / smoother.kept - 1) * alone)
    return Posterior(
        covariance=noise**2 * covariance,
        without_ratios=noise**2 * (without + spread.T @ spread),
        centre=x - jnp.diag(covariance) * pull,
        spread=noise * jnp.sqrt(jnp.maximum(jnp.diag(covariance), 0.0)),
        baseline=baseline,
        baseline_variance=noise**2 * (smoother.kept + tied),
        dimensions=dimensions,
        square=left @ left,
    )
