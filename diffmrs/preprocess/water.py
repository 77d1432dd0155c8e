"""Removal of the residual water line: Hankel singular value decomposition (HSVD)."""

import numpy as np
from jaxtyping import Complex

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError

_LAG = 512  # rows and columns of the Hankel matrix at the most: the water line is all in the first 1023 points


def remove_water(
    fid: Complex[np.ndarray, " points"],
    acquisition: Acquisition,
    *,
    band_ppm: tuple[float, float] = (4.3, 5.0),
    components: int = 30,
) -> Complex[np.ndarray, " points"]:
    """Subtract all damped oscillations found between two chemical shifts.

    The FID is written as a sum of damped oscillations whose number is given: their frequencies and dampings are the
    eigenvalues of the shift within the signal subspace of a Hankel matrix (Barkhuijsen, de Beer & van Ormondt 1987, J
    Magn Reson 73:553), their amplitudes follow by linear least squares. The subspace is found by orthogonal iteration
    from a fixed start, so that the result is the same every run.

    Args:
        fid: one FID.
        acquisition: its sampling.
        band_ppm: where water is, ppm. Lines outside stay untouched.
        components: oscillations fitted to the whole FID; more than there are lines does no harm.

    Returns:
        The FID without water.

    Raises:
        InputError: the band or the number of components is unusable, or the FID is not finite.
    """
    low, high = band_ppm
    if not low < high:
        raise InputError(f"water band is {low:g} to {high:g} ppm; the first limit must be the lower one")
    if not np.isfinite(fid).all():
        raise InputError("the FID holds NaN or infinite samples; water cannot be removed from it")
    poles, amplitudes = damped_oscillations(fid, components)
    ppm = acquisition.hz_to_ppm(np.angle(poles) / (2 * np.pi * acquisition.dwell_time_s))
    water = (ppm > low) & (ppm < high)
    oscillations = poles[None, water] ** np.arange(fid.size)[:, None]
    return (fid - oscillations @ amplitudes[water]).astype(fid.dtype)


def damped_oscillations(
    fid: Complex[np.ndarray, " points"], components: int
) -> tuple[Complex[np.ndarray, " components"], Complex[np.ndarray, " components"]]:
    """An FID as a sum of damped oscillations: poles (factor from one sample to the next) and complex amplitudes.

    Raises:
        InputError: so many cannot be found.
    """
    lag = min(_LAG, fid.size // 2)
    if not 1 <= components < lag // 2:
        raise InputError(f"{components} components; between 1 and {lag // 2 - 1} can be found in {fid.size} points")
    hankel = np.lib.stride_tricks.sliding_window_view(fid[: 2 * lag - 1].astype(complex), lag)
    subspace = _leading_subspace(hankel, components)
    poles = np.linalg.eigvals(np.linalg.lstsq(subspace[:-1], subspace[1:], rcond=None)[0])
    poles = poles / np.maximum(np.abs(poles), 1.0)  # a growing oscillation is not a signal
    oscillations = poles[None, :] ** np.arange(fid.size)[:, None]
    return poles, np.linalg.lstsq(oscillations, fid, rcond=1e-10)[0]


def _leading_subspace(matrix: np.ndarray, rank: int, iterations: int = 12) -> np.ndarray:
    """Orthonormal basis of the leading left singular vectors, [rows, rank]."""
    oversampled = np.linalg.qr(matrix[:, : rank + 10])[0]
    for _ in range(iterations):
        oversampled = np.linalg.qr(matrix @ (matrix.conj().T @ oversampled))[0]
    left = np.linalg.svd(oversampled.conj().T @ matrix, full_matrices=False)[0]
    return (oversampled @ left)[:, :rank]
