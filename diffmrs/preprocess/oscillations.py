r"""An FID as a sum of damped oscillations (HSVD): $x_n = \sum_k a_k z_k^n$.

The Hankel matrix of the samples, $H_{ij} = x_{i+j}$, has the rank of the sum. The shift within its leading left
singular subspace has the poles $z_k$ for eigenvalues (Barkhuijsen, de Beer & van Ormondt 1987, J Magn Reson 73:553);
the amplitudes follow by linear least squares. The subspace is found by orthogonal iteration from a fixed start, with
products by FFT, so that the matrix is never formed and the result is the same every run. All of it is differentiable.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.errors import InputError

LAG = 256  # columns of the Hankel matrix at the most
_ITERATIONS = 10
_NOTHING = 1e-30
_SHORTEST = 1e-3  # factor from sample to sample below which an oscillation is over at once
_RIDGE = 1e-6  # of the amplitudes, so that two equal poles do no harm


def check_components(components: int, n_samples: int) -> None:
    """Refuse a number of oscillations that so many samples cannot tell apart.

    Raises:
        InputError: saying how many can be found.
    """
    most = min(LAG, n_samples // 2) // 2 - 1
    if not 1 <= components <= most:
        raise InputError(f"{components} components; between 1 and {most} can be found in {n_samples} samples")


def damped_oscillations(
    fid: Complex[Array, " samples"], components: int
) -> tuple[Complex[Array, " components"], Complex[Array, " components"]]:
    """Poles (factor from one sample to the next, modulus at most 1) and complex amplitudes of damped oscillations.

    Poles come from the first 512 samples at the most, amplitudes from twice as many. Samples must be finite and not
    all zero.

    Args:
        fid: samples.
        components: how many oscillations; more than there are does no harm.

    Raises:
        InputError: so many cannot be found.
    """
    check_components(components, fid.shape[0])
    scale = jax.lax.stop_gradient(jnp.abs(fid).max())
    samples = fid / scale.astype(fid.dtype)
    lag = min(LAG, fid.shape[0] // 2)
    # A little noise at rounding level, the same every time, for samples that are made of fewer oscillations exactly.
    noise = 16 * float(jnp.finfo(fid.dtype).eps) * np.random.default_rng(1).normal(size=(2, 2 * lag))
    poles = _poles(samples[: 2 * lag] + jnp.asarray(noise[0] + 1j * noise[1], fid.dtype), lag, components)
    return poles, scale.astype(fid.dtype) * _amplitudes(poles, samples[: 4 * lag])


def powers(poles: Complex[Array, " poles"], steps: np.ndarray) -> Complex[Array, "steps poles"]:
    """Poles to real powers."""
    return jnp.exp(jnp.asarray(steps, poles.real.dtype)[:, None] * jnp.log(poles)[None])


def _poles(samples: Complex[Array, " samples"], lag: int, components: int) -> Complex[Array, " components"]:
    basis = _subspace(samples, lag, components)
    # Least squares for the shift: all samples but the last to all but the first; orthonormal rows give the inverse.
    upper, lower, last = basis[:, :-1], basis[:, 1:], basis[:, -1]
    shift = upper.conj() @ lower.T
    rest = jnp.maximum(1 - jnp.sum(jnp.abs(last) ** 2), 1e-3)
    shift = shift + jnp.outer(last.conj(), last @ shift) / rest
    poles = jnp.linalg.eigvals(shift)
    # A growing oscillation is not a signal, and one without a logarithm none either.
    safe = jnp.where(jnp.abs(poles) < _SHORTEST, _SHORTEST, poles)
    return safe / jnp.maximum(jnp.abs(safe), 1.0).astype(poles.dtype)


def _subspace(samples: Complex[Array, " samples"], lag: int, rank: int) -> Complex[Array, "rank rows"]:
    """Orthonormal rows that span the leading left singular vectors of the Hankel matrix."""
    n = samples.shape[0]
    size = _fast_length(n)
    spectrum = jnp.fft.fft(samples, size)[None]

    def times(block: Array) -> Array:
        """Product of the Hankel matrix, or its transpose, with each row."""
        turned = jnp.fft.fft(block[:, ::-1], size)
        return jnp.fft.ifft(spectrum * turned)[:, block.shape[1] - 1 : n]

    start = np.random.default_rng(0).normal(size=(2, rank, lag))
    first = _orthonormal(times(jnp.asarray(start[0] + 1j * start[1], samples.dtype)))

    def better(basis: Array, _: None) -> tuple[Array, None]:
        # Orthonormal after each product: in single precision the square of the matrix would lose all but water.
        return _orthonormal(times(_orthonormal(times(basis.conj()).conj()))), None

    almost = jax.lax.scan(better, first, None, length=_ITERATIONS)[0]
    return _orthonormal(almost)


def _orthonormal(rows: Complex[Array, "rank n"]) -> Complex[Array, "rank n"]:
    """Orthonormal rows with the same span (Gram-Schmidt). A second time, they are orthonormal to the last digit.

    The LAPACK beneath jaxlib has this too, but starts threads for it, which get into each other's way when all cores
    are busy with other voxels.
    """

    def step(done: Array, place: tuple[Array, Array]) -> tuple[Array, None]:
        index, row = place
        left = row - (done.conj() @ row) @ done
        norm = jnp.sqrt(jnp.sum(left.real**2 + left.imag**2) + _NOTHING)
        return jax.lax.dynamic_update_slice(done, (left / norm.astype(left.dtype))[None], (index, 0)), None

    return jax.lax.scan(step, jnp.zeros_like(rows), (jnp.arange(rows.shape[0]), rows))[0]


def _fast_length(n: int) -> int:
    """The next length with small prime factors."""
    sizes = [2**a * 3**b for a in range(20) for b in range(4)]
    return min(size for size in sizes if size >= n)


def _amplitudes(
    poles: Complex[Array, " components"], samples: Complex[Array, " samples"]
) -> Complex[Array, " components"]:
    waves = powers(poles, np.arange(samples.shape[0]))
    ridge = _RIDGE * jnp.eye(poles.shape[0], dtype=poles.dtype)
    columns = jnp.concatenate([waves, ridge]).T
    rows = _orthonormal(_orthonormal(columns))
    factor = rows.conj() @ columns.T

    def solved(right: Array) -> Array:
        return jax.scipy.linalg.solve_triangular(factor, rows[:, : right.shape[0]].conj() @ right)

    found = solved(samples)
    return found + solved(samples - waves @ found)  # once more, for what single precision left
