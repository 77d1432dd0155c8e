"""The spectra of an image as stacked least-squares problems, and their answers as estimates."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.fitting import Estimate, FitTable, Status
from diffmrs.fitting.coordinates import sd_of_parameters, to_parameters, to_vector
from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.estimate import in_units, wrapped
from diffmrs.fitting.noise import noise_sd
from diffmrs.fitting.posterior import posterior
from diffmrs.fitting.problem import Pieces, pieces
from diffmrs.fitting.smooth import Smoother, smoother_for
from diffmrs.fitting.stiffness import best_stiffness
from diffmrs.model.baseline import SplineBaseline
from diffmrs.model.fisher import covariance_bound
from diffmrs.priors.priors import Priors
from diffmrs.spatial.joint import Around
from diffmrs.spatial.linear import solve_block
from diffmrs.spatial.prior import smoothed
from diffmrs.spatial.setting import Own, Setting, Shared, free_of_bounds, problem_of


class Image(NamedTuple):
    """Posed problems and where the independent fits ended."""

    x: Float[Array, "voxels n"]
    own: Own
    noise: Float[Array, " voxels"]
    unit: Float[Array, " voxels"]
    spread: Float[Array, "voxels candidates n"]  # of the choice of the baseline's stiffness
    valid: Bool[Array, " voxels"]


def posed(
    fids: Complex[Array, "voxels points"], fitted: Estimate, table: FitTable, priors: Priors, setting: Setting
) -> Image:
    """The problems that `fit_fid` solved; stiffness and misfit are those it chose, or as good as."""
    model, shared = setting.narrow, Shared(table.basis_fid, priors, table.floor)
    candidates = setting.candidates
    dimensions = jnp.stack([smoother_for(model, jnp.asarray(c, float)).dimensions for c in candidates])

    def one(voxel: Any, shared: Shared) -> Image:
        fid, fitted = voxel
        x = to_vector(fitted.parameters)
        valid = jnp.all(jnp.isfinite(fid)) & jnp.any(fid != 0) & jnp.all(jnp.isfinite(x))
        valid = valid & (fitted.status != Status.INVALID)
        spectrum = spectrum_of(jnp.where(valid, fid, 1.0))
        inside = spectrum[slice(*setting.model.window)]
        noise = noise_sd(spectrum, setting.model)
        unit = jax.lax.stop_gradient(jnp.maximum(noise, 1e-4 * jnp.abs(inside).max()))
        inside = jnp.where(valid, inside, 0.0)
        members = len(model.groups)
        x = x.at[:members].multiply(table.basis_scale / unit)
        x = jax.lax.stop_gradient(jnp.where(valid, x, 0.0))
        nearest = jnp.argmin(jnp.abs(dimensions - fitted.baseline_dimensions))
        stiffness = jnp.asarray(candidates, x.dtype)[nearest]
        own = Own(inside / unit, stiffness, jnp.ones((), x.dtype))
        own, spread = chosen(x, own, jnp.asarray(False), shared, setting)
        return Image(x, own, noise, unit, spread, valid)

    return over_voxels(one, (fids, fitted), shared, mesh=setting.mesh)


def chosen(
    x: Float[Array, " n"], own: Own, anew: Bool[Array, ""], shared: Shared, setting: Setting
) -> tuple[Own, Float[Array, "candidates n"]]:
    """Misfit, what the choice of the stiffness adds to the covariance, and where `anew` the stiffness itself."""
    model, candidates = setting.narrow, jnp.asarray(setting.candidates, x.dtype)
    if not (shared.priors.labels or isinstance(model.baseline, SplineBaseline)):
        return own, jnp.zeros((0, x.shape[0]), x.dtype)
    problem = jax.lax.stop_gradient(problem_of(own._replace(misfit=jnp.ones((), x.dtype)), shared))
    value, slope = pieces(x, problem, model)
    each = [smoother_for(model, candidate) for candidate in candidates]
    smoothers = Smoother(each[0].functions, jnp.stack([s.kept for s in each]), jnp.stack([s.left for s in each]))
    lower, upper = setting.limits
    free = ((x > lower) & (x < upper)).astype(x.dtype)
    choice = jax.lax.stop_gradient(best_stiffness(value, slope, free, smoothers))
    stiffness = jnp.where(anew, candidates[choice.best], own.stiffness)
    return own._replace(stiffness=stiffness, misfit=jnp.sqrt(choice.excess)), choice.spread


def told_by_data(at: Around, x: Float[Array, "voxels n"], setting: Setting) -> Float[Array, "voxels 3 3"]:
    """Covariance of the smoothed quantities of each voxel by itself."""

    def one(voxel: Any, _: Any) -> Array:
        normal, gradient, slope, x = voxel
        free = free_of_bounds(x, gradient, setting)
        return slope @ solve_block(normal, slope.T, free, jnp.zeros((), normal.dtype))

    return over_voxels(one, (at.cost.normal, at.cost.gradient, at.slope, x), mesh=setting.mesh)


def precision_of(covariance: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """The inverse; what is held, or not smoothed, is known to a millionth of what is expected."""
    return covariance_bound(covariance + 1e-6 * jnp.eye(3, dtype=covariance.dtype))


def estimates(
    x: Float[Array, "voxels n"],
    image: Image,
    learned: Float[Array, "voxels 3 3"],
    pulled: Float[Array, "voxels 3"],
    inverse: Float[Array, "3"],
    table: FitTable,
    priors: Priors,
    setting: Setting,
) -> Estimate:
    """Answers with their uncertainties, in the units of data and basis; steps and status are left at 0.

    Args:
        x: the answers.
        image: the problems.
        learned: precision of the smoothed quantities that the neighbours add, in units of the expected differences.
        pulled: gradient of the prior in the smoothed quantities, in the same units.
        inverse: one over the expected differences.
        table: of the basis.
        priors: soft constraints.
        setting: fixed choices.
    """
    shared = Shared(table.basis_fid, priors, table.floor)

    def one(voxel: Any, rest: Any) -> Estimate:
        (x, image, learned, pulled), (shared, scale, inverse) = voxel, rest
        model, members = setting.narrow, len(setting.model.groups)
        value, slope = pieces(x, problem_of(image.own, shared), model)
        smoother = smoother_for(model, image.own.stiffness)
        value, slope = _with_neighbours(value, slope, x, learned, pulled, inverse, image.own.misfit, setting)
        noise, unit = image.noise, image.unit

        def around(noise: Array, sharpened: Array) -> Any:
            return posterior(x, value, slope, smoother, noise, image.spread, sharpened)

        found = around(noise / unit, image.own.misfit)
        freedom = 2 * model.n_window - found.dimensions
        chi2 = found.square / freedom / jnp.maximum(noise / unit, 1e-30) ** 2
        if setting.inflate:
            found = around(noise / unit * jnp.sqrt(jnp.maximum(chi2, 1.0)), jnp.ones_like(noise))
        amplitude_unit = unit / scale
        answer = replace(wrapped(to_parameters(x, model)), baseline=found.baseline)
        nothing = jnp.zeros((), jnp.int32)
        return Estimate(
            parameters=in_units(answer, amplitude_unit, unit),
            sd=in_units(sd_of_parameters(found.covariance, found.baseline_variance, model), amplitude_unit, unit),
            amplitude_covariance=found.covariance[:members, :members] * amplitude_unit**2,
            crlb_covariance=found.without_ratios[:members, :members] * amplitude_unit**2,
            amplitude_centre=found.centre[:members] * amplitude_unit,
            amplitude_spread=found.spread[:members] * amplitude_unit,
            noise_sd=noise,
            chi2_reduced=chi2,
            dimensions=found.dimensions,
            baseline_dimensions=smoother.dimensions,
            steps=nothing,
            status=nothing,
        )

    return over_voxels(one, (x, image, learned, pulled), (shared, table.basis_scale, inverse), mesh=setting.mesh)


def _with_neighbours(
    value: Pieces,
    slope: Pieces,
    x: Array,
    learned: Array,
    pulled: Array,
    inverse: Array,
    misfit: Array,
    setting: Setting,
) -> tuple[Pieces, Pieces]:
    """What is known from the neighbours as three more constraints, written as the sharpened ones are."""
    directions = jax.jacfwd(lambda x: smoothed(x, setting.narrow))(x) * inverse[:, None]
    scale = 1 / jnp.sqrt(jnp.maximum(jnp.diag(learned), 1e-12))
    unit = learned * (scale[:, None] * scale[None, :])
    root = jnp.linalg.cholesky(unit + 1e-6 * jnp.eye(3, dtype=x.dtype)) / scale[:, None]
    off = jax.scipy.linalg.solve_triangular(root, pulled, lower=True)
    return (
        value._replace(values=jnp.concatenate([value.values, off / misfit])),
        slope._replace(values=jnp.concatenate([slope.values, directions.T @ root * misfit], axis=1)),
    )
