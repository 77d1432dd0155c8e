"""The fit of one FID: start, solve, and how sure we are. A pure function for `jit`, `vmap` and `grad`."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.fitting.coordinates import Bounds, bounds_of, sd_of_parameters, to_parameters, to_vector
from diffmrs.fitting.implicit import implicit_solution
from diffmrs.fitting.noise import noise_sd
from diffmrs.fitting.posterior import Posterior, posterior
from diffmrs.fitting.problem import Problem, linearised, pieces, residual
from diffmrs.fitting.smooth import Smoother, smoother_for
from diffmrs.fitting.solver import LevenbergMarquardt, Solution, Status
from diffmrs.fitting.start import StartTable, find_start, start_table
from diffmrs.fitting.stiffness import Choice, best_stiffness
from diffmrs.model.baseline import SplineBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel
from diffmrs.priors.priors import Priors, priors_for
from diffmrs.pytree import container

_ROUGH = 0.3  # standard deviations; near enough to judge the stiffness of the baseline


@container()
@dataclass(frozen=True)
class Estimate:
    """The fit of one FID, or a stack of fits with the same leading axes on every field.

    Where `status` is `Status.INVALID` every number is NaN.

    Attributes:
        parameters: the answer, in units of data and basis.
        sd: standard deviation of each parameter, all others unknown, same units: of the posterior (Laplace's
            approximation); without priors the Cramér-Rao lower bound.
        amplitude_covariance: covariance of the amplitudes, data units squared. [..., members, members]
        crlb_covariance: the same without the constraints on ratios of amplitudes: what the data alone say.
            [..., members, members]
        amplitude_centre: mean of the normal whose part above zero an interval is taken from, data units: the amplitude,
            or where its gradient points when it rests at zero, then negative. [..., members]
        amplitude_spread: standard deviation of that normal, all other parameters unknown and free of their bounds, data
            units. [..., members]
        amplitude_mean: mean of the posterior inside the bounds, data units. [..., members]
        bounded_covariance: covariance of the amplitudes inside the bounds, data units squared.
            [..., members, members]
        noise_sd: standard deviation of the noise in the real part of the spectrum, data units. [...]
        chi2_reduced: sum of squared residuals over noise variance and degrees of freedom; 1 when the model
            explains all but the noise. [...]
        dimensions: effective number of parameters, those of the baseline included. [...]
        baseline_dimensions: effective number of baseline parameters. [...]
        steps: trial steps taken. [...]
        status: a `Status`. [...]
    """

    parameters: Parameters
    sd: Parameters
    amplitude_covariance: jax.Array
    crlb_covariance: jax.Array
    amplitude_centre: jax.Array
    amplitude_spread: jax.Array
    amplitude_mean: jax.Array
    bounded_covariance: jax.Array
    noise_sd: jax.Array
    chi2_reduced: jax.Array
    dimensions: jax.Array
    baseline_dimensions: jax.Array
    steps: jax.Array
    status: jax.Array


class FitTable(NamedTuple):
    """What every fit with the same basis shares; made once by `fit_table`."""

    basis_fid: Complex[Array, "members samples"]  # scaled to a largest sample of 1, reduced to the band
    basis_scale: Float[Array, ""]
    floor: Float[Array, " members"]  # amplitude that could just be seen in noise of 1
    start: StartTable


def fit_table(basis_fid: Complex[Array, "members points"], model: SignalModel, bounds: Bounds = Bounds()) -> FitTable:
    """Prepare a basis for `fit_fid`."""
    scale = jax.lax.stop_gradient(jnp.abs(basis_fid).max())
    scaled = basis_fid / scale
    start = jax.lax.stop_gradient(start_table(scaled, model))
    return FitTable(banded(model, bounds).reduce_fid(scaled), scale, 3 / start.norm.max(axis=0), start)


def banded(model: SignalModel, bounds: Bounds) -> SignalModel:
    """The model for the window and as much around it as shifts can bring in."""
    return model.banded(bounds.max_shift_ppm + bounds.max_relative_shift_ppm)


def fit_fid(
    fid: Complex[Array, " points"],
    table: FitTable,
    model: SignalModel,
    priors: Priors | None = None,
    *,
    inflate: bool = False,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Estimate:
    """Fit the signal model to one FID: the most probable parameters given the complex spectrum in the window.

    The result can be differentiated in `fid`, in the basis (through `fit_table`) and in `priors` by the implicit
    function theorem.

    Args:
        fid: the data.
        table: from `fit_table`, with the same model and bounds.
        model: the fixed part of the model.
        priors: soft constraints; none when absent.
        inflate: whether uncertainties grow by the residual over the noise where that is above one.
        bounds: where the answer may lie.
        optimiser: the solver.

    Returns:
        The estimate. Never raises under `jit`; `Estimate.status` tells how it went.
    """
    posed = pose(fid, table, model, priors, bounds=bounds, optimiser=optimiser)
    problem, narrow, noise, unit, valid = posed.problem, banded(model, bounds), posed.noise, posed.unit, posed.valid
    solve, lower, upper = solver_for(narrow, bounds, optimiser, fid.real.dtype)
    solution = implicit_solution(solve, lambda x, p: residual(x, p, narrow), lower, upper)(problem, posed.start)

    value, slope = pieces(solution.x, problem, narrow)
    smoother = smoother_for(narrow, problem.stiffness)
    around = partial(posterior, solution.x, value, slope, smoother, lower=lower, spread=posed.spread)
    found = around(noise / unit, sharpened=problem.misfit)
    freedom = 2 * model.n_window - found.dimensions
    chi2 = found.square / freedom / jnp.maximum(noise / unit, 1e-30) ** 2
    if inflate:  # as if the noise were as large as the residual, where that is larger
        found = around(noise / unit * jnp.sqrt(jnp.maximum(chi2, 1.0)), sharpened=jnp.ones_like(noise))
    estimate = _estimate(solution, found, chi2, smoother.dimensions, noise, unit, table, model)
    status = jnp.where(valid, solution.status, Status.INVALID)
    estimate = replace(estimate, status=status)
    return jax.tree.map(lambda leaf: _nan_unless(valid, leaf), estimate)


class Posed(NamedTuple):
    """A spectrum as a least-squares problem, stiffness and misfit chosen."""

    problem: Problem
    start: Float[Array, " n"]
    noise: Float[Array, ""]  # standard deviation of the noise in the real part of the spectrum
    unit: Float[Array, ""]  # of the problem: the noise, but for noiseless data
    valid: Bool[Array, ""]  # whether the data can be fitted
    spread: Float[Array, "candidates n"]  # SᵀS is the covariance that the choice of the stiffness adds


def pose(
    fid: Complex[Array, " points"],
    table: FitTable,
    model: SignalModel,
    priors: Priors | None = None,
    *,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Posed:
    """The problem that `fit_fid` solves, with the same arguments, and where it starts."""
    real = fid.real.dtype
    priors = priors_for((), ("",) * len(model.groups), model) if priors is None else priors
    valid = jnp.all(jnp.isfinite(fid)) & jnp.any(fid != 0)
    spectrum = spectrum_of(jnp.where(valid, fid, 1.0))
    inside = spectrum[slice(*model.window)]
    noise = noise_sd(spectrum, model)
    # In units of the noise the cost is half of χ²; without noise, in units of a small part of the highest peak.
    unit = jax.lax.stop_gradient(jnp.maximum(noise, 1e-4 * jnp.abs(inside).max()))
    coarse = find_start(jax.lax.stop_gradient(spectrum / unit), table.start, model, 0.75 * bounds.max_shift_ppm)
    start = jax.lax.stop_gradient(to_vector(coarse))
    one = jnp.ones((), real)
    problem = Problem(inside / unit, table.basis_fid, priors, table.floor, 0 * one, one)
    spread = jnp.zeros((0, start.size), real)
    if _is_tuned(model, priors):
        narrow = banded(model, bounds)
        rough = replace(optimiser, tolerance=max(_ROUGH, optimiser.tolerance))
        solve, lower, upper = solver_for(narrow, bounds, rough, real)
        tuned, start, choice = _tuned(jax.lax.stop_gradient(problem), start, narrow, solve, lower, upper)
        problem = problem._replace(stiffness=tuned.stiffness, misfit=tuned.misfit)
        spread = choice.spread
    return Posed(problem, start, noise, unit, valid, spread)


def solver_for(model: SignalModel, bounds: Bounds, optimiser: LevenbergMarquardt, real: Any) -> tuple[Any, Any, Any]:
    """What solves a problem from a start, and the lower and upper bounds it keeps."""
    lower, upper = (bound.astype(real) for bound in bounds_of(model, bounds))

    def solve(problem: Problem, start: Array) -> Solution:
        return optimiser(
            lambda x: residual(x, problem, model),
            lambda x: linearised(x, problem, model),
            start,
            jnp.asarray(lower),
            jnp.asarray(upper),
        )

    return solve, lower, upper


def _is_tuned(model: SignalModel, priors: Priors) -> bool:
    """Whether a first fit has to tell how stiff the baseline is, or what constraints are weighed against."""
    return bool(priors.labels) or isinstance(model.baseline, SplineBaseline)


def _tuned(
    problem: Problem, start: Array, model: SignalModel, solve: Any, lower: Any, upper: Any
) -> tuple[Problem, Array, Choice]:
    """The problem with the stiffness and the misfit that a first fit finds, its answer, and how sure that is."""
    baseline = model.baseline
    given = np.zeros(1)
    if isinstance(baseline, SplineBaseline):
        given = baseline.stiffness_candidates(model.ppm, model.baseline_roughness)
    candidates = jnp.asarray(given, problem.stiffness.dtype)
    # From the limp side: what a stiff baseline cannot follow would bend the other parameters too far to be undone here.
    first = problem._replace(stiffness=candidates[candidates.size // 4])
    x = solve(first, start).x
    value, slope = pieces(x, first, model)
    each = [smoother_for(model, candidate) for candidate in candidates]
    smoothers = Smoother(each[0].functions, jnp.stack([s.kept for s in each]), jnp.stack([s.left for s in each]))
    free = ((x > lower) & (x < upper)).astype(x.dtype)
    choice = best_stiffness(value, slope, free, smoothers)
    return problem._replace(stiffness=candidates[choice.best], misfit=jnp.sqrt(choice.excess)), x, choice


def _estimate(
    solution: Solution,
    found: Posterior,
    chi2_reduced: Array,
    baseline_dimensions: Array,
    noise: Array,
    unit: Array,
    table: FitTable,
    model: SignalModel,
) -> Estimate:
    """Everything in the units of data and basis."""
    amplitude_unit = unit / table.basis_scale
    members = len(model.groups)
    fitted = replace(wrapped(to_parameters(solution.x, model)), baseline=found.baseline)
    sd = sd_of_parameters(found.covariance, found.baseline_variance, model)
    return Estimate(
        parameters=in_units(fitted, amplitude_unit, unit),
        sd=in_units(sd, amplitude_unit, unit),
        amplitude_covariance=found.covariance[:members, :members] * amplitude_unit**2,
        crlb_covariance=found.without_ratios[:members, :members] * amplitude_unit**2,
        amplitude_centre=found.centre[:members] * amplitude_unit,
        amplitude_spread=found.spread[:members] * amplitude_unit,
        amplitude_mean=found.bounded.mean[:members] * amplitude_unit,
        bounded_covariance=found.bounded.covariance[:members, :members] * amplitude_unit**2,
        noise_sd=noise,
        chi2_reduced=chi2_reduced,
        dimensions=found.dimensions,
        baseline_dimensions=baseline_dimensions,
        steps=solution.steps,
        status=solution.status,
    )


def wrapped(parameters: Parameters) -> Parameters:
    """Zero-order phase within half a turn of zero."""
    turns = jax.lax.stop_gradient(jnp.round(parameters.phase0_rad / (2 * jnp.pi)))
    return replace(parameters, phase0_rad=parameters.phase0_rad - 2 * jnp.pi * turns)


def in_units(parameters: Parameters, amplitude_unit: Array, baseline_unit: Array) -> Parameters:
    """Parameters of the problem in the units of data and basis."""
    return replace(
        parameters,
        amplitude=parameters.amplitude * amplitude_unit,
        baseline=parameters.baseline * baseline_unit,
    )


def _nan_unless(good: Array, leaf: Any) -> Any:
    return leaf if jnp.issubdtype(leaf.dtype, jnp.integer) else jnp.where(good, leaf, jnp.nan)
