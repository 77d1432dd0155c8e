"""The most probable coordinates of a spectrum: a fit in the coordinates of a learned estimator, from any start.

Started from a network's answer, a few steps give the speed of the one with the estimator of the other. The answer of
the whole fit can be differentiated by the implicit function theorem; that of few steps is differentiated through them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Int

from diffmrs.fitting.implicit import implicit_solution
from diffmrs.fitting.solver import LevenbergMarquardt, Solution
from diffmrs.learn.decoder import Decoder
from diffmrs.model.fisher import covariance_bound


class Mode(NamedTuple):
    """The most probable coordinates, and the Gaussian around them (Laplace's approximation)."""

    z: Float[Array, "*batch size"]
    covariance: Float[Array, "*batch size size"]  # of the posterior
    chi2: Float[Array, "*batch"]  # squared misfit in units of the noise
    penalty: Float[Array, "*batch"]  # squared coordinates: distance from the middle of the population
    steps: Int[Array, "*batch"]
    status: Int[Array, "*batch"]  # a `diffmrs.fitting.Status`


class _Theta(NamedTuple):
    decoder: Decoder
    observed: Array
    noise_sd: Array


def find_mode(
    start: Float[Array, " size"],
    observed: Complex[Array, " window"],
    noise_sd: Float[Array, ""],
    decoder: Decoder,
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Mode:
    """Fit the coordinates of one spectrum to the end.

    Args:
        start: where to begin; zeros are the middle of the population.
        observed: the data, from `Decoder.observed`.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model.
        optimiser: the solver.

    Returns:
        The mode; differentiable in data, noise and decoder, not in the start, which has no say in it.
    """

    def solve(theta: _Theta, start: Array) -> Solution:
        free = jnp.full_like(start, jnp.inf)
        fixed = jax.lax.stop_gradient(theta)
        return optimiser(
            lambda z: fixed.decoder.residual(z, fixed.observed, fixed.noise_sd),
            lambda z: fixed.decoder.linearised(z, fixed.observed, fixed.noise_sd),
            jax.lax.stop_gradient(start),
            -free,
            free,
        )

    def residual(z: Array, theta: _Theta) -> Array:
        return theta.decoder.residual(z, theta.observed, theta.noise_sd)

    theta = _Theta(decoder, observed, noise_sd)
    solution = implicit_solution(solve, residual, -jnp.inf, jnp.inf)(theta, start)
    return _mode(solution.x, theta, solution.steps, solution.status)


def gauss_newton(
    start: Float[Array, " size"],
    observed: Complex[Array, " window"],
    noise_sd: Float[Array, ""],
    decoder: Decoder,
    steps: int,
) -> Mode:
    """A fixed number of Gauss-Newton steps, each halved until it helps, up to thrice. Differentiable through the steps.

    Args:
        start: where to begin, such as a network's answer.
        observed: the data, from `Decoder.observed`.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model.
        steps: how many; 0 leaves the start as it is.
    """
    shares = jnp.asarray([1.0, 0.5, 0.25, 0.125, 0.0], start.dtype)

    def cost(z: Array) -> Array:
        rest = decoder.residual(z, observed, noise_sd)
        return rest @ rest

    def step(z: Array, _: None) -> tuple[Array, None]:
        rest, jacobian = decoder.linearised(z, observed, noise_sd)
        normal = jacobian.T @ jacobian  # at least the unit matrix, which the prior puts in
        move = -jax.scipy.linalg.solve(normal, jacobian.T @ rest, assume_a="pos")
        costs = jax.lax.map(lambda share: cost(z + share * move), shares)
        better = costs <= costs[-1]  # False for NaN
        return z + shares[jnp.argmax(better)] * move, None

    z, _ = jax.lax.scan(step, start, None, length=steps)
    return _mode(z, _Theta(decoder, observed, noise_sd), jnp.asarray(steps), jnp.asarray(0))


def _mode(z: Array, theta: _Theta, steps: Array, status: Array) -> Mode:
    rest, jacobian = theta.decoder.linearised(z, theta.observed, theta.noise_sd)
    misfit = rest[: rest.shape[0] - z.shape[0]]
    covariance = covariance_bound(jacobian.T @ jacobian)
    return Mode(z, covariance, misfit @ misfit, z @ z, steps.astype(jnp.int32), status.astype(jnp.int32))
