"""Many receive coils to one FID: how strongly each sees the voxel, and the sum with the least noise."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex

from diffmrs.errors import InputError
from diffmrs.preprocess.coil_noise import finite_transients, noise_covariance, whitening_root, without_correlation
from diffmrs.preprocess.robust import root_of

__all__ = ["coil_weights", "combine_coils", "noise_covariance", "sensitivities_by_svd", "sensitivities_from_water"]

_SQUARINGS = 10  # 2**10 power iterations


def sensitivities_by_svd(
    reference: Complex[Array, "coils *more points"], covariance: Complex[Array, "coils coils"]
) -> Complex[Array, " coils"]:
    r"""Sensitivity of each coil: what all samples of a scan have in common, by singular value decomposition.

    With the noise whitened, $C = L L^H$, the matrix of the coils' samples $L^{-1}X$ is one outer product, coil
    times time course, in white noise: its leading left singular vector $u$ gives the sensitivities $s \propto L u$
    (Rodgers & Robson 2010, Magn Reson Med 63:881). It needs no water scan, and no phase that is common to the
    transients. The vector is found by 1024 power iterations, which have a derivative where `eigh` has none.

    Args:
        reference: a water scan, or the metabolite scan itself where signal is plenty.
        covariance: of the noise, `noise_covariance`.

    Returns:
        Sensitivities with a sum of squares of 1, turned so that the first sample of the combined reference, summed
        over transients, is real and positive. Zero for coils of zeros. FIDs that are not finite do not count.
    """
    rows = finite_transients(reference.reshape(reference.shape[0], -1, reference.shape[-1]))
    root, sd = whitening_root(covariance)
    samples = rows.reshape(rows.shape[0], -1) / sd[:, None]
    samples = samples / _positive(jnp.abs(samples).max())
    white = jax.scipy.linalg.solve_triangular(root, samples, lower=True)
    leading = _leading_vector(white @ white.conj().T)
    return _turned(_unit(sd * (root @ leading)), rows, covariance)


def sensitivities_from_water(
    reference: Complex[Array, "coils *more points"], *, n_first: int = 16
) -> Complex[Array, " coils"]:
    r"""Sensitivity of each coil: amplitude and phase of the water at its first points, against the strongest coil.

    $$s_i \propto \sum_{t < n} x_i(t)\, x_k^*(t)$$

    for the strongest coil $k$: frequency, eddy currents and the phase of a transient are common to all coils and drop
    out. Together with the covariance of the noise these are the weights "S/N²" of Hall et al. 2014, NeuroImage 86:35.

    Args:
        reference: an unsuppressed water scan.
        n_first: points that count, of each transient.

    Returns:
        Sensitivities by the convention of `sensitivities_by_svd`.

    Raises:
        InputError: fewer than one point, or more than there are.
    """
    if not 1 <= n_first <= reference.shape[-1]:
        raise InputError(f"n_first is {n_first}; between 1 and {reference.shape[-1]} points can count")
    rows = finite_transients(reference.reshape(reference.shape[0], -1, reference.shape[-1]))
    first = rows[..., :n_first].reshape(rows.shape[0], -1)
    first = first / _positive(jnp.abs(first).max())
    strongest = jnp.argmax(jnp.sum(jnp.abs(first) ** 2, axis=1))
    return _turned(_unit(first @ first[strongest].conj()), rows, jnp.eye(rows.shape[0], dtype=rows.dtype))


def coil_weights(
    sensitivities: Complex[Array, " coils"], covariance: Complex[Array, "coils coils"]
) -> Complex[Array, " coils"]:
    r"""What each coil is multiplied with before all are added: $w = C^{-1}s / (s^H C^{-1} s)$, conjugated.

    Of all sums that leave a signal of the given sensitivities as it is, this has the least noise, whose variance
    per sample is $1/(s^H C^{-1} s)$ (Roemer et al. 1990, Magn Reson Med 16:192, eq. 32). Zero for coils of zeros; all
    zero when no coil sees anything.
    """
    size = root_of(jnp.sum(jnp.abs(sensitivities) ** 2))
    safe = _positive(size)
    whitened, gain = _whitened(sensitivities / safe, covariance)
    return (whitened / (_positive(gain) * safe)).conj()


def combine_coils(
    fid: Complex[Array, "coils points"],
    sensitivities: Complex[Array, " coils"],
    covariance: Complex[Array, "coils coils"],
) -> Complex[Array, " points"]:
    r"""One FID from those of all coils, with the least noise: $(s^H C^{-1} x)/(s^H C^{-1} s)$.

    With sensitivities as `sensitivities_by_svd` and `sensitivities_from_water` return them, the signal is as large as
    the root of the sum of squares over coils and the reference starts with phase zero. Use the same sensitivities for
    the metabolite and the water scan of a voxel: both are then on one scale. `jax.vmap` over transients works the
    weights out once.

    Args:
        fid: of all coils.
        sensitivities: of the coils, any scale and phase; the result has the inverse of both.
        covariance: of the noise, any scale. A singular one (coils of zeros, coils that are copies) does no harm.
    """
    return coil_weights(sensitivities, covariance) @ fid


def _whitened(sensitivities: Array, covariance: Array) -> tuple[Array, Array]:
    """C⁻¹s, and sᴴC⁻¹s."""
    solved = without_correlation(covariance, sensitivities[:, None])[:, 0]
    return solved, jnp.sum((sensitivities.conj() * solved).real)


def _leading_vector(gram: Array) -> Array:
    """Eigenvector of the largest eigenvalue of a Hermitian matrix, by repeated squaring. [coils]"""

    def squared(power: Array, _: None) -> tuple[Array, None]:
        power = power @ power
        return power / _positive(jnp.trace(power).real), None

    power, _ = jax.lax.scan(squared, gram / _positive(jnp.trace(gram).real), None, length=_SQUARINGS)
    return power[:, jnp.argmax(jnp.diagonal(power).real)]


def _unit(vector: Array) -> Array:
    power = jnp.sum(jnp.abs(vector) ** 2)
    return jnp.where(power > 0, vector, 0) / jnp.sqrt(_positive(power))


def _turned(sensitivities: Array, rows: Array, covariance: Array) -> Array:
    """Sensitivities with the phase at which the combined reference starts real and positive."""
    start = coil_weights(sensitivities, covariance) @ jnp.sum(rows[..., 0], axis=1)
    size = jnp.abs(start)
    return sensitivities * (jnp.where(size > 0, start, 1.0) / _positive(size))


def _positive(number: Array) -> Array:
    """A divisor: 1 instead of nothing."""
    return jnp.where(number > 0, number, 1.0)
