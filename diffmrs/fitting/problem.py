"""The least-squares problem of one spectrum: the residuals whose squares the fit minimises, and their derivative.

The residuals are the spectrum's, in units of its noise and with the baseline solved for, followed by those of the soft
constraints. All arguments of the problem sit in one tree, so that an answer can be differentiated in each.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.fitting.coordinates import gradient_of, jacobian_rows, stacked_rows, to_parameters
from diffmrs.fitting.smooth import Smoother, off_baseline, off_twice, smoother_for, stack
from diffmrs.fitting.solver import Objective, Quadratic
from diffmrs.model.jacobian import predict_and_pullback, predict_and_split_jacobian
from diffmrs.model.signal import SignalModel, predict_metabolites
from diffmrs.model.split import Split
from diffmrs.priors.priors import Priors, ratio_residual, ratio_slope, value_residual, value_slope


class Problem(NamedTuple):
    """What an answer depends on."""

    spectrum: Complex[Array, " window"]  # in units of the noise
    basis_fid: Split  # [members, samples], reduced to the band of the model
    priors: Priors
    floor: Float[Array, " members"]  # amplitude that could just be seen, of each member
    stiffness: Float[Array, ""]
    misfit: Float[Array, ""]  # the residual over the noise, at least 1: what constraints are weighed against


class Pieces(NamedTuple):
    """A residual or its derivative, [n, ...], in parts."""

    data: Float[Array, "*n twice"]  # of the metabolites alone, the baseline not taken off
    ratios: Float[Array, "*n ratios"]
    values: Float[Array, "*n values"]


def residual(x: Float[Array, " n"], problem: Problem, model: SignalModel) -> Float[Array, " rows"]:
    """Everything whose squares are summed."""
    misfit = predict_metabolites(to_parameters(x, model), problem.basis_fid, model) - problem.spectrum
    smoother = smoother_for(model, problem.stiffness)
    return jnp.concatenate([off_baseline(stack(misfit, model), smoother), *_constraints(x, problem, model)])


def objective(problem: Problem, model: SignalModel) -> Objective:
    """What the solver minimises: half the sum of squared residuals."""
    smoother = smoother_for(model, problem.stiffness)

    def slope(x: Array) -> tuple[Array, Array]:
        parameters = to_parameters(x, model)
        metabolites, pullback = predict_and_pullback(parameters, problem.basis_fid, model)
        white = jnp.asarray(model.whitening, x.dtype)
        off = _off(metabolites, problem, model)
        real, imag = jnp.split(off_twice(off, smoother), 2)
        constraints, pulled = jax.vjp(lambda x: _constraints(x, problem, model), x)
        gradient = gradient_of(pullback(Split(real * white, imag * white))) + pulled(constraints)[0]
        rest = jnp.concatenate([off_baseline(off, smoother), *constraints])
        return 0.5 * rest @ rest, gradient

    def expand(x: Array) -> Quadratic:
        value, slope = pieces(x, problem, model)
        return expanded(value, slope, smoother)

    kernel = jax.eval_shape(partial(kernel_residual, model=model), jnp.zeros(model.lineshape.n_kernel)).size
    rows = 2 * model.n_window + problem.priors.n_ratios + len(problem.priors.value_mean) + kernel
    return Objective(slope, expand, rows)


def expanded(value: Pieces, slope: Pieces, smoother: Smoother) -> Quadratic:
    """Half the sum of squares to second order (Gauss and Newton), the baseline following."""
    left = off_baseline(slope.data, smoother)
    gradient = slope.data @ off_twice(value.data, smoother) + slope.ratios @ value.ratios + slope.values @ value.values
    normal = left @ left.T + slope.ratios @ slope.ratios.T + slope.values @ slope.values.T
    rest = jnp.concatenate([off_baseline(value.data, smoother), value.ratios, value.values])
    return Quadratic(0.5 * rest @ rest, gradient, normal)


def pieces(x: Float[Array, " n"], problem: Problem, model: SignalModel) -> tuple[Pieces, Pieces]:
    """The residual and its derivative, in parts."""
    parameters = to_parameters(x, model)
    metabolites, real, imag = predict_and_split_jacobian(parameters, problem.basis_fid, model)
    columns = stacked_rows(real, imag, jnp.asarray(model.whitening, x.dtype))
    ratios = problem.misfit * ratio_slope(parameters.amplitude, problem.priors, problem.floor)
    values = problem.misfit * value_slope(parameters, problem.priors, jacobian_rows)
    bends = jax.jacrev(lambda x: problem.misfit * kernel_residual(to_parameters(x, model).lineshape, model))(x).T
    rest = x.shape[0] - ratios.shape[0]
    return (
        Pieces(_off(metabolites, problem, model), *_constraints(x, problem, model)),
        Pieces(columns, jnp.pad(ratios, ((0, rest), (0, 0))), jnp.concatenate([values, bends], axis=1)),
    )


def _off(metabolites: Split, problem: Problem, model: SignalModel) -> Array:
    """Model minus data, real parts, then imaginary parts, each in units of its noise."""
    white = jnp.asarray(model.whitening, metabolites.real.dtype)
    return jnp.concatenate(
        [(metabolites.real - problem.spectrum.real) * white, (metabolites.imag - problem.spectrum.imag) * white]
    )


def _constraints(x: Array, problem: Problem, model: SignalModel) -> tuple[Array, Array]:
    parameters = to_parameters(x, model)
    kernel = kernel_residual(parameters.lineshape, model)
    values = jnp.concatenate([problem.misfit * value_residual(parameters, problem.priors), problem.misfit * kernel])
    return problem.misfit * ratio_residual(parameters.amplitude, problem.priors, problem.floor), values


def kernel_residual(lineshape: Float[Array, " kernel"], model: SignalModel) -> Float[Array, " rows"]:
    """What fixes the lineshape kernel: unit area, centre at zero, and a penalty on its second differences.

    Area and centre are conventions, as amplitudes and shifts can take up both, and are kept tightly. The second
    differences are small against the kernel's height when it is smooth (Provencher 1993, MRM 30:672, regularises his
    lineshape so).
    """
    shape = model.lineshape
    if not shape.n_kernel:
        return lineshape
    frequency = jnp.asarray(shape.kernel_hz / shape.kernel_spacing_hz, lineshape.dtype)
    area = (lineshape.sum() - 1) / 1e-3
    centre = (frequency @ lineshape) / 1e-2
    padded = jnp.pad(lineshape, 2)
    bends = jnp.diff(padded, 2) / shape.roughness_sd
    return jnp.concatenate([area[None], centre[None], bends])
