"""Bring data and basis to one sampling before anything is traced, or say why that cannot be done."""

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.resampling import resample

DEFAULT_PPM_RANGE = (0.5, 4.2)  # brain 1H


def prepare(data: MRSData, basis: Basis) -> tuple[MRSData, Basis]:
    """Data and basis sampled alike, in the working precision.

    Zeros appended to the FIDs are cut off (they carry no information and would make the noise look smaller), and the
    basis is resampled to the data. Under `jit` or `grad` neither can be done, as values are not known: then both must
    be sampled alike already.

    Raises:
        InputError: nuclei differ, nothing but zeros or NaN in the data, or the basis cannot be resampled.
    """
    if isinstance(data.fid, jax.core.Tracer) or isinstance(basis.fid, jax.core.Tracer):
        return _prepare_traced(data, basis)
    fid = np.asarray(data.fid)
    finite = np.isfinite(fid).all(axis=-1)
    if not finite.any():
        raise InputError("every spectrum in the data holds NaN or infinite samples; at least one must be finite")
    if not fid[finite].any():
        raise InputError("the data hold nothing but zeros; at least one spectrum must hold signal")
    data = data.with_fid(fid[..., : _used_points(fid[finite])])
    basis = resample(basis, data.acquisition, data.n_points)
    dtype = jnp.result_type(jnp.asarray(data.fid[..., :1]).dtype, jnp.asarray(basis.fid[:, :1]).dtype)
    return data.with_fid(jnp.asarray(data.fid, dtype)), _with_fid(basis, jnp.asarray(basis.fid, dtype))


def default_groups(basis: Basis) -> tuple[int, ...]:
    """Metabolites in one group, macromolecules and lipids in another: each group shares a width and a shift."""
    heavy = [is_macromolecule(name) for name in basis.names]
    return (0,) * len(heavy) if all(heavy) else tuple(int(flag) for flag in heavy)


def default_ppm_range(acquisition: Acquisition, n_points: int) -> tuple[float, float]:
    """0.5 to 4.2 ppm for 1H; for other nuclei all of the band but its ends."""
    if acquisition.nucleus == "1H":
        return DEFAULT_PPM_RANGE
    ppm = acquisition.ppm(n_points)
    margin = 0.05 * (ppm.max() - ppm.min())
    return float(ppm.min() + margin), float(ppm.max() - margin)


def _prepare_traced(data: MRSData, basis: Basis) -> tuple[MRSData, Basis]:
    if basis.acquisition != data.acquisition or basis.n_points != data.n_points:
        raise InputError(
            "basis and data are sampled differently; inside jit or grad, resample the basis first with "
            "diffmrs.resample(basis, data.acquisition, data.n_points)"
        )
    dtype = jnp.result_type(data.fid.dtype, basis.fid.dtype)
    return data.with_fid(jnp.asarray(data.fid, dtype)), _with_fid(basis, jnp.asarray(basis.fid, dtype))


def _used_points(fids: np.ndarray) -> int:
    """Samples before the zeros that all FIDs end in; all of them when fewer than a tenth is zero."""
    n_points = fids.shape[-1]
    used = int(np.flatnonzero((fids != 0).reshape(-1, n_points).any(axis=0))[-1]) + 1
    return used if used < 0.9 * n_points else n_points


def _with_fid(basis: Basis, fid: jax.Array) -> Basis:
    return Basis(fid, basis.acquisition, basis.names, basis.source)
