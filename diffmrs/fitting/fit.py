"""Fit every FID of a measurement with a basis set."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Complex

from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.coordinates import Bounds
from diffmrs.fitting.engine import local_mesh, over_voxels
from diffmrs.fitting.estimate import Estimate, FitTable, fit_fid, fit_table
from diffmrs.fitting.options import DEFAULT_BASELINE, DEFAULT_PRIORS
from diffmrs.fitting.prepare import default_groups, default_ppm_range, prepare
from diffmrs.fitting.solver import LevenbergMarquardt, Status
from diffmrs.model.baseline import Baseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.shape import VOIGT, Lineshape
from diffmrs.model.signal import SignalModel, model_for
from diffmrs.priors.constraints import Constraint, ParameterPrior
from diffmrs.priors.priors import Priors, priors_for
from diffmrs.priors.sets import all_constraints, own_groups
from diffmrs.pytree import container


@container(static=("model", "inflated"))
@dataclass(frozen=True)
class FitResult:
    """What was fitted, with what, and the answer.

    Attributes:
        data: the data as fitted (zeros at the end cut off).
        basis: the basis as fitted (sampled like the data).
        model: the fixed part of the signal model.
        priors: the soft constraints.
        estimate: the answer, with the leading axes of `data.fid`.
        inflated: whether uncertainties grew by the residual over the noise where that is above one.
    """

    data: MRSData
    basis: Basis
    model: SignalModel
    priors: Priors
    estimate: Estimate
    inflated: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each amplitude."""
        return self.basis.names

    @property
    def converged(self) -> np.ndarray:
        """Which fits converged, with the leading axes of the data."""
        return np.asarray(np.asarray(self.estimate.status) == Status.CONVERGED)

    def flat(self) -> Estimate:
        """The estimates as plain NumPy arrays, one row per spectrum."""
        lead, count = self.estimate.status.ndim, self.estimate.status.size
        return jax.tree.map(lambda leaf: np.asarray(leaf).reshape(count, *leaf.shape[lead:]), self.estimate)


def fit(
    data: MRSData,
    basis: Basis,
    *,
    ppm_range: tuple[float, float] | None = None,
    baseline: Baseline = DEFAULT_BASELINE,
    priors: str | Sequence[str | Constraint] = DEFAULT_PRIORS,
    groups: tuple[int, ...] | None = None,
    shims: tuple[int, ...] | None = None,
    lineshape: Lineshape = VOIGT,
    noise_scale: tuple[tuple[float, float, float], ...] = (),
    inflate: bool = False,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
    mesh: Mesh | None = None,
    starter: "Starter | None" = None,
) -> FitResult:
    """Fit every FID of `data` with `basis`, all in one compiled call.

    Args:
        data: the measurement, any number of spectra.
        basis: the basis set; resampled to the data when needed.
        ppm_range: lower and upper limit of the fit, ppm; 0.5 to 4.2 for 1H.
        baseline: the baseline functions; a penalised spline, its stiffness chosen from the data, unless told otherwise.
        priors: the name of a ready set of `diffmrs.priors.PRIOR_SETS`, or soft constraints and names of sets in any
            mixture.
        groups: group of each basis member, counted from 0; members of a group share shift and Lorentzian width. By
            default each member is a group of its own where soft constraints hold the groups together; without any,
            metabolites form one group and macromolecules and lipids, known by their names, another.
        shims: shim group of each basis member; members share Gaussian width and asymmetry. Metabolites and
            macromolecules by default.
        lineshape: Voigt lines, and what may be added to them.
        noise_scale: regions in which noise counts for more (or less): lower and upper ppm, and the factor on its
            standard deviation.
        inflate: whether uncertainties grow by the residual over the noise where that is above one.
        bounds: where the answer may lie.
        optimiser: the solver.
        mesh: devices to use; all of this host unless told otherwise.
        starter: what tells where each fit begins and how many steps it takes (`diffmrs.learn`); starts are searched for
            and fits go to the end without.

    Returns:
        The result; `FitResult.estimate.status` tells how each fit went.

    Raises:
        InputError: data and basis do not go together, or the ppm range does not fit the axis.
    """
    data, basis = prepare(data, basis)
    setup = set_up(
        basis,
        ppm_range=ppm_range,
        baseline=baseline,
        priors=priors,
        groups=groups,
        shims=shims,
        lineshape=lineshape,
        noise_scale=noise_scale,
        inflate=inflate,
        bounds=bounds,
        optimiser=optimiser,
    )
    devices = local_mesh() if mesh is None else mesh
    rest = (setup.model, inflate, bounds, optimiser, devices)
    if starter is None:
        rows = fit_rows(data.spectra, setup.basis.fid, setup.priors, *rest)
    else:
        starts = starter.starts(jnp.asarray(data.spectra), setup)
        rows = refine_rows(data.spectra, starts, setup.basis.fid, setup.priors, starter.steps, *rest)
    return setup.result(data, rows)


@dataclass(frozen=True)
class Setup:
    """Everything that a fit is told, checked, and made ready for any number of spectra.

    Attributes:
        basis: sampled like the data, in the working precision.
        model: the fixed part of the signal model.
        priors: the soft constraints.
        inflate: whether uncertainties grow by the residual over the noise where that is above one.
        bounds: where the answer may lie.
        optimiser: the solver.
    """

    basis: Basis
    model: SignalModel
    priors: Priors
    inflate: bool
    bounds: Bounds
    optimiser: LevenbergMarquardt

    def result(self, data: MRSData, rows: Estimate) -> FitResult:
        """The result of fits of all spectra of `data`, [spectra, ...]."""
        lead = data.fid.shape[:-1]
        estimate = jax.tree.map(lambda leaf: leaf.reshape(*lead, *leaf.shape[1:]), rows)
        return FitResult(data, self.basis, self.model, self.priors, estimate, self.inflate)


def set_up(
    basis: Basis,
    *,
    ppm_range: tuple[float, float] | None = None,
    baseline: Baseline = DEFAULT_BASELINE,
    priors: str | Sequence[str | Constraint] = DEFAULT_PRIORS,
    groups: tuple[int, ...] | None = None,
    shims: tuple[int, ...] | None = None,
    lineshape: Lineshape = VOIGT,
    noise_scale: tuple[tuple[float, float, float], ...] = (),
    inflate: bool = False,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Setup:
    """What `fit` was told as one object; arguments as there, with a basis that is sampled like the data."""
    constraints = all_constraints(priors, basis.names, basis.acquisition)
    model = model_for(
        basis,
        ppm_range=ppm_range or default_ppm_range(basis.acquisition, basis.n_points),
        groups=_groups(groups, basis, constraints),
        shims=default_groups(basis) if shims is None else _checked("shims", shims, basis),
        baseline=baseline,
        lineshape=lineshape,
        noise_scale=noise_scale,
    )
    return Setup(basis, model, priors_for(constraints, basis.names, model), inflate, bounds, optimiser)


@runtime_checkable
class Starter(Protocol):
    """What tells parameters to begin at, such as a trained network, and how many steps are taken from there."""

    @property
    def steps(self) -> int | None:
        """Trial steps; 0 keeps the parameters, None goes on to the end."""

    def starts(self, fids: Array, setup: "Setup") -> Parameters:
        """Parameters of the setup's model for some FIDs, in units of data and basis. [spectra, ...]"""


@partial(jax.jit, static_argnames=("steps", "model", "inflate", "bounds", "optimiser", "mesh"))
def refine_rows(
    fids: Complex[Array, "spectra points"],
    starts: Parameters,
    basis_fid: Complex[Array, "members points"],
    priors: Priors,
    steps: int | None,
    model: SignalModel,
    inflate: bool,
    bounds: Bounds,
    optimiser: LevenbergMarquardt,
    mesh: Mesh | None,
) -> Estimate:
    """Some steps, or all, from given parameters of each spectrum; all checks made."""
    table = fit_table(basis_fid, model, bounds)

    def one(voxel: tuple[Array, Parameters], shared: tuple[FitTable, Priors]) -> Estimate:
        fid, start = voxel
        table, priors = shared
        return fit_fid(
            fid, table, model, priors, start=start, steps=steps, inflate=inflate, bounds=bounds, optimiser=optimiser
        )

    return over_voxels(one, (fids, starts), (table, priors), mesh=mesh)


@partial(jax.jit, static_argnames=("model", "inflate", "bounds", "optimiser", "mesh"))
def fit_rows(
    fids: Complex[Array, "spectra points"],
    basis_fid: Complex[Array, "members points"],
    priors: Priors,
    model: SignalModel,
    inflate: bool,
    bounds: Bounds,
    optimiser: LevenbergMarquardt,
    mesh: Mesh | None,
) -> Estimate:
    """Fit spectra with a basis and a model that go together, all checks made."""
    table = fit_table(basis_fid, model, bounds)
    return over_voxels(
        lambda fid, shared: fit_fid(
            fid, shared[0], model, shared[1], inflate=inflate, bounds=bounds, optimiser=optimiser
        ),
        fids,
        (table, priors),
        mesh=mesh,
    )


def _groups(groups: tuple[int, ...] | None, basis: Basis, constraints: tuple[Constraint, ...]) -> tuple[int, ...]:
    if groups is not None:
        return _checked("groups", groups, basis)
    held = any(isinstance(c, ParameterPrior) and c.relative_to for c in constraints)
    return own_groups(basis.names) if held else default_groups(basis)


def _checked(what: str, groups: tuple[int, ...], basis: Basis) -> tuple[int, ...]:
    if len(groups) != len(basis.names) or sorted(set(groups)) != list(range(max(groups) + 1)):
        raise InputError(
            f"{what} is {groups}; it must give one number per basis member ({len(basis.names)}), counted from 0"
        )
    return groups
