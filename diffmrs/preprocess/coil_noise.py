"""The noise of receive coils: how large it is in each and how it is correlated, from the data themselves."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.errors import InputError
from diffmrs.preprocess.robust import median_of, root_of

_BAND = (0.20, 0.45)  # of the bandwidth: beyond lines, short of the band edge
_FLAT = 0.34  # receiver filters thin the noise beyond (measured: Siemens VB17, from 0.35)
_ROUNDS, _LAST_ROUNDS = 10, 2  # of the fixed point, on few points and on all; each leaves about a tenth of the error
_FEW = 128  # points for each coil
_SQUARINGS = 10  # 2**10 power iterations
_RIDGE = 30  # on correlations of noise, in units of the precision of the numbers
_FEWEST_POINTS = 64


def noise_covariance(fid: Complex[Array, "coils *more points"]) -> Complex[Array, "coils coils"]:
    r"""Covariance of the noise of receive coils, $C_{ij} = \langle n_i n_j^*\rangle$ per sample, from the data.

    Looked at are the last three quarters of each FID, in halves of the FID behind sin² bells, in the spectrum between
    20 and 45 % of the bandwidth on either side of the carrier: a constant offset and water that has not decayed stay
    near the carrier, as the bell has no sidelobes to speak of. What signal there is does little harm, since
    every point counts by its direction among the coils only (Tyler 1987, Ann Stat 15:234, eq. 2.1):

    $$C \leftarrow \frac{p}{K}\sum_k \frac{x_k x_k^H}{x_k^H C^{-1} x_k}$$

    with coils $p$ and points $K$. The size of the noise comes from the median of $x_k^H C^{-1} x_k$ between 20 and 34 %
    of the bandwidth, where receiver filters do not yet thin the noise.

    It needs noise in the last three quarters: FIDs that were apodised show too little, those filled up with zeros must
    be cut before. Lines must leave half of that band free. Metabolite and water scans serve alike.

    Args:
        fid: FIDs of all coils, any further axes (transients, voxels). FIDs (all coils together) with NaN or infinite
            samples do not count.

    Returns:
        Hermitian, in squares of data units: the diagonal holds the sum of the variances of real and imaginary part.
        Rows and columns of coils that hold only zeros are zero.

    Raises:
        InputError: fewer than 64 points, or fewer points in that band than three for each coil.
    """
    coils, n = fid.shape[0], fid.shape[-1]
    if n < _FEWEST_POINTS:
        raise InputError(f"FIDs have {n} points; the noise of coils is measured in at least {_FEWEST_POINTS}")
    points, flat = _noise_points(fid.reshape(coils, -1, n))
    if points.shape[1] < 3 * coils:
        raise InputError(
            f"{points.shape[1]} points of noise for {coils} coils; at least three for each are needed: "
            "longer FIDs or more transients"
        )
    sd = root_of(median_of(jnp.abs(points) ** 2, jnp.abs(points) > 0) / math.log(2))  # median of an exponential
    alive = sd > 0
    points = points / jnp.where(alive, sd, 1.0)[:, None]

    def distances(shape: Array, some: Array) -> Array:
        return jnp.sum((some.conj() * without_correlation(shape, some)).real, axis=0)

    def improved(shape: Array, _: None, some: Array) -> tuple[Array, None]:
        distance = distances(shape, some)
        # A distance of 0 is a FID that does not count.
        weight = jnp.where(distance > 0, 1.0, 0.0) / jnp.where(distance > 0, distance, 1.0)
        shape = (some * weight[None, :]) @ some.conj().T
        total = jnp.trace(shape).real
        return shape * (coils / jnp.where(total > 0, total, 1.0)), None

    few = points[:, :: max(points.shape[1] // (_FEW * coils), 1)]
    start, _ = jax.lax.scan(partial(improved, some=few), jnp.eye(coils, dtype=fid.dtype), None, length=_ROUNDS)
    shape, _ = jax.lax.scan(partial(improved, some=points), start, None, length=_LAST_ROUNDS)
    distance = distances(shape, points)[flat]
    # Half of them lie below; the median of a Gamma distribution is p - 1/3 + 0.02/p (Choi 1994, Proc AMS 121:245).
    number = jnp.sum(alive).astype(sd.dtype)
    usual = jnp.maximum(number - 1 / 3 + 0.0247 / jnp.maximum(number, 1), 0.1)
    shape = shape * (median_of(distance, distance > 0) / usual)
    return shape * (sd[:, None] * sd[None, :])


def without_correlation(
    covariance: Complex[Array, "coils coils"], right: Complex[Array, "coils columns"]
) -> Complex[Array, "coils columns"]:
    """The inverse of a covariance times something; zero for coils without noise."""
    root, sd = whitening_root(covariance)
    alive = jnp.where(jnp.diagonal(covariance).real > 0, 1.0, 0.0) / sd
    return jax.scipy.linalg.cho_solve((root, True), right * alive[:, None]) * alive[:, None]


def whitening_root(
    covariance: Complex[Array, "coils coils"],
) -> tuple[Complex[Array, "coils coils"], Float[Array, " coils"]]:
    """Cholesky factor of the correlations, never singular, and the standard deviations, 1 where there is no noise."""
    variance = jnp.diagonal(covariance).real
    sd = jnp.sqrt(jnp.where(variance > 0, variance, 1.0))
    dead = jnp.where(variance > 0, 0.0, 1.0)
    ridge = dead + _RIDGE * jnp.finfo(variance.dtype).eps * variance.size
    correlation = covariance / sd[:, None] / sd[None, :] + jnp.diag(ridge).astype(covariance.dtype)
    return jnp.linalg.cholesky(correlation), sd


def finite_transients(fid: Complex[Array, "coils transients points"]) -> Complex[Array, "coils transients points"]:
    """FIDs with zeros for all coils in transients where one sample is not finite."""
    fine = jnp.isfinite(fid).all(axis=(0, -1), keepdims=True)
    return jnp.where(fine, fid, 0)


def _noise_points(fid: Array) -> tuple[Array, np.ndarray]:
    """Points of pure noise, with the variance of a sample, [coils, points], and which of them lie in the flat band."""
    n = fid.shape[-1]
    size, step = n // 2, n // 4
    bell = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    bell /= np.sqrt(np.sum(bell**2))
    frequency = np.abs(np.fft.fftfreq(size))
    bins = np.flatnonzero((frequency >= _BAND[0]) & (frequency <= _BAND[1]))
    usable = finite_transients(fid)
    starts = (n - size - step, n - size)
    pieces = jnp.stack([usable[..., start : start + size] for start in starts])
    spectra = jnp.fft.fft(pieces * jnp.asarray(bell, fid.real.dtype)[None, None, None, :], axis=-1)[..., bins]
    flat = np.broadcast_to(frequency[bins] <= _FLAT, (2, fid.shape[1], bins.size)).reshape(-1)
    return jnp.moveaxis(spectra, 1, 0).reshape(fid.shape[0], -1), flat
