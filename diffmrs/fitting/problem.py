"""The least-squares problem of one spectrum: the residuals whose squares the fit minimises, and their derivative.

The residuals are the spectrum's, in units of its noise and with the baseline solved for, followed by those of the soft
constraints. All arguments of the problem sit in one tree, so that an answer can be differentiated in each.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.fitting.coordinates import jacobian_columns, to_parameters
from diffmrs.fitting.smooth import Smoother, off_baseline, smoother_for, stack
from diffmrs.model.jacobian import predict_and_jacobian
from diffmrs.model.signal import SignalModel, predict_metabolites
from diffmrs.priors.priors import Priors, ratio_residual, value_residual


class Problem(NamedTuple):
    """What an answer depends on."""

    spectrum: Complex[Array, " window"]  # in units of the noise
    basis_fid: Complex[Array, "members samples"]  # reduced to the band of the model
    priors: Priors
    floor: Float[Array, " members"]  # amplitude that could just be seen, of each member
    stiffness: Float[Array, ""]
    misfit: Float[Array, ""]  # the residual over the noise, at least 1: what constraints are weighed against


class Pieces(NamedTuple):
    """A residual or Jacobian in its parts; rows first."""

    data: Float[Array, "twice *n"]  # of the metabolites alone, the baseline not taken off
    ratios: Float[Array, "ratios *n"]
    values: Float[Array, "values *n"]


def residual(x: Float[Array, " n"], problem: Problem, model: SignalModel) -> Float[Array, " rows"]:
    """Everything whose squares are summed."""
    misfit = predict_metabolites(to_parameters(x, model), problem.basis_fid, model) - problem.spectrum
    smoother = smoother_for(model, problem.stiffness)
    return jnp.concatenate([off_baseline(stack(misfit, model), smoother), *_constraints(x, problem, model)])


def linearised(
    x: Float[Array, " n"], problem: Problem, model: SignalModel
) -> tuple[Float[Array, " rows"], Float[Array, "rows n"]]:
    """The residual and its derivative."""
    value, slope = pieces(x, problem, model)
    return joined(value, slope, smoother_for(model, problem.stiffness))


def pieces(x: Float[Array, " n"], problem: Problem, model: SignalModel) -> tuple[Pieces, Pieces]:
    """The residual and its derivative, in parts."""
    predicted, derivative = predict_and_jacobian(to_parameters(x, model), problem.basis_fid, model)
    columns = jacobian_columns(derivative)
    constraints = _constraints(x, problem, model)
    slopes = jax.jacfwd(lambda x: _constraints(x, problem, model))(x)
    return (
        Pieces(stack(predicted - problem.spectrum, model), *constraints),
        Pieces(stack(columns.T, model).T, *slopes),
    )


def joined(value: Pieces, slope: Pieces, smoother: Smoother) -> tuple[Float[Array, " rows"], Float[Array, "rows n"]]:
    """The parts one below the other, the baseline taken off."""
    return (
        jnp.concatenate([off_baseline(value.data, smoother), value.ratios, value.values]),
        jnp.concatenate([off_baseline(slope.data.T, smoother).T, slope.ratios, slope.values]),
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
