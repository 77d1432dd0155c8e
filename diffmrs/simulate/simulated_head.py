"""A spectroscopic image of a head whose truth is known, made slice by slice."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.data import Basis, Header, MRSData
from diffmrs.fitting.engine import over_voxels
from diffmrs.io.nifti_slabs import write_nifti_mrs_slabs
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict_fid
from diffmrs.simulate.head_tissue import Tissue

_CHUNK = 512  # voxels at a time


@dataclass(frozen=True)
class SimulatedHead:
    """A synthetic spectroscopic image and the truth about it. The FIDs are made when they are asked for.

    Attributes:
        basis: what the signals are made of: the members asked for, then `Lip` and `Water` where these were added.
        model: the fixed part of the signal.
        parameters: of each voxel, [x, y, z, ...] on every field, float32; the amplitudes are in mM.
        tissue: volume fractions.
        mask: voxels that lie at least half within the skull. [x, y, z]
        lipid_mask: voxels outside of `mask` that hold at least a fifth of fat. [x, y, z]
        noise_sd: standard deviation of the noise in the real part of the spectrum, the same everywhere.
        baseline_fid: baselines that are mixed. [baselines, points], complex64
        baseline_weight: share of each in each voxel. [x, y, z, baselines]
        header: with the place of the voxels, and what NIfTI-MRS demands.
        noise_key: where the noise comes from.
    """

    basis: Basis
    model: SignalModel
    parameters: Parameters
    tissue: Tissue
    mask: np.ndarray
    lipid_mask: np.ndarray
    noise_sd: float
    baseline_fid: np.ndarray
    baseline_weight: np.ndarray
    header: Header
    noise_key: jax.Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y and z."""
        nx, ny, nz = self.mask.shape
        return nx, ny, nz

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members, in the order of `parameters.amplitude`."""
        return self.basis.names

    @property
    def shift_hz(self) -> np.ndarray:
        """Frequency shift, Hz; positive moves lines to lower ppm. [x, y, z]"""
        return np.asarray(self.parameters.frequency_shift_hz)[..., 0]

    @property
    def phase_rad(self) -> np.ndarray:
        """Zero-order phase, rad. [x, y, z]"""
        return np.asarray(self.parameters.phase0_rad)

    def concentration_mm(self, *members: str) -> np.ndarray:
        """Sum of the true amplitudes of some members, mM. [x, y, z]

        Raises:
            InputError: there is no such member.
        """
        columns = [self.basis.index(name) for name in members]
        return np.asarray(self.parameters.amplitude)[..., columns].sum(axis=-1)

    @cached_property
    def data(self) -> MRSData:
        """All FIDs with noise, complex64, in memory; made at the first use. [x, y, z, points]"""
        fid = np.empty((*self.shape, self.basis.n_points), np.complex64)
        for k, slab in enumerate(self.slices()):
            fid[:, :, k] = slab
        return MRSData(fid, self.basis.acquisition, header=self.header)

    def slices(self) -> Iterator[np.ndarray]:
        """The FIDs with noise, slice by slice along z. Each [x, y, points], complex64"""
        nx, ny, nz = self.shape
        per_point = np.float32(self.noise_sd / np.sqrt(self.basis.n_points - 0.75))  # half the first point counts
        everywhere = jax.tree.map(np.asarray, self.parameters)
        for k in range(nz):
            key = jax.random.fold_in(self.noise_key, k)
            fid = np.array(_noise(key, (nx, ny, self.basis.n_points), per_point))
            rows = jax.tree.map(lambda leaf, k=k: leaf[:, :, k].reshape(nx * ny, *leaf.shape[3:]), everywhere)
            weight = self.baseline_weight[:, :, k].reshape(nx * ny, -1)
            places = np.flatnonzero(rows.amplitude.any(axis=-1) | weight.any(axis=-1))
            for start in range(0, places.size, _CHUNK):
                some = places[start : start + _CHUNK]
                # Repeated up to the full size: one shape is compiled once.
                full = np.pad(some, (0, _CHUNK - some.size), mode="edge")
                chunk = jax.tree.map(lambda leaf, full=full: leaf[full], rows)
                signal = _signals((chunk, weight[full]), self.basis.fid, self.baseline_fid, self.model)
                fid.reshape(nx * ny, -1)[some] += np.asarray(signal)[: some.size]
            yield fid


def write_head(path: str | os.PathLike[str], head: SimulatedHead) -> None:
    """Write the FIDs of a head as NIfTI-MRS, slice by slice: one slice is all that is ever in memory.

    Args:
        path: ends in `.nii`.
        head: from `simulate_head`; what is written equals its `.data`.

    Raises:
        InputError: wrong ending, or a folder that cannot be written.
    """
    shape = (*head.shape, head.basis.n_points)
    write_nifti_mrs_slabs(path, shape, head.basis.acquisition, head.header, head.slices())


@partial(jax.jit, static_argnames="model")
def _signals(
    stacks: tuple[Parameters, Array],
    basis_fid: Complex[Array, "members points"],
    baseline_fid: Complex[Array, "baselines points"],
    model: SignalModel,
) -> Complex[Array, "voxels points"]:
    def one(voxel: tuple[Parameters, Array], shared: tuple[Array, Array]) -> Array:
        (parameters, weight), (basis_fid, baseline_fid) = voxel, shared
        return predict_fid(parameters, basis_fid, model) + weight.astype(baseline_fid.dtype) @ baseline_fid

    return over_voxels(one, stacks, (basis_fid, baseline_fid))


@partial(jax.jit, static_argnames="shape")
def _noise(key: Array, shape: tuple[int, ...], sd: Array) -> Complex[Array, "x y points"]:
    parts = jax.random.normal(key, (2, *shape), np.float32) * sd
    return jax.lax.complex(parts[0], parts[1])
