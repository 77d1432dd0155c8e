"""Transients to one FID: each counts as much as it can be believed, and those spoilt by motion not at all."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError
from diffmrs.preprocess.robust import median_of, root_of, spread_of

_ROUNDS = 8  # of reweighting; the weights of 16 transients then stand still to 1e-4
_DEGREES = 60.0  # of freedom of the Student t distribution that distances are drawn from
_FEWEST = 4  # transients among which one can be told to be unlike the others
_DIRECTIONS = 4  # amplitude, phase, width, frequency


class TransientWeights(NamedTuple):
    """How much each transient counts.

    Attributes:
        weight: sum of 1; 0 for outliers and for transients of zeros or NaN. All 0 when none is left. [transients]
        outlier: whether it is left out. [transients]
        z_score: how unlike the others it is, standard deviations of what noise and the usual spread make; the
            larger of `distance` and of the four ways a transient changes: amplitude, phase, frequency and width.
            [transients]
        distance: energy of the difference from the mean in the window, 1 where it is as usual. [transients]
        amplitude: of the mean in it, 1 where it is as usual. [transients]
    """

    weight: Float[Array, " transients"]
    outlier: Bool[Array, " transients"]
    z_score: Float[Array, " transients"]
    distance: Float[Array, " transients"]
    amplitude: Float[Array, " transients"]

    @property
    def effective(self) -> Float[Array, ""]:
        """As many equal transients would leave as little noise, if all have the noise of the usual one."""
        power = jnp.sum(self.weight**2)
        return jnp.where(power > 0, jnp.sum(self.weight) ** 2 / jnp.where(power > 0, power, 1.0), 0.0)


def transient_weights(
    fids: Complex[Array, "transients points"],
    acquisition: Acquisition,
    *,
    window_ppm: tuple[float, float] = (0.5, 4.2),
    duration_s: float = 0.2,
    limit: float = 4.5,
) -> TransientWeights:
    r"""Weights of aligned transients for their mean, by a heavy-tailed likelihood, and which are outliers.

    Transient $k$ is the common spectrum $m$ with noise of a variance of its own, drawn so that differences follow a
    Student t distribution with $\nu$ degrees of freedom. Maximum likelihood gives, by turns,

    $$w_k \propto \frac{\nu + P}{\nu + P d_k}, \qquad m = \sum_k w_k x_k, \qquad
      d_k = \frac{\lVert x_k - m\rVert^2}{\operatorname{median}_j \lVert x_j - m\rVert^2}$$

    over the $P$ independent points of the window (Lange, Little & Taylor 1989, J Am Stat Assoc 84:881), in eight
    rounds that start from the median over the transients. Distances are taken between the spectra of the first
    `duration_s`, where signal is. Transients that stand out, by $d_k$ or by their components along $m$ and along its
    derivative, fade out from `limit` - 1 and are left out at `limit`. What counts as usual is the median absolute
    deviation over the transients, or what noise alone makes where that is more.

    Align first: a shift or phase left in a transient makes it an outlier. Take residual water away first where it
    varies and reaches into the window. Transients under different conditions (edited pairs) are weighted each among
    their like: `jax.vmap` over conditions.

    Args:
        fids: aligned transients. Those with NaN, infinite or only zero samples are outliers.
        acquisition: their sampling.
        window_ppm: the part of the spectrum that is compared, ppm.
        duration_s: the part of the FID that is compared, s.
        limit: z-score from which a transient is an outlier.

    Returns:
        `TransientWeights`. Fewer than four usable transients have no outlier among them. All but `outlier` can be
        differentiated.

    Raises:
        InputError: window, duration or limit are unusable.
    """
    if not limit > 1:
        raise InputError(f"limit is {limit:g}; it must be more than 1 standard deviation")
    if not duration_s > 0:
        raise InputError(f"duration_s is {duration_s:g}; it must be positive")
    n = min(fids.shape[1], int(np.ceil(duration_s / acquisition.dwell_time_s)))
    window = acquisition.window(n, window_ppm)
    taper = np.cos(0.5 * np.pi * np.clip(2 * np.arange(n) / n - 1, 0, 1)) ** 2  # level, then a quarter of a wave
    usable = jnp.isfinite(fids).all(axis=1) & (fids != 0).any(axis=1)
    start = jnp.where(usable[:, None], fids[:, :n], 0)
    size = root_of(median_of(jnp.sum(jnp.abs(start) ** 2, axis=1), usable))
    start = start * (jnp.asarray(taper, size.dtype) / jnp.where(size > 0, size, 1.0))[None, :]
    time = jnp.asarray(acquisition.time_s(n) / (n * acquisition.dwell_time_s), size.dtype)
    points, slopes = spectrum_of(start)[:, window], spectrum_of(start * time[None, :])[:, window]
    # A taper makes neighbouring points of the spectrum alike, so that fewer are independent.
    free = (window.stop - window.start) * float(np.sum(taper**2) ** 2 / (n * np.sum(taper**4)))

    def judged(mean: Array, slope: Array, weight: Array) -> TransientWeights:
        return _judged(points, mean, slope, weight, usable, free=free, limit=limit)

    def improved(now: tuple[Array, Array, Array], _: None) -> tuple[tuple[Array, Array, Array], None]:
        weight = judged(*now).weight
        heavy = weight.astype(points.dtype)
        return (heavy @ points, heavy @ slopes, weight), None

    middle = median_of(points.real.T, usable[None, :]) + 1j * median_of(points.imag.T, usable[None, :])
    tilt = median_of(slopes.real.T, usable[None, :]) + 1j * median_of(slopes.imag.T, usable[None, :])
    even = usable / jnp.maximum(jnp.sum(usable), 1).astype(size.dtype)
    found, _ = jax.lax.scan(improved, (middle, tilt, even), None, length=_ROUNDS)
    return judged(*found)


def weighted_mean(
    fids: Complex[Array, "transients points"], weight: Float[Array, " transients"]
) -> Complex[Array, " points"]:
    """Mean of transients, each as heavy as its weight; transients of weight 0 may hold anything, NaN even.

    Args:
        fids: the transients.
        weight: of each, not negative, any sum; equal ones for the plain mean. Zeros only give a mean of zeros.
    """
    counts = weight > 0
    total = jnp.sum(jnp.where(counts, weight, 0.0))
    share = jnp.where(counts, weight, 0.0) / jnp.where(total > 0, total, 1.0)
    return share.astype(fids.dtype) @ jnp.where(counts[:, None], fids, 0)


def _judged(
    points: Array, mean: Array, slope: Array, weight: Array, usable: Array, *, free: float, limit: float
) -> TransientWeights:
    """What a mean and its derivative by time tell of the transients."""
    rest = points - mean[None, :]
    # The mean holds a share of each transient, so that those which weigh more lie nearer to it.
    share = jnp.maximum(1 - 2 * weight + jnp.sum(weight**2), 0.1)
    energy = jnp.sum(jnp.abs(rest) ** 2, axis=1) / share
    usual = median_of(energy, usable)
    distance = energy / jnp.where(usual > 0, usual, 1.0)

    # Wilson & Hilferty 1931: the cube root of a χ² variable is nearly normal.
    root = jnp.cbrt(jnp.maximum(distance, 1e-6))
    widest = jnp.maximum(spread_of(root, usable), math.sqrt(1 / (9 * free)))
    by_energy = (root - median_of(root, usable)) / widest

    along = _unit(mean)
    across = _unit(slope - jnp.vdot(along, slope) * along)
    found = rest @ jnp.stack([along, across]).conj().T
    parts = jnp.concatenate([found.real, found.imag], axis=1).T  # [directions, transients]
    parts = parts - median_of(parts, usable[None, :])[:, None]
    noise = root_of(0.5 * usual / free)
    widest = jnp.maximum(spread_of(parts, usable[None, :]), noise)[:, None]
    power = jnp.sum((parts / jnp.where(widest > 0, widest, 1.0)) ** 2, axis=0) / _DIRECTIONS
    by_change = (jnp.cbrt(jnp.maximum(power, 1e-6)) - (1 - 2 / (9 * _DIRECTIONS))) / math.sqrt(2 / (9 * _DIRECTIONS))

    z_score = jnp.where(usable & (jnp.sum(usable) >= _FEWEST), jnp.maximum(by_energy, by_change), 0.0)
    fading = 0.5 + 0.5 * jnp.cos(np.pi * jnp.clip(z_score - (limit - 1), 0.0, 1.0))
    heavy = jnp.where(usable, fading * (_DEGREES + free) / (_DEGREES + free * distance), 0.0)
    total = jnp.sum(heavy)
    power_of_mean = jnp.sum(jnp.abs(mean) ** 2)
    amplitude = 1 + (rest @ mean.conj()).real / jnp.where(power_of_mean > 0, power_of_mean, 1.0)
    return TransientWeights(
        weight=jnp.where(z_score < limit, heavy, 0.0) / jnp.where(total > 0, total, 1.0),
        outlier=~usable | (z_score >= limit),
        z_score=z_score,
        distance=jnp.where(usable, distance, 0.0),
        amplitude=jnp.where(usable, amplitude, 0.0),
    )


def _unit(vector: Array) -> Array:
    power = jnp.sum(jnp.abs(vector) ** 2)
    return vector / jnp.sqrt(jnp.where(power > 0, power, 1.0)).astype(vector.dtype)
