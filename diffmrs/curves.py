"""The curves of one fit, as one looks at them: real parts, phased so that peaks stand up."""

from dataclasses import dataclass, replace
from functools import partial
from operator import index as as_index

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Complex, Float

from diffmrs.data import is_macromolecule
from diffmrs.errors import InputError
from diffmrs.fitting import Bounds, FitResult, Status
from diffmrs.fitting.engine import local_mesh, over_voxels
from diffmrs.fitting.estimate import banded
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, first_order_phase, predict_baseline, predict_fid, predict_members
from diffmrs.model.split import Split, split


@dataclass(frozen=True)
class Curves:
    """Real part of each curve in the fit window, in units of the data spectrum, with the fitted phases taken off.

    Attributes:
        ppm: chemical shift, falling. [window]
        data: the measured spectrum. [window]
        fit: the model, baseline included. [window]
        baseline: the baseline alone. [window]
        members: each basis member at its fitted amplitude. [members, window]
        names: of the members.
        noise_sd: standard deviation of the noise of each point.
    """

    ppm: np.ndarray
    data: np.ndarray
    fit: np.ndarray
    baseline: np.ndarray
    members: np.ndarray
    names: tuple[str, ...]
    noise_sd: float

    @property
    def residual(self) -> np.ndarray:
        """Data minus fit. [window]"""
        return self.data - self.fit

    @property
    def heavy(self) -> np.ndarray:
        """Macromolecules and lipids together; zeros without any. [window]"""
        return self.members[[is_macromolecule(name) for name in self.names]].sum(axis=0)


def curves_of(result: FitResult, index: int = 0) -> Curves:
    """The curves of one spectrum.

    Args:
        result: from `diffmrs.fit`.
        index: which spectrum, counted over all leading axes.

    Raises:
        InputError: there is no such spectrum, or it could not be fitted.
    """
    number = checked_index(result, index)
    rows = result.flat()
    if rows.status[number] == Status.INVALID:
        raise InputError(f"spectrum {number} has no fit to show ({Status.INVALID.explanation})")
    parameters = jax.tree.map(lambda leaf: jnp.asarray(leaf[number]), rows.parameters)
    data, baseline, members = jax.tree.map(
        np.asarray, _phased(parameters, result.data.spectra[number], result.basis.fid, result.model)
    )
    return Curves(
        ppm=result.model.ppm,
        data=data,
        fit=members.sum(axis=0) + baseline,
        baseline=baseline,
        members=members,
        names=result.names,
        noise_sd=float(rows.noise_sd[number]),
    )


def checked_index(result: FitResult, index: int) -> int:
    """`index`, when the result holds that many spectra.

    Raises:
        InputError: it does not.
    """
    number, count = as_index(index), result.data.n_spectra
    if not 0 <= number < count:
        raise InputError(f"spectrum {number} was asked for; the data hold {count}, counted from 0")
    return number


def signal_height(result: FitResult) -> np.ndarray:
    """Tallest point of the fitted metabolites, phased, without baseline, data units; NaN without a fit. [spectra]"""
    rows = result.flat()
    fitted = np.asarray(rows.status != Status.INVALID)
    parameters = jax.tree.map(
        lambda leaf: np.where(_beside(fitted, leaf), leaf, 0.0).astype(leaf.dtype), rows.parameters
    )
    heights = _heights(parameters, jnp.asarray(result.basis.fid), result.model, local_mesh())
    return np.where(fitted, np.asarray(heights), np.nan)


@partial(jax.jit, static_argnames=("model", "mesh"))
def _heights(
    parameters: Parameters, basis_fid: Complex[Array, "members points"], model: SignalModel, mesh: Mesh | None
) -> Float[Array, " spectra"]:
    narrow = banded(model, Bounds())

    def height(one: Parameters, basis_fid: Split) -> Array:
        upright = replace(one, phase0_rad=jnp.zeros_like(one.phase0_rad))
        return narrow.window_of(predict_fid(upright, basis_fid, narrow)).real.max()

    return over_voxels(height, parameters, split(narrow.reduce_fid(basis_fid)), mesh=mesh)


@partial(jax.jit, static_argnames="model")
def _phased(
    parameters: Parameters,
    fid: Complex[Array, " points"],
    basis_fid: Complex[Array, "members points"],
    model: SignalModel,
) -> tuple[Float[Array, " window"], Float[Array, " window"], Float[Array, "members window"]]:
    back = jnp.conj(jnp.exp(1j * parameters.phase0_rad) * first_order_phase(parameters, model))
    members = parameters.amplitude[:, None] * predict_members(parameters, basis_fid, model)
    baseline = predict_baseline(parameters, model)
    return (back * model.window_of(fid)).real, (back * baseline).real, (back[None] * members).real


def _beside(flags: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    return flags.reshape(-1, *(1,) * (leaf.ndim - 1))
