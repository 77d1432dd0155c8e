"""Samples of the posterior of one fitted spectrum: what Laplace's approximation is checked against."""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from diffmrs.errors import InputError
from diffmrs.fitting.coordinates import Bounds, bounds_of, to_parameters
from diffmrs.fitting.estimate import banded, fit_table, in_units, pose, settle, wrapped
from diffmrs.fitting.fit import FitResult
from diffmrs.fitting.posterior import posterior
from diffmrs.fitting.problem import expanded, pieces, residual
from diffmrs.fitting.smooth import coefficients, smoother_for, stack
from diffmrs.fitting.solver import LevenbergMarquardt, Status
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict_metabolites
from diffmrs.priors.priors import Priors
from diffmrs.pytree import container
from diffmrs.uncertainty.bounded import cut_off
from diffmrs.uncertainty.nuts import Box, nuts, sampler


@container()
@dataclass(frozen=True)
class PosteriorSamples:
    """Samples of the posterior of one spectrum, and how far they can be trusted.

    Attributes:
        parameters: in units of data and basis. [chains, samples, ...] on every field
        divergences: transitions on which the sampler lost its way; should be 0.
        acceptance: mean acceptance rate; about 0.8.
        r_hat: potential scale reduction of each amplitude; below 1.01 when the chains agree. [members]
        effective_samples: independent samples that would know as much about the mean. [members]
    """

    parameters: Parameters
    divergences: jax.Array
    acceptance: jax.Array
    r_hat: jax.Array
    effective_samples: jax.Array

    @property
    def amplitude(self) -> np.ndarray:
        """Amplitudes of all chains, one after the other. [chains · samples, members]"""
        amplitude = np.asarray(self.parameters.amplitude)
        return amplitude.reshape(-1, amplitude.shape[-1])


def sample_posterior(
    result: FitResult,
    index: int,
    key: PRNGKeyArray,
    n_samples: int = 500,
    *,
    n_chains: int = 2,
    n_warmup: int = 300,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> PosteriorSamples:
    """Sample the posterior of one spectrum of a fit by the No-U-Turn sampler.

    The density is that whose maximum the fit is: Gaussian noise as measured, soft constraints, bounds, all
    non-linearity, and the baseline integrated out under its penalty, at the stiffness that the data chose. Amplitudes
    and widths at their bounds, and metabolites that trade against each other, come out as they are.

    Args:
        result: from `diffmrs.fit`.
        index: which of its spectra, counted from 0.
        key: `jax.random` key.
        n_samples: samples of each chain.
        n_chains: chains, at least 2.
        n_warmup: transitions of each chain that adapt the step length and are thrown away.
        bounds: as the fit had them.
        optimiser: as the fit had it.

    Returns:
        The samples.

    Raises:
        InputError: blackjax is not installed, there is no such spectrum or no fit of it, or a number is too small.
    """
    sampler()
    count = result.data.n_spectra
    if not 0 <= index < count:
        raise InputError(f"index is {index}; there are {count} spectra, counted from 0")
    if int(np.asarray(result.estimate.status).reshape(-1)[index]) == Status.INVALID:
        raise InputError(f"spectrum {index} {Status.INVALID.explanation}")
    for name, value, least in (("n_samples", n_samples, 4), ("n_chains", n_chains, 2), ("n_warmup", n_warmup, 50)):
        if value < least:
            raise InputError(f"{name} is {value}; it must be at least {least}")
    fid = jnp.asarray(result.data.spectra)[index]
    return _sample(
        fid,
        jnp.asarray(result.basis.fid),
        result.priors,
        key,
        result.model,
        bounds,
        optimiser,
        (n_samples, n_chains, n_warmup),
    )


@partial(jax.jit, static_argnames=("model", "bounds", "optimiser", "counts"))
def _sample(
    fid: Array,
    basis_fid: Array,
    priors: Priors,
    key: Array,
    model: SignalModel,
    bounds: Bounds,
    optimiser: LevenbergMarquardt,
    counts: tuple[int, int, int],
) -> PosteriorSamples:
    table = fit_table(basis_fid, model, bounds)
    posed = pose(fid, table, model, priors, bounds=bounds)
    narrow, settled = banded(model, bounds), settle(posed, model, bounds, optimiser)
    problem, x = settled.problem, settled.solution.x
    lower, upper = (bound.astype(fid.real.dtype) for bound in bounds_of(narrow, bounds))
    value, slope = pieces(x, problem, narrow)
    smoother = smoother_for(narrow, problem.stiffness)
    noise = posed.noise / posed.unit
    found = posterior(x, value, slope, smoother, noise, 0 * settled.spread, jnp.ones_like(noise))
    around = expanded(value, slope, smoother)
    # Without noise there is nothing to cut off, but the algebra needs a width.
    width = jnp.maximum(noise, 1e-5)
    covariance = found.covariance / jnp.maximum(noise, 1e-30) ** 2
    centre, held = x - covariance @ around.gradient, np.flatnonzero(lower == 0)
    bounded = cut_off(centre, width**2 * covariance, jnp.asarray(lower, x.dtype), held)
    box = Box(jnp.asarray(lower), jnp.asarray(upper), jnp.sqrt(jnp.diag(found.covariance)))
    inside = jnp.clip(bounded.mean, lower + 0.2 * box.scale, upper - 0.2 * box.scale)

    def log_density(x: Array) -> Array:
        rest = residual(x, problem, narrow)
        return -0.5 * (rest @ rest) / noise**2

    walk, draw = jax.random.split(key)
    n_samples, n_chains, n_warmup = counts
    chains = nuts(
        log_density,
        inside,
        bounded.covariance,
        box,
        walk,
        n_samples=n_samples,
        n_chains=n_chains,
        n_warmup=n_warmup,
    )

    def in_full(given: tuple[Array, Array]) -> Parameters:
        """Named parameters in units, with a draw of the baseline, which is Gaussian given the rest."""
        x, key = given
        parameters = to_parameters(x, narrow)
        left = stack(problem.spectrum - predict_metabolites(parameters, problem.basis_fid, narrow), narrow)
        best = coefficients(left, smoother)
        wander = noise * jnp.sqrt(smoother.kept) * jax.random.normal(key, best.shape, best.dtype)
        whole = replace(wrapped(parameters), baseline=best + wander)
        return in_units(whole, posed.unit / table.basis_scale, posed.unit)

    keys = jax.random.split(draw, (n_chains, n_samples))
    parameters = jax.lax.map(lambda rows: jax.lax.map(in_full, rows), (chains.x, keys))
    members = slice(0, len(model.groups))
    return PosteriorSamples(
        parameters, chains.divergences, chains.acceptance, chains.r_hat[members], chains.effective_samples[members]
    )
