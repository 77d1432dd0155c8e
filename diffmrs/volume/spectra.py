"""Fit, baseline and residual of every voxel as NIfTI-MRS, written chunk by chunk into files of their final size."""

import os
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
from diffmrs.io.atomic import atomic_write
from diffmrs.io.nifti_mrs import nifti_image
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict_baseline, predict_fid
from diffmrs.results import Layout
from diffmrs.volume.source import release

KINDS = ("fit", "baseline", "residual")
_AT_ONCE_BYTES = 64 * 2**20
_FIDS_AT_ONCE = 4096


class SpectraFiles:
    """`fit.nii` (baseline included), `baseline.nii` and `residual.nii`: data are fit plus residual.

    The baseline is known in the fit window only and is 0 outside it; samples past those that were fitted are 0, and so
    are voxels that were not.

    While a volume is fitted, the FIDs of its voxels lie one after the other; only in the end they are put into the
    order of the file, where time runs slowest, so that each sample is written once.

    Args:
        data: the measurement, for shape and header.
        layout: which spectra are fitted.
    """

    def __init__(self, data: MRSData, layout: Layout) -> None:
        self.data, self.layout = data, layout

    @property
    def wanted_bytes(self) -> float:
        """Room on the disk, while they are written."""
        return 8.0 * self.data.n_points * ((len(KINDS)) * len(self.layout.rows) + len(KINDS) * self.data.n_spectra)

    def write(self, folder: Path, result: FitResult, span: slice) -> None:
        """Keep the spectra of a chunk.

        Args:
            folder: where the files grow.
            result: the fits.
            span: where they lie among the fitted spectra.
        """
        flat = result.flat()
        fids = jnp.asarray(result.data.spectra)
        parts = _parts(flat.parameters, fids, jnp.asarray(result.basis.fid), result.model)
        fitted = np.asarray(flat.status != Status.INVALID)[:, None]
        for kind, values in zip(KINDS, parts, strict=True):
            rows = np.where(fitted, np.asarray(values), 0).astype("<c8")
            whole = np.zeros((len(rows), self.data.n_points), "<c8")
            whole[:, : rows.shape[1]] = rows
            # Made when it is not there, never cut: other processes may write other rows.
            with os.fdopen(os.open(folder / f"{kind}.rows", os.O_RDWR | os.O_CREAT, 0o666), "r+b") as stream:
                stream.seek(whole.itemsize * self.data.n_points * span.start)
                stream.write(whole.tobytes())

    def whole(self, folder: Path) -> bool:
        """Whether the files that `write` makes are there, where earlier chunks have been written."""
        return all((folder / f"{kind}.rows").is_file() for kind in KINDS)

    def finish(self, source: Path, target: Path) -> None:
        """Make the files of what was kept.

        Raises:
            InputError: they cannot be written.
        """
        for kind in KINDS:
            kept = source / f"{kind}.rows"
            self._write_file(kept, target / f"{kind}.nii")
            kept.unlink()

    def _write_file(self, kept: Path, path: Path) -> None:
        lead, points = self.data.fid.shape[:-1], self.data.n_points
        lead = (*(1,) * max(3 - (len(lead) - len(self.data.dim_tags)), 0), *lead)
        nothing = np.broadcast_to(np.zeros((), np.complex64), (*lead, points))
        image = nifti_image(MRSData(nothing, self.data.acquisition, self.data.dim_tags, self.data.header), str(path))
        image.header.set_slope_inter(1.0, 0.0)
        rows = np.memmap(kept, "<c8", "r", 0, (len(self.layout.rows), points))
        # In the file x runs fastest, then y, z, time and the further dimensions.
        space, n_extra = lead[:3], int(np.prod(lead[3:], dtype=int))
        order = np.arange(int(np.prod(lead))).reshape(-1, n_extra)
        order = order.reshape(*space, *lead[3:]).transpose(*range(len(lead))[::-1]).reshape(n_extra, -1)
        row_of = np.full(int(np.prod(lead)), -1)
        row_of[self.layout.rows] = np.arange(len(self.layout.rows))
        at_once = max(_AT_ONCE_BYTES // (8 * order.shape[1]), 1)
        with atomic_write(path) as stream:
            image.header.write_to(stream)
            stream.seek(image.header.get_data_offset())
            for voxels in order:
                taken = row_of[voxels]
                for start in range(0, points, at_once):
                    stream.write(_some_points(rows, taken, slice(start, start + at_once)).tobytes())


def _some_points(rows: np.memmap, taken: np.ndarray, points: slice) -> np.ndarray:
    """Points of FIDs that lie one after the other on the disk, 0 where `taken` is -1. [points, taken]"""
    found = np.zeros((len(range(*points.indices(rows.shape[1]))), len(taken)), rows.dtype)
    (inside,) = np.nonzero(taken >= 0)
    for start in range(0, len(inside), _FIDS_AT_ONCE):
        some = inside[start : start + _FIDS_AT_ONCE]
        found[:, some] = np.asarray(rows[:, points][taken[some]]).T
        release(rows)
    return found


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
