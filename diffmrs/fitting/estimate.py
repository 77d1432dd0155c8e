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
from diffmrs.fitting.near import Near, guess
from diffmrs.fitting.noise import noise_sd
from diffmrs.fitting.posterior import Posterior, posterior
from diffmrs.fitting.problem import Problem, objective, pieces, residual
from diffmrs.fitting.smooth import Smoother, smoother_for
from diffmrs.fitting.solver import LevenbergMarquardt, Solution, Status
from diffmrs.fitting.start import StartTable, find_start, start_table
from diffmrs.fitting.stiffness import Choice, best_stiffness
from diffmrs.model.baseline import SplineBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel
from diffmrs.model.split import Split, split
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
    noise_sd: jax.Array
    chi2_reduced: jax.Array
    dimensions: jax.Array
    baseline_dimensions: jax.Array
    steps: jax.Array
    status: jax.Array


class FitTable(NamedTuple):
    """What every fit with the same basis shares; made once by `fit_table`."""

    basis_fid: Split  # [members, samples]; scaled to a largest sample of 1, reduced to the band
    basis_scale: Float[Array, ""]
    floor: Float[Array, " members"]  # amplitude that could just be seen in noise of 1
    start: StartTable


def fit_table(basis_fid: Complex[Array, "members points"], model: SignalModel, bounds: Bounds = Bounds()) -> FitTable:
    """Prepare a basis for `fit_fid`."""
    scale = jax.lax.stop_gradient(jnp.abs(basis_fid).max())
    scaled = basis_fid / scale
    start = jax.lax.stop_gradient(start_table(scaled, model))
    reduced = split(banded(model, bounds).reduce_fid(scaled))
    return FitTable(reduced, scale, 3 / start.norm.max(axis=0), start)


def banded(model: SignalModel, bounds: Bounds) -> SignalModel:
    """The model for the window and as much around it as shifts can bring in."""
    return model.banded(bounds.max_shift_ppm + bounds.max_relative_shift_ppm)


def fit_fid(
    fid: Complex[Array, " points"],
    table: FitTable,
    model: SignalModel,
    priors: Priors | None = None,
    *,
    near: tuple[Near, Array] | None = None,
    start: Parameters | None = None,
    steps: int | None = None,
    max_steps: Array | None = None,
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
        near: fits of similar spectra, from `near_table`, and which of them to start from where it explains the data;
            all starts are searched for without.
        start: parameters to begin at, in units of data and basis, such as a network's answer; no start is searched for.
        steps: trial steps from there, after which the answer is taken as it is (`Status.ESTIMATED`); 0 keeps `start`
            and solves for the baseline alone. To the end when absent.
        max_steps: instead of that of the optimiser, when it is known only at run time.
        inflate: whether uncertainties grow by the residual over the noise where that is above one.
        bounds: where the answer may lie.
        optimiser: the solver.

    Returns:
        The estimate. Never raises under `jit`; `Estimate.status` tells how it went.
    """
    posed = pose(fid, table, model, priors, near=near, start=start, bounds=bounds)
    narrow, noise, unit, valid = banded(model, bounds), posed.noise, posed.unit, posed.valid
    if steps is None:
        settled = settle(posed, model, bounds, optimiser, max_steps)
        problem = settled.problem
        lower, upper = bounds_of(narrow, bounds)
        # The solver has been; here its answer is given the derivatives that the implicit function theorem knows.
        derived = implicit_solution(_answer, partial(residual, model=narrow), lower, upper)
        solution = derived(problem, settled.solution)
    else:
        settled = refine(posed, model, bounds, optimiser, steps)
        problem, solution = settled.problem, settled.solution

    value, slope = pieces(solution.x, problem, narrow)
    smoother = smoother_for(narrow, problem.stiffness)
    around = partial(posterior, solution.x, value, slope, smoother, spread=settled.spread)
    found = around(noise / unit, sharpened=problem.misfit)
    freedom = 2 * model.n_window - found.dimensions
    chi2 = found.square / freedom / jnp.maximum(noise / unit, 1e-30) ** 2
    if inflate:  # as if the noise were as large as the residual, where that is larger
        found = around(noise / unit * jnp.sqrt(jnp.maximum(chi2, 1.0)), sharpened=jnp.ones_like(noise))
    estimate = _estimate(solution, found, chi2, smoother.dimensions, noise, unit, table, model)
    status = jnp.where(valid, solution.status, Status.INVALID)
    estimate = replace(estimate, status=status)
    return jax.tree.map(lambda leaf: _nan_unless(valid, leaf), estimate)


def _answer(_: Problem, answer: Solution) -> Solution:
    return answer


class Posed(NamedTuple):
    """A spectrum as a least-squares problem, and where to begin."""

    problem: Problem  # stiffness and misfit not yet chosen
    start: Float[Array, " n"]
    noise: Float[Array, ""]  # standard deviation of the noise in the real part of the spectrum
    unit: Float[Array, ""]  # of the problem: the noise, but for noiseless data
    valid: Bool[Array, ""]  # whether the data can be fitted


class Settled(NamedTuple):
    """A solved problem, stiffness and misfit chosen."""

    problem: Problem
    solution: Solution
    spread: Float[Array, "candidates n"]  # SᵀS is the covariance that the choice of the stiffness adds


def pose(
    fid: Complex[Array, " points"],
    table: FitTable,
    model: SignalModel,
    priors: Priors | None = None,
    *,
    near: tuple[Near, Array] | None = None,
    start: Parameters | None = None,
    bounds: Bounds = Bounds(),
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
    scaled, reach = jax.lax.stop_gradient(spectrum / unit), 0.75 * bounds.max_shift_ppm

    def search() -> Array:
        return to_vector(find_start(scaled, table.start, model, reach))

    if start is not None:
        first = to_vector(in_units(start, table.basis_scale / unit, 1 / unit))
        valid = valid & jnp.all(jnp.isfinite(first))
        first = jnp.where(jnp.isfinite(first), first, 0.0)
    elif near is None:
        first = search()
    else:
        tried = guess(scaled, *near, jnp.ones((), real), model, reach)
        first = jax.lax.cond(tried.trusted, lambda: tried.x, search)
    one = jnp.ones((), real)
    problem = Problem(inside / unit, table.basis_fid, priors, table.floor, 0 * one, one)
    return Posed(problem, jax.lax.stop_gradient(first), noise, unit, valid)


def settle(
    posed: Posed,
    model: SignalModel,
    bounds: Bounds,
    optimiser: LevenbergMarquardt,
    max_steps: Array | None = None,
) -> Settled:
    """Solve a problem; no derivatives pass.

    Where the data choose the stiffness of the baseline, or constraints are weighed against the misfit, this takes two
    rounds: a rough one, after which both are known, and one to the end.
    """
    narrow = banded(model, bounds)
    problem, start = jax.lax.stop_gradient((posed.problem, posed.start))
    real = start.dtype
    lower, upper = (jnp.asarray(bound, real) for bound in bounds_of(narrow, bounds))
    candidates = jnp.asarray(_candidates(narrow), real)
    nothing = Choice(jnp.zeros((), int), jnp.ones((), real), 0 * start, jnp.zeros((candidates.size, start.size), real))

    def solve(problem: Problem, start: Array, tolerance: Array) -> Solution:
        return optimiser.minimise(objective(problem, narrow), start, lower, upper, tolerance, max_steps)

    if not _is_tuned(model, problem.priors):
        solution = solve(problem, start, jnp.asarray(optimiser.tolerance, real))
        return Settled(posed.problem, solution, nothing.spread[:0])

    def choose(x: Array, problem: Problem) -> Choice:
        return _choice(x, problem, narrow, candidates, lower, upper)

    def again(turn: Array, state: _Settling) -> _Settling:
        stated = problem._replace(stiffness=state.stiffness, misfit=state.misfit)
        rough = jnp.asarray(max(_ROUGH, optimiser.tolerance), real)
        solution = solve(stated, state.start, jnp.where(turn == 0, rough, optimiser.tolerance))
        choice = jax.lax.cond(turn == 0, lambda: choose(solution.x, stated), lambda: state.choice)
        return _Settling(
            jnp.clip(solution.x + choice.step, lower, upper),
            candidates[choice.best],
            jnp.sqrt(choice.excess),
            solution,
            choice,
        )

    # From the limp side: what a stiff baseline cannot follow would bend the other parameters too far to be undone here.
    none = Solution(start, jnp.zeros((), real), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
    first = _Settling(start, candidates[candidates.size // 4], jnp.ones((), real), none, nothing)
    last = jax.lax.fori_loop(0, 2, again, first)
    tuned = posed.problem._replace(stiffness=last.stiffness, misfit=last.misfit)
    return Settled(tuned, last.solution, last.choice.spread)


def refine(posed: Posed, model: SignalModel, bounds: Bounds, optimiser: LevenbergMarquardt, steps: int) -> Settled:
    """A few steps from the start of a problem; where anything is tuned, at the start. No derivatives pass."""
    narrow = banded(model, bounds)
    problem, start = jax.lax.stop_gradient((posed.problem, posed.start))
    real = start.dtype
    lower, upper = (jnp.asarray(bound, real) for bound in bounds_of(narrow, bounds))
    start = jnp.clip(start, lower, upper)
    spread, tuned = jnp.zeros((0, start.size), real), posed.problem
    if _is_tuned(model, problem.priors):
        candidates = jnp.asarray(_candidates(narrow), real)
        stated = problem._replace(stiffness=candidates[candidates.size // 4])
        choice = _choice(start, stated, narrow, candidates, lower, upper)
        spread = choice.spread
        tuned = tuned._replace(stiffness=candidates[choice.best], misfit=jnp.sqrt(choice.excess))
    if steps:
        fixed = objective(jax.lax.stop_gradient(tuned), narrow)
        solution = optimiser.minimise(fixed, start, lower, upper, None, jnp.asarray(steps, jnp.int32))
        finished = solution.status == Status.CONVERGED
        status = jnp.where(finished, Status.CONVERGED, Status.ESTIMATED).astype(jnp.int32)
        return Settled(tuned, solution._replace(status=status), spread)
    nothing, status = jnp.zeros((), jnp.int32), jnp.asarray(Status.ESTIMATED, jnp.int32)
    return Settled(tuned, Solution(start, jnp.zeros((), real), nothing, status), spread)


def _choice(x: Array, problem: Problem, model: SignalModel, candidates: Array, lower: Array, upper: Array) -> Choice:
    """What the data say about the stiffness of the baseline, given the other parameters."""
    value, slope = pieces(x, problem, model)
    each = [smoother_for(model, candidate) for candidate in candidates]
    smoothers = Smoother(each[0].functions, jnp.stack([s.kept for s in each]), jnp.stack([s.left for s in each]))
    free = ((x > lower) & (x < upper)).astype(x.dtype)
    return best_stiffness(value, slope, free, smoothers)


class _Settling(NamedTuple):
    start: Array
    stiffness: Array
    misfit: Array
    solution: Solution
    choice: Choice


def _is_tuned(model: SignalModel, priors: Priors) -> bool:
    """Whether a first fit has to tell how stiff the baseline is, or what constraints are weighed against."""
    return bool(priors.labels) or isinstance(model.baseline, SplineBaseline)


def _candidates(model: SignalModel) -> np.ndarray:
    """The values of the stiffness that the data may choose from."""
    if isinstance(model.baseline, SplineBaseline):
        return model.baseline.stiffness_candidates(model.ppm, model.baseline_roughness)
    return np.zeros(1)


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
