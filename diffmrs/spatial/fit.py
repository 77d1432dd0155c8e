"""From independent fits of an image to one joint fit that knows neighbours to be alike."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Complex, Float

from diffmrs.errors import InputError
from diffmrs.fitting import Estimate, FitResult, FitTable, Status, fit_table
from diffmrs.fitting.coordinates import Bounds
from diffmrs.fitting.engine import local_mesh, over_voxels
from diffmrs.fitting.solver import LevenbergMarquardt
from diffmrs.priors.priors import Priors
from diffmrs.results.layout import Layout
from diffmrs.spatial.belief import learned
from diffmrs.spatial.expected import expected_differences
from diffmrs.spatial.implicit import implicit_image
from diffmrs.spatial.joint import expand_voxels, solve_joint
from diffmrs.spatial.neighbours import Neighbours, faces, places_of, surround
from diffmrs.spatial.prior import Smoothness, pull
from diffmrs.spatial.repair import Repaired, repaired
from diffmrs.spatial.setting import Setting, Shared
from diffmrs.spatial.voxels import Image, estimates, posed, precision_of, told_by_data


class _Graphs(NamedTuple):
    touching: Neighbours
    around: Neighbours


def fit_smooth(
    result: FitResult,
    *,
    tau: Smoothness | None = None,
    mask: np.ndarray | None = None,
    layout: Layout | None = None,
    repair: bool = True,
    max_steps: int = 30,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
    mesh: Mesh | None = None,
) -> FitResult:
    """Fit a spectroscopic image as a whole: neighbours are expected to have much the same shift, phase and width.

    Amplitudes, and everything else, stay each voxel's own. The answer is the most probable one of all parameters of all
    voxels; it can be differentiated in the data, the basis, the soft constraints and `tau`.

    Args:
        result: from `diffmrs.fit`.
        tau: expected differences of neighbours; estimated from the result when absent (`estimate_smoothness`).
        mask: voxels that take part, those above 0; the others keep their fits and have no influence. All by default.
            [x, y, z], or the axes of space that the result has
        layout: where the rows of a result with one row per spectrum belong; by default the leading axes of the result
            are those of the image. Spectra at different extra indices (transients, edits) are not tied.
        repair: whether voxels far from those around them are fitted once more from their neighbours.
        max_steps: of the whole image.
        bounds: those of the fit.
        optimiser: of repaired voxels; its tolerance is that of the image as well.
        mesh: devices to use; all of this host unless told otherwise.

    Returns:
        The result with another estimate. `steps` are added up; a voxel that had not come to rest after `max_steps` has
        `Status.STEP_LIMIT`. Exactly `result` when nothing is smoothed.

    Raises:
        InputError: mask or layout and result do not go together, or max_steps is not positive.
    """
    if max_steps < 1:
        raise InputError(f"max_steps is {max_steps}; it must be at least 1")
    rows, places = places_of(result, layout, mask)
    if tau is not None and tau.is_none:
        return result
    setting = Setting(
        result.model, bounds, optimiser, max_steps, result.inflated, local_mesh() if mesh is None else mesh
    )
    graphs = _Graphs(faces(places), surround(places))
    fids, fitted = result.data.spectra[rows], _flat(result.estimate, rows)
    if tau is None:
        tau = _smoothness(fids, result.basis.fid, fitted, result.priors, graphs, setting)
    found = _fit_rows(fids, result.basis.fid, fitted, result.priors, tau, graphs, setting, repair)
    lead = result.data.fid.shape[:-1]

    def put(all_: Array, some: Array) -> Array:
        flat = jnp.asarray(all_).reshape(result.data.n_spectra, *all_.shape[len(lead) :])
        return flat.at[rows].set(some.astype(flat.dtype)).reshape(all_.shape)

    return replace(result, estimate=jax.tree.map(put, result.estimate, found))


def estimate_smoothness(
    result: FitResult,
    *,
    mask: np.ndarray | None = None,
    layout: Layout | None = None,
    bounds: Bounds = Bounds(),
    mesh: Mesh | None = None,
) -> Smoothness:
    """How much shift, phase and width of neighbours differ in an image, by the marginal likelihood of its fits.

    Args:
        result: from `diffmrs.fit`.
        mask: as in `fit_smooth`.
        layout: as in `fit_smooth`.
        bounds: those of the fit.
        mesh: devices to use.

    Returns:
        The expected differences; infinite where no two fitted voxels touch.

    Raises:
        InputError: mask or layout and result do not go together.
    """
    rows, places = places_of(result, layout, mask)
    devices = local_mesh() if mesh is None else mesh
    setting = Setting(result.model, bounds, LevenbergMarquardt(), 1, result.inflated, devices)
    graphs = _Graphs(faces(places), surround(places))
    fids, fitted = result.data.spectra[rows], _flat(result.estimate, rows)
    return _smoothness(fids, result.basis.fid, fitted, result.priors, graphs, setting)


@partial(jax.jit, static_argnames="setting")
def _smoothness(
    fids: Complex[Array, "voxels points"],
    basis_fid: Complex[Array, "members points"],
    fitted: Estimate,
    priors: Priors,
    graphs: _Graphs,
    setting: Setting,
) -> Smoothness:
    table = fit_table(basis_fid, setting.model, setting.bounds)
    shared = Shared(table.basis_fid, priors, table.floor)
    image, valid, graphs = _posed(fids, fitted, table, priors, graphs, setting)
    at = expand_voxels(image.x, image.own, shared, setting)
    variance = jnp.diagonal(told_by_data(at, image.x, setting), axis1=1, axis2=2)
    return Smoothness(*expected_differences(at.theta, variance, valid, graphs.touching, graphs.around))


@partial(jax.jit, static_argnames=("setting", "repair"))
def _fit_rows(
    fids: Complex[Array, "voxels points"],
    basis_fid: Complex[Array, "members points"],
    fitted: Estimate,
    priors: Priors,
    tau: Smoothness,
    graphs: _Graphs,
    setting: Setting,
    repair: bool,
) -> Estimate:
    table = fit_table(basis_fid, setting.model, setting.bounds)
    shared = Shared(table.basis_fid, priors, table.floor)
    image, valid, graphs = _posed(fids, fitted, table, priors, graphs, setting)
    graph, inverse = graphs.touching, tau.inverse(image.x.dtype)
    frozen, plain, constant = jax.lax.stop_gradient((image, shared, inverse))

    now = Repaired(frozen.x, frozen.own, frozen.spread, fitted.steps)
    if repair:
        now = repaired(now, valid, plain, constant, graph, graphs.around, setting)
    solved = jax.lax.stop_gradient(solve_joint(now.x, now.own, plain, constant, graph, setting))

    # The solver has been; here its answer is given the derivatives that the implicit function theorem knows.
    own = image.own._replace(stiffness=now.own.stiffness, misfit=now.own.misfit)
    x = implicit_image(setting)((own, shared, inverse), graph, solved.x)
    covariance = told_by_data(solved.around, solved.x, setting)
    units = constant[None, :, None] * constant[None, None]
    precision = over_voxels(lambda voxel, _: precision_of(voxel), covariance * units, mesh=setting.mesh)
    told = learned(precision * valid[:, None, None], graph)
    pulled = pull(solved.around.theta, graph, constant) / jnp.where(constant > 0, constant, 1.0)[None]
    image = image._replace(own=own, spread=now.spread)
    found = estimates(x, image, told, pulled, constant, table, priors, setting)
    good = image.valid
    status = jnp.where(good, solved.status, Status.INVALID)
    found = replace(found, steps=now.steps + solved.steps, status=status)

    def known(leaf: Array) -> Array:
        if jnp.issubdtype(leaf.dtype, jnp.integer):
            return leaf
        return jnp.where(good.reshape(-1, *(1,) * (leaf.ndim - 1)), leaf, jnp.nan)

    return jax.tree.map(known, found)


def _posed(
    fids: Array, fitted: Estimate, table: FitTable, priors: Priors, graphs: _Graphs, setting: Setting
) -> tuple[Image, Float[Array, " voxels"], _Graphs]:
    image = posed(fids, fitted, table, priors, setting)
    valid = image.valid.astype(image.x.dtype)
    return image, valid, _Graphs(*(graph.among(valid) for graph in graphs))


def _flat(estimate: Estimate, rows: np.ndarray) -> Estimate:
    lead, count = estimate.status.ndim, estimate.status.size
    return jax.tree.map(lambda leaf: jnp.asarray(leaf).reshape(count, *leaf.shape[lead:])[rows], estimate)
