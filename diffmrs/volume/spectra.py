"""Fit, baseline and residual of every voxel as NIfTI-MRS, written chunk by chunk into files of their final size."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.axes import fid_of, spectrum_of
from diffmrs.data import MRSData
from diffmrs.fitting import FitResult, Status
from diffmrs.fitting.engine import local_mesh, over_voxels
from diffmrs.io.nifti_mrs import nifti_image
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict_baseline, predict_fid
from diffmrs.results import Layout
from diffmrs.volume.source import release

KINDS = ("fit", "baseline", "residual")


class SpectraFiles:
    """`fit.nii` (baseline included), `baseline.nii` and `residual.nii`: data are fit plus residual.

    The baseline is known in the fit window only and is 0 outside it; samples past those that were fitted are 0, and so
    are voxels that were not.

    Args:
        data: the measurement, for shape and header.
        layout: which spectra are fitted.
    """

    def __init__(self, data: MRSData, layout: Layout) -> None:
        self.data, self.layout = data, layout

    def write(self, folder: Path, result: FitResult, rows: np.ndarray) -> None:
        """Put the spectra of a chunk into their places.

        Args:
            folder: where the files grow.
            result: the fits.
            rows: their indices into the flattened leading axes.
        """
        flat = result.flat()
        fids = jnp.asarray(result.data.spectra)
        parts = _parts(flat.parameters, fids, jnp.asarray(result.basis.fid), result.model)
        fitted = np.asarray(flat.status != Status.INVALID)[:, None]
        places = np.unravel_index(rows, self.data.fid.shape[:-1])
        for kind, values in zip(KINDS, parts, strict=True):
            mapped = self._open(folder / f"{kind}.nii")
            values = np.where(fitted, np.asarray(values), 0)
            for point in range(values.shape[1]):
                mapped[(*places[:3], np.full(len(rows), point), *places[3:])] = values[:, point]
            mapped.flush()
            release(mapped)

    def move(self, source: Path, target: Path) -> None:
        """Put the finished files where they belong."""
        for kind in KINDS:
            (source / f"{kind}.nii").replace(target / f"{kind}.nii")

    def _open(self, path: Path) -> np.memmap:
        """The samples of a file as an array on the disk, [x, y, z, points, *extra]; made when it does not exist."""
        lead = self.data.fid.shape[:-1]
        shape = (*lead[:3], self.data.n_points, *lead[3:])
        nothing = np.broadcast_to(np.zeros((), np.complex64), self.data.fid.shape)
        image = nifti_image(MRSData(nothing, self.data.acquisition, self.data.dim_tags, self.data.header), str(path))
        image.header.set_slope_inter(1.0, 0.0)
        if not path.exists():
            fresh = path.with_suffix(".part")
            with fresh.open("wb") as stream:
                image.header.write_to(stream)
                stream.truncate(image.header.get_data_offset() + 8 * int(np.prod(shape)))
            fresh.replace(path)
        offset = image.header.get_data_offset()
        return np.memmap(path, np.dtype("<c8"), "r+", offset, shape, "F")


@partial(jax.jit, static_argnames="model")
def _parts(
    parameters: Parameters,
    fids: Complex[Array, "spectra points"],
    basis_fid: Complex[Array, "members points"],
    model: SignalModel,
) -> tuple[Array, Array, Array]:
    """FIDs of the whole fit, of the baseline and of the residual. [spectra, points] each"""
    frequency_hz = model.acquisition.frequency_hz(model.n_points)

    def one(voxel: tuple[Parameters, Array], basis_fid: Array) -> tuple[Array, Array, Array]:
        fitted, fid = voxel
        angle = 2 * jnp.pi * jnp.asarray(frequency_hz, fitted.delay_s.dtype) * fitted.delay_s
        turn = jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
        metabolites = turn * spectrum_of(predict_fid(fitted, basis_fid, model))
        inside = predict_baseline(fitted, model)
        baseline = jnp.zeros_like(metabolites).at[slice(*model.window)].set(inside)
        whole = fid_of(metabolites + baseline)
        return whole, fid_of(baseline), fid - whole

    return over_voxels(one, (parameters, fids), basis_fid, mesh=local_mesh())
