"""The fit of one FID: start, solve, and how sure we are. A pure function for `jit`, `vmap` and `grad`."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.fitting.coordinates import (
    Bounds,
    bounds_of,
    jacobian_columns,
    n_coordinates,
    sd_of_parameters,
    to_parameters,
    to_vector,
)
from diffmrs.fitting.implicit import implicit_solution
from diffmrs.fitting.noise import noise_sd
from diffmrs.fitting.solver import LevenbergMarquardt, Solution, Status
from diffmrs.fitting.start import StartTable, find_start, start_table
from diffmrs.model.fisher import covariance_bound, fisher_information
from diffmrs.model.jacobian import predict_and_jacobian
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict
from diffmrs.pytree import container


@container()
@dataclass(frozen=True)
class Estimate:
    """The fit of one FID, or a stack of fits with the same leading axes on every field.

    Where `status` is `Status.INVALID` every number is NaN.

    Attributes:
        parameters: the answer, in units of data and basis.
        sd: Cramér-Rao lower bound on the standard deviation of each parameter, all others unknown, same units.
        amplitude_covariance: covariance bound of the amplitudes, data units squared. [..., members, members]
        noise_sd: standard deviation of the noise in the real part of the spectrum, data units. [...]
        chi2_reduced: sum of squared residuals over noise variance and degrees of freedom; 1 when the model
            explains all but the noise. [...]
        steps: trial steps taken. [...]
        status: a `Status`. [...]
    """

    parameters: Parameters
    sd: Parameters
    amplitude_covariance: jax.Array
    noise_sd: jax.Array
    chi2_reduced: jax.Array
    steps: jax.Array
    status: jax.Array


class FitTable(NamedTuple):
    """What every fit with the same basis shares; made once by `fit_table`."""

    basis_fid: Complex[Array, "members points"]  # scaled to a largest sample of 1
    basis_scale: Float[Array, ""]
    start: StartTable


class _Theta(NamedTuple):
    """What an answer depends on."""

    spectrum: Complex[Array, " window"]
    basis_fid: Complex[Array, "members points"]


def fit_table(basis_fid: Complex[Array, "members points"], model: SignalModel) -> FitTable:
    """Prepare a basis for `fit_fid`."""
    scale = jax.lax.stop_gradient(jnp.abs(basis_fid).max())
    scaled = basis_fid / scale
    return FitTable(scaled, scale, jax.lax.stop_gradient(start_table(scaled, model)))


def fit_fid(
    fid: Complex[Array, " points"],
    table: FitTable,
    model: SignalModel,
    *,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Estimate:
    """Fit the signal model to one FID by bounded non-linear least squares on the complex spectrum in the window.

    The result can be differentiated in `fid` and in the basis (through `fit_table`) by the implicit function theorem.

    Args:
        fid: the data.
        table: from `fit_table`.
        model: the fixed part of the model.
        bounds: where the answer may lie.
        optimiser: the solver.

    Returns:
        The estimate. Never raises under `jit`; `Estimate.status` tells how it went.
    """
    real = fid.real.dtype
    valid = jnp.all(jnp.isfinite(fid)) & jnp.any(fid != 0)
    spectrum = spectrum_of(jnp.where(valid, fid, 1.0))
    peak = jnp.abs(model.window_of(jnp.where(valid, fid, 1.0))).max()
    noise = noise_sd(spectrum, model)
    # In units of the noise the cost is half of χ²; without noise, in units of a small part of the highest peak.
    unit = jax.lax.stop_gradient(jnp.maximum(noise, 1e-4 * peak))
    target = spectrum[slice(*model.window)] / unit

    lower, upper = (bound.astype(real) for bound in bounds_of(model, bounds))
    start = find_start(jax.lax.stop_gradient(spectrum / unit), table.start, model, 0.75 * bounds.max_shift_ppm)

    def residual(x: Array, theta: _Theta) -> Array:
        return _stack(predict(to_parameters(x, model), theta.basis_fid, model) - theta.spectrum)

    def solve(theta: _Theta, start: Array) -> Solution:
        def linearise(x: Array) -> tuple[Array, Array]:
            predicted, derivative = predict_and_jacobian(to_parameters(x, model), theta.basis_fid, model)
            columns = jacobian_columns(derivative)
            return _stack(predicted - theta.spectrum), jnp.concatenate([columns.real, columns.imag])

        return optimiser(lambda x: residual(x, theta), linearise, start, jnp.asarray(lower), jnp.asarray(upper))

    theta = _Theta(target, table.basis_fid)
    solution = implicit_solution(solve, residual, lower, upper)(theta, jax.lax.stop_gradient(to_vector(start)))
    fitted = to_parameters(solution.x, model)

    left, derivative = predict_and_jacobian(fitted, table.basis_fid, model)
    relative_noise = noise / unit
    information = fisher_information(jacobian_columns(derivative), jnp.ones((), real))
    covariance = relative_noise**2 * covariance_bound(information)
    sd = sd_of_parameters(covariance, model)
    freedom = 2 * model.n_window - n_coordinates(model)
    chi2 = jnp.sum(jnp.abs(left - target) ** 2) / freedom / jnp.maximum(relative_noise, 1e-30) ** 2

    amplitude_unit = unit / table.basis_scale
    members = len(model.groups)
    estimate = Estimate(
        parameters=_in_units(_wrapped(fitted), amplitude_unit, unit),
        sd=_in_units(sd, amplitude_unit, unit),
        amplitude_covariance=covariance[:members, :members] * amplitude_unit**2,
        noise_sd=noise,
        chi2_reduced=chi2,
        steps=solution.steps,
        status=jnp.where(valid, solution.status, Status.INVALID),
    )
    return jax.tree.map(lambda leaf: _nan_unless(estimate.status != Status.INVALID, leaf), estimate)


def _stack(values: Complex[Array, " window"]) -> Float[Array, " twice"]:
    return jnp.concatenate([values.real, values.imag])


def _wrapped(parameters: Parameters) -> Parameters:
    turns = jax.lax.stop_gradient(jnp.round(parameters.phase0_rad / (2 * jnp.pi)))
    return replace(parameters, phase0_rad=parameters.phase0_rad - 2 * jnp.pi * turns)


def _in_units(parameters: Parameters, amplitude_unit: Array, baseline_unit: Array) -> Parameters:
    return replace(
        parameters,
        amplitude=parameters.amplitude * amplitude_unit,
        baseline=parameters.baseline * baseline_unit,
    )


def _nan_unless(good: Array, leaf: Any) -> Any:
    return leaf if jnp.issubdtype(leaf.dtype, jnp.integer) else jnp.where(good, leaf, jnp.nan)
