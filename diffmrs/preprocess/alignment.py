"""Every voxel of a volume on the same frequency and phase: cross-correlation with their own mean."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess.chunks import check_mask, chunks_of, rows_of, spectra_in
from diffmrs.preprocess.masks import narrow_signal
from diffmrs.preprocess.offsets import Search, find_offsets, sharp_energy


class Aligned(NamedTuple):
    """A volume brought onto one frequency and phase, and what was taken off.

    Attributes:
        data: the volume; voxels outside the mask, and those where nothing alike was found, as they were.
        shift_hz: taken off each spectrum, Hz; 0 where it was left as it was. [x, y, z, ...]
        phase_rad: taken off each spectrum, rad, -π to π; 0 where it was left as it was. [x, y, z, ...]
        likeness: correlation of each spectrum with the reference, 0 to 1; 0 where it was left as it was. [x, y, z, ...]
        reference: what was aligned onto, the FID of the mean. [points]
    """

    data: MRSData
    shift_hz: np.ndarray
    phase_rad: np.ndarray
    likeness: np.ndarray
    reference: np.ndarray


def align_voxels(
    data: MRSData,
    mask: Bool[np.ndarray, "..."],
    *,
    window_ppm: tuple[float, float] = (1.8, 4.2),
    limit_ppm: float = 0.3,
    rounds: int = 3,
    reference: Complex[Array | np.ndarray, " points"] | None = None,
) -> Aligned:
    r"""Take the frequency offset and the phase of each voxel off.

    The reference is the mean of the aligned spectra in the mask, found in a few rounds that start from the spectrum
    whose narrow lines stand highest. The shift $\Delta$ of a spectrum $X$ against the reference $R$ is where

    $$\gamma^2(\Delta) = \frac{|\langle R, X_\Delta\rangle|^2}{\|R\|^2\,\|X_\Delta\|^2},
      \qquad X_\Delta(f) = X(f + \Delta)$$

    is largest: the products run over the window, which fades at its ends, and both sides are first rid of all
    polynomials of order 6, which take up the wings of water and lipids. All shifts are tried at once by Fourier
    transform of the FIDs times that of the reference, zero-filled four times; a parabola finds the maximum between the
    points. The phase is that of the numerator there. In white noise this reaches the Cramér-Rao bound of shift, phase
    and amplitude with such a polynomial unknown. A spectrum that is no more like the reference than noise is in one
    case of a hundred is left as it was.

    The mean has the median frequency and the mean phase of the voxels, which need not be right on a ppm axis: give a
    `reference` for that. Leaked lipids have the frequency of the scalp, not of the voxel: suppress them first.

    Args:
        data: a 1H volume; spectra beyond the spatial dimensions are aligned each by itself, onto one reference.
        mask: voxels to be aligned. [x, y, z]
        window_ppm: the part of the spectrum that is compared, ppm.
        limit_ppm: largest shift looked for, ppm.
        rounds: how often the mean is made again.
        reference: FID to align onto, instead of the mean; sampled as the data. Any scale.

    Returns:
        `Aligned`. `shift_and_phase(aligned.data, aligned.shift_hz, aligned.phase_rad)` undoes it.

    Raises:
        InputError: the data are no 1H volume, mask, window, limit, rounds or reference do not fit, or the mask holds
            no signal.
    """
    check_mask(mask, data, "the mask")
    data.acquisition.window(data.n_points, window_ppm)
    if not 0 < limit_ppm < 2:
        raise InputError(f"limit_ppm is {limit_ppm:g}; it must lie between 0 and 2")
    if rounds < 1:
        raise InputError(f"rounds is {rounds}; at least 1 is needed")
    leading = data.fid.shape[:-1]
    rows = rows_of(data)
    chosen = np.flatnonzero(spectra_in(mask, data) & rows.any(axis=-1))
    if chosen.size == 0:
        raise InputError("the mask holds only voxels of zeros or NaN; there is nothing to align")
    search = Search(data.acquisition, data.n_points, window_ppm, limit_ppm)
    fid = rows[chosen]
    sharp = sharp_energy(fid, search)
    if reference is None:
        mean = fid[np.argmax(narrow_signal(fid, data.acquisition))]
        for _ in range(rounds):
            mean = _mean_aligned(fid, sharp, mean, search)
    else:
        mean = _checked_reference(np.asarray(reference), data)
    shift, phase, likeness = find_offsets(fid, sharp, mean, search)
    wanted = {"shift_hz": shift, "phase_rad": phase, "likeness": likeness}
    maps = {name: np.zeros(len(rows), value.dtype) for name, value in wanted.items()}
    for name, value in wanted.items():
        maps[name][chosen] = value
        maps[name] = maps[name].reshape(leading)
    aligned = shift_and_phase(data, -maps["shift_hz"], -maps["phase_rad"])
    return Aligned(aligned, **maps, reference=mean)


def shift_and_phase(data: MRSData, shift_hz: Float[np.ndarray, "..."], phase_rad: Float[np.ndarray, "..."]) -> MRSData:
    r"""Each FID of a volume times $e^{i(2\pi \Delta t + \varphi)}$; FIDs with neither stay as they are, bit by bit.

    Args:
        data: FIDs of any leading shape.
        shift_hz: towards lower ppm where positive, Hz. [...]
        phase_rad: rad. [...]

    Raises:
        InputError: the maps are not of the shape of the data.
    """
    if not shift_hz.shape == phase_rad.shape == data.fid.shape[:-1]:
        raise InputError(
            f"shifts of shape {shift_hz.shape} and phases of {phase_rad.shape} do not fit "
            f"spectra of {tuple(data.fid.shape[:-1])}"
        )
    rows = np.array(data.spectra)
    shift, phase = shift_hz.reshape(-1), phase_rad.reshape(-1)
    time = jnp.asarray(data.time_s)
    for moved, (fid, by_hz, by_rad) in chunks_of(rows, shift, phase):
        rows[moved] = np.asarray(_moved(fid, by_hz, by_rad, time))[: moved.stop - moved.start]
    still = (shift == 0) & (phase == 0)
    rows[still] = np.asarray(data.spectra)[still]
    return data.with_fid(rows.reshape(data.fid.shape))


def _mean_aligned(fid: np.ndarray, sharp: np.ndarray, reference: np.ndarray, search: Search) -> np.ndarray:
    """Mean of the FIDs after alignment, each as heavy as it is like the reference, with their median shift and mean
    phase. [points]"""
    shift, phase, likeness = find_offsets(fid, sharp, reference, search)
    weight = likeness**2
    if not weight.any():
        raise InputError("no spectrum in the mask is like another; there is nothing to align")
    shift = shift - np.median(shift[weight > 0])
    phase = phase - np.angle(np.sum(weight * np.exp(1j * phase)))
    time = jnp.asarray(search.acquisition.time_s(search.n_points))
    total = np.zeros(fid.shape[1], complex)
    for _, (piece, by_hz, by_rad, heavy) in chunks_of(fid, -shift, -phase, weight):
        total += np.asarray(heavy @ _moved(piece, by_hz, by_rad, time))
    return total / weight.sum()


@jax.jit
def _moved(fid: Array, shift_hz: Array, phase_rad: Array, time_s: Array) -> Array:
    turn = 2 * jnp.pi * shift_hz[:, None] * time_s[None, :] + phase_rad[:, None]
    return fid * jnp.exp(1j * turn).astype(fid.dtype)


def _checked_reference(reference: np.ndarray, data: MRSData) -> Any:
    if reference.shape != (data.n_points,) or not np.isfinite(reference).all():
        raise InputError(
            f"the reference has the shape {reference.shape}; "
            f"{data.n_points} finite samples, as the data have, are needed"
        )
    return reference
