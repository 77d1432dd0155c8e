"""The most probable coordinates of a spectrum: a fit in the coordinates of a learned estimator, from any start.

Started from a network's answer, a few steps give the speed of the one with the estimator of the other. The answer of
the whole fit can be differentiated by the implicit function theorem; that of few steps is differentiated through them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from diffmrs.fitting.implicit import implicit_solution
from diffmrs.fitting.solver import LevenbergMarquardt, Solution, Status
from diffmrs.learn.decoder import Decoder, Prior
from diffmrs.model.fisher import covariance_bound

_NEAR = 0.01  # standard deviations from the mode that count as none


class Mode(NamedTuple):
    """The most probable coordinates, and the Gaussian around them (Laplace's approximation)."""

    z: Float[Array, "*batch size"]
    covariance: Float[Array, "*batch size size"]  # of the posterior
    chi2: Float[Array, "*batch"]  # squared misfit in units of the noise
    penalty: Float[Array, "*batch"]  # squared distance from the middle of the prior, in its units
    steps: Int[Array, "*batch"]
    status: Int[Array, "*batch"]  # a `diffmrs.fitting.Status`


class _Theta(NamedTuple):
    decoder: Decoder
    observed: Array
    noise_sd: Array
    prior: Prior | None


def find_mode(
    start: Float[Array, " size"],
    observed: Complex[Array, " window"],
    noise_sd: Float[Array, ""],
    decoder: Decoder,
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
    *,
    prior: Prior | None = None,
) -> Mode:
    """Fit the coordinates of one spectrum to the end.

    Args:
        start: where to begin; zeros are the middle of the population.
        observed: the data, from `Decoder.observed`.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model.
        optimiser: the solver.
        prior: of the coordinates; that of the population when absent.

    Returns:
        The mode; differentiable in data, noise, decoder (such as its stiffness) and prior, not in the start, which has
        no say in it.
    """

    def solve(theta: _Theta, start: Array) -> Solution:
        free = jnp.full_like(start, jnp.inf)
        fixed = jax.lax.stop_gradient(theta)
        return optimiser(
            lambda z: fixed.decoder.residual(z, fixed.observed, fixed.noise_sd, fixed.prior),
            lambda z: fixed.decoder.linearised(z, fixed.observed, fixed.noise_sd, fixed.prior),
            jax.lax.stop_gradient(start),
            -free,
            free,
        )

    def residual(z: Array, theta: _Theta) -> Array:
        return theta.decoder.residual(z, theta.observed, theta.noise_sd, theta.prior)

    theta = _Theta(decoder, observed, noise_sd, prior)
    nowhere = np.full(start.shape, np.inf)
    solution = implicit_solution(solve, residual, -nowhere, nowhere)(theta, start)
    return _mode(solution.x, theta, solution.steps, solution.status)


def gauss_newton(
    start: Float[Array, " size"],
    observed: Complex[Array, " window"],
    noise_sd: Float[Array, ""],
    decoder: Decoder,
    steps: int,
    *,
    prior: Prior | None = None,
) -> Mode:
    """A fixed number of Gauss-Newton steps, each halved until it helps, up to thrice; one that never does is not taken.

    Differentiable through the steps.

    Args:
        start: where to begin, such as a network's answer.
        observed: the data, from `Decoder.observed`.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model.
        steps: how many; 0 leaves the start as it is.
        prior: of the coordinates; that of the population when absent.

    Returns:
        Where the steps led; the status is `CONVERGED` within a hundredth of a standard deviation of the mode,
        `INVALID` where the data or the start are not finite, else `STEP_LIMIT`.
    """
    shares = jnp.asarray([1.0, 0.5, 0.25, 0.125], start.dtype)

    def cost(z: Array) -> Array:
        rest = decoder.residual(z, observed, noise_sd, prior)
        return rest @ rest

    def step(z: Array, _: None) -> tuple[Array, None]:
        rest, jacobian = decoder.linearised(z, observed, noise_sd, prior)
        move = -_solved(jacobian.T @ jacobian, jacobian.T @ rest)
        # Which share is best is a choice, not a function to be differentiated.
        here, there = jax.lax.stop_gradient((z, move))
        better = jax.lax.map(lambda share: cost(here + share * there), shares) <= rest @ rest  # False for NaN
        return jnp.where(jnp.any(better), z + shares[jnp.argmax(better)] * move, z), None

    z, _ = jax.lax.scan(step, start, None, length=steps)
    theta = _Theta(decoder, observed, noise_sd, prior)
    rest, jacobian = decoder.linearised(z, observed, noise_sd, prior)
    gradient = jacobian.T @ rest
    left = gradient @ _solved(jacobian.T @ jacobian, gradient)  # square of the distance in standard deviations
    ended = jnp.where(left < _NEAR**2, Status.CONVERGED, Status.STEP_LIMIT)
    status = jnp.where(jnp.isfinite(left), ended, Status.INVALID)
    return _mode(z, theta, jnp.asarray(steps), status)


def _solved(normal: Array, gradient: Array) -> Array:
    """The Newton step, in units where the matrix has a unit diagonal; a ridge keeps rounding from making it NaN."""
    scale = 1 / jnp.sqrt(jnp.diag(normal))  # at least the precision of the prior, which is positive
    size = normal.shape[0]
    ridge = 4 * size * float(jnp.finfo(normal.dtype).eps)
    scaled = normal * (scale[:, None] * scale[None, :]) + ridge * jnp.eye(size, dtype=normal.dtype)
    return scale * jax.scipy.linalg.solve(scaled, scale * gradient, assume_a="pos")


def _mode(z: Array, theta: _Theta, steps: Array, status: Array) -> Mode:
    rest, jacobian = theta.decoder.linearised(z, theta.observed, theta.noise_sd, theta.prior)
    misfit, pull = jnp.split(rest, [rest.shape[0] - z.shape[0]])
    covariance = covariance_bound(jacobian.T @ jacobian)
    return Mode(z, covariance, misfit @ misfit, pull @ pull, steps.astype(jnp.int32), status.astype(jnp.int32))
