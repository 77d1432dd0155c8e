"""Skull lipids taken out of brain spectra: an L2 penalty on what looks like the spectra of the skull (Bilgic 2014)."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.data import ArrayLike, MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess.chunks import check_mask, chunks_of, in_chunks, rows_of, spectra_in
from diffmrs.preprocess.lipid_strength import LIPIDS_PPM, Lines, strength_for
from diffmrs.preprocess.masks import mask_from_data
from diffmrs.pytree import container

BAND_PPM = (-1.0, 4.1)
_QUIET_PPM = (-1.5, 6.5)  # noise is measured outside


@container(static=("beta", "acquisition"))
@dataclass(frozen=True)
class LipidOperator:
    """$(1 + \\beta L L^H)^{-1}$ as what it takes off along each direction. A frozen pytree.

    Attributes:
        directions: orthonormal FIDs that lipids are made of, the strongest first. [rank, points]
        damping: share that is taken off along each, 0 to 1. [rank]
        beta: strength, relative to the largest eigenvalue of $L L^H$; 0 does nothing.
        acquisition: sampling of the FIDs.
    """

    directions: ArrayLike  # [rank, points], complex
    damping: ArrayLike  # [rank]
    beta: float
    acquisition: Acquisition

    @property
    def rank(self) -> int:
        """Number of directions."""
        return self.directions.shape[0]


def suppress_lipids(
    data: MRSData,
    lipid_mask: Bool[np.ndarray, "..."],
    beta: float | None = None,
    *,
    mask: Bool[np.ndarray, "..."] | None = None,
    most_loss: float = 0.1,
) -> tuple[MRSData, LipidOperator]:
    """The volume without what its skull voxels hold, and the operator that did it.

    `lipid_operator` followed by `apply_lipid_operator` on every voxel. The operator takes a little of the metabolites
    too: fit with a basis that went through it (`apply_lipid_operator(basis.fid, operator)`), and align voxels after it,
    not before, for lipids leak with the frequency of the skull.

    Args, raises:
        As `lipid_operator`.

    Returns:
        The volume, spectra with NaN or infinite samples as they were; and the operator.
    """
    operator = lipid_operator(data, lipid_mask, beta, mask=mask, most_loss=most_loss)
    rows, clean = rows_of(data), np.array(data.spectra)
    on_device = replace(operator, directions=jnp.asarray(operator.directions, jnp.asarray(rows[:1]).dtype))
    for part, (piece,) in chunks_of(rows):
        clean[part] = np.asarray(apply_lipid_operator(piece, on_device))[: part.stop - part.start]
    spoilt = ~np.isfinite(np.asarray(data.spectra)).all(axis=-1)
    clean[spoilt] = np.asarray(data.spectra)[spoilt]
    return data.with_fid(clean.reshape(data.fid.shape)), operator


def lipid_operator(
    data: MRSData,
    lipid_mask: Bool[np.ndarray, "..."],
    beta: float | None = None,
    *,
    mask: Bool[np.ndarray, "..."] | None = None,
    most_loss: float = 0.1,
) -> LipidOperator:
    r"""The operator that suppresses, in any spectrum, what the voxels of the skull hold.

    $$\hat x = \arg\min_x \|x - x_0\|^2 + \beta'\, \|L^H x\|^2 = (1 + \beta' L L^H)^{-1} x_0
      = x_0 - U \frac{\beta\, s^2}{s_1^2 + \beta\, s^2}\, U^H x_0, \qquad \beta = \beta' s_1^2$$

    with the lipid spectra as columns of $L = U s V^H$ (Bilgic et al. 2014, J Magn Reson Imaging 40:181, the closed form
    of the penalty of Bilgic et al. 2013, Magn Reson Med 69:1501). $L$ is cut to -1 to 4.1 ppm, which leaves the water
    line alone; directions no stronger than the largest singular value of noise, $\sigma(\sqrt m + \sqrt n)$ for m
    points and n spectra, are dropped. One singular value decomposition serves the volume, on the smaller side of L.

    Without a `beta`, the largest strength is taken at which no singlet of NAA, creatine or choline loses more than
    `most_loss`, and none where the brain shows no lipids (`diffmrs.preprocess.lipid_strength`).

    Args:
        data: a 1H volume, not yet aligned.
        lipid_mask: voxels of skull and scalp, as from `lipid_mask_from_data`. [x, y, z]
        beta: strength relative to the largest eigenvalue of $L L^H$, 0 or more; None lets the data choose.
        mask: voxels of the brain, to choose from; `mask_from_data` when absent. [x, y, z]
        most_loss: share of a singlet that may be lost, 0 to 1.

    Raises:
        InputError: the data are no 1H volume, a mask does not fit or is empty, `beta` is negative, or there is no
            brain to choose the strength from.
    """
    check_mask(lipid_mask, data, "the lipid mask")
    if beta is not None and not (np.isfinite(beta) and beta >= 0):
        raise InputError(f"beta is {beta}; it must be 0 or more")
    if not 0 < most_loss <= 1:
        raise InputError(f"most_loss is {most_loss}; it must lie between 0 and 1")
    data.acquisition.window(data.n_points, LIPIDS_PPM)
    rows = rows_of(data)
    directions, strengths = _directions(rows[spectra_in(lipid_mask, data) & rows.any(axis=-1)], data.acquisition)
    if beta is None:
        brain = _brain(data, lipid_mask, mask)
        seen = rows[spectra_in(brain, data) & rows.any(axis=-1)]
        beta = strength_for(seen, directions, strengths, data.acquisition, most_loss)
    damping = beta * strengths / (1 + beta * strengths)
    return LipidOperator(directions, damping, float(beta), data.acquisition)


def apply_lipid_operator(
    fids: Complex[Array | np.ndarray, "*batch points"], operator: LipidOperator
) -> Complex[Array, "*batch points"]:
    """Suppress lipids in FIDs of any batch shape: voxels, or the members of a basis sampled like them.

    Args:
        fids: FIDs.
        operator: from `lipid_operator`.

    Returns:
        The FIDs less what the operator takes off; not in place.

    Raises:
        InputError: the FIDs are not as long as those of the operator.
    """
    if fids.shape[-1] != operator.directions.shape[-1]:
        raise InputError(
            f"the FIDs have {fids.shape[-1]} points but the lipid operator is for {operator.directions.shape[-1]}; "
            "resample a basis to the data first"
        )
    fids = jnp.asarray(fids)
    directions = jnp.asarray(operator.directions, fids.dtype)
    along = jnp.einsum("...p,rp->...r", fids, directions.conj())
    return fids - jnp.einsum("...r,r,rp->...p", along, jnp.asarray(operator.damping, fids.real.dtype), directions)


def line_loss(
    operator: LipidOperator, ppm: tuple[float, ...] = (2.008, 3.027, 3.21), width_hz: float = 6.0
) -> Float[np.ndarray, " lines"]:
    """Share of a singlet that the operator takes off, 0 to 1.

    Args:
        operator: from `lipid_operator`.
        ppm: where the singlets are; those of NAA, creatine and choline when absent.
        width_hz: their Lorentzian width, Hz.
    """
    shares = Lines(ppm, width_hz).shares(np.asarray(operator.directions), operator.acquisition)
    return shares @ np.asarray(operator.damping)


def _directions(lipids: np.ndarray, acquisition: Acquisition) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal FIDs, [rank, points], and the eigenvalue of each over the largest, [rank]."""
    n = lipids.shape[1]
    ppm = acquisition.ppm(n)
    inside = np.flatnonzero((ppm >= BAND_PPM[0]) & (ppm <= BAND_PPM[1]))
    outside = np.flatnonzero((ppm < _QUIET_PPM[0]) | (ppm > _QUIET_PPM[1]))
    if len(lipids) == 0:
        raise InputError("the lipid mask holds only voxels of zeros or NaN")

    def cut(fid: Any) -> tuple[Any, Any]:
        spectrum = jnp.fft.fftshift(jnp.fft.fft(fid, norm="ortho"), axes=-1)
        noise = jnp.abs(spectrum[:, outside]) ** 2 if outside.size else jnp.zeros((len(fid), 1))
        return spectrum[:, inside], jnp.median(noise, axis=-1) / np.log(2)

    spectra, noise_power = in_chunks(jax.jit(cut), lipids)
    spectra = spectra.astype(complex)
    if len(spectra) <= inside.size:
        values, vectors = np.linalg.svd(spectra, full_matrices=False)[1:]
        eigenvalues = values**2
    else:
        eigenvalues, columns = np.linalg.eigh(spectra.T @ spectra.conj())
        eigenvalues, vectors = eigenvalues[::-1], columns.T[::-1]
    edge = np.median(noise_power) * (np.sqrt(inside.size) + np.sqrt(len(spectra))) ** 2
    kept = eigenvalues > max(float(edge), 1e-12 * float(eigenvalues[0]))
    if not kept.any():
        raise InputError("the voxels of the lipid mask hold nothing but noise between -1 and 4.1 ppm")
    full = np.zeros((int(kept.sum()), n), complex)
    full[:, inside] = vectors[kept]
    return np.fft.ifft(np.fft.ifftshift(full, axes=-1), norm="ortho"), eigenvalues[kept] / eigenvalues[0]


def _brain(data: MRSData, lipid_mask: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    if mask is not None:
        check_mask(mask, data, "the mask")
    brain = (mask_from_data(data) if mask is None else mask) & ~lipid_mask
    if not brain.any():
        raise InputError("no voxel of brain is left to choose beta from; give a mask, or beta")
    return brain
