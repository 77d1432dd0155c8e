"""The curves of many voxels at once: data, fit and baseline, as one looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.errors import InputError
from diffmrs.fitting import FitResult, Status
from diffmrs.fitting.coordinates import Bounds
from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.estimate import banded
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, first_order_phase, predict_baseline, predict_metabolites


@dataclass(frozen=True)
class VoxelCurves:
    """Real parts in the fit window, data units, with the fitted phases taken off; NaN where there is nothing to show.

    Attributes:
        ppm: chemical shift, falling. [window]
        data: the measured spectra; with no phase taken off where there is no fit. [voxels, window], float32
        fit: the model, baseline included. [voxels, window], float32
        baseline: the baseline alone. [voxels, window], float32
        rows: which of the fitted spectra each is, an index into `Layout.rows` and the rows of the tables. [voxels]
    """

    ppm: np.ndarray
    data: np.ndarray
    fit: np.ndarray
    baseline: np.ndarray
    rows: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["VoxelCurves"]) -> "VoxelCurves":
        """The curves of several chunks of one volume, as one.

        Raises:
            InputError: nothing to join, or the chunks have another ppm axis each.
        """
        if not parts:
            raise InputError("no curves to join; give those of at least one chunk")
        if any(not np.array_equal(part.ppm, parts[0].ppm) for part in parts):
            raise InputError("the chunks have different ppm axes; curves of one fit window can be joined")
        fields = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _STACKED}
        return cls(parts[0].ppm, **fields)


_STACKED = ("data", "fit", "baseline", "rows")


def voxel_curves(
    result: FitResult, rows: np.ndarray | None = None, *, offset: int = 0, bounds: Bounds = Bounds()
) -> VoxelCurves:
    """The curves of many spectra of a fit, in one compiled call.

    Chunks with the same number of rows share the compiled code.

    Args:
        result: from `diffmrs.fit`.
        rows: which spectra, counted over all leading axes; all of them when absent. [voxels]
        offset: what to add to `rows` in the answer: how many spectra of the volume came before this chunk.
        bounds: what the fit was bounded by.

    Raises:
        InputError: there is no such spectrum.
    """
    estimate, count = result.flat(), result.data.n_spectra
    chosen = np.arange(count) if rows is None else np.asarray(rows, int)
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < count):
        raise InputError(f"spectra {chosen.min()} to {chosen.max()} were asked for; the data hold {count}, from 0")
    ppm = np.asarray(result.model.ppm)
    if not chosen.size:
        nothing = np.zeros((0, ppm.size), np.float32)
        return VoxelCurves(ppm, nothing, nothing, nothing, chosen + offset)
    fitted = np.asarray(estimate.status[chosen] != Status.INVALID)
    parameters = jax.tree.map(lambda leaf: _zero_unless(fitted, leaf[chosen]), estimate.parameters)
    spectra = np.asarray(result.data.spectra)[chosen]
    data, fit, baseline = (
        np.asarray(curve, np.float32)
        for curve in _phased((parameters, spectra), result.basis.fid, result.model, bounds)
    )
    hidden = np.where(fitted, np.float32(0), np.float32(np.nan))[:, None]
    return VoxelCurves(ppm, data, fit + hidden, baseline + hidden, chosen + offset)


@partial(jax.jit, static_argnames=("model", "bounds"))
def _phased(
    stacks: tuple[Parameters, Complex[Array, "voxels points"]],
    basis_fid: Complex[Array, "members points"],
    model: SignalModel,
    bounds: Bounds,
) -> tuple[Float[Array, "voxels window"], Float[Array, "voxels window"], Float[Array, "voxels window"]]:
    narrow = banded(model, bounds)

    def one(voxel: Any, basis_fid: Array) -> tuple[Array, Array, Array]:
        parameters, fid = voxel
        back = jnp.conj(jnp.exp(1j * parameters.phase0_rad) * first_order_phase(parameters, model))
        baseline = (back * predict_baseline(parameters, model)).real
        metabolites = (back * predict_metabolites(parameters, basis_fid, narrow)).real
        return (back * model.window_of(fid)).real, metabolites + baseline, baseline

    data, fit, baseline = over_voxels(one, stacks, narrow.reduce_fid(basis_fid))
    return data, fit, baseline


def _zero_unless(fitted: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    beside = fitted.reshape(-1, *(1,) * (leaf.ndim - 1))
    return np.where(beside, leaf, 0.0).astype(leaf.dtype)
