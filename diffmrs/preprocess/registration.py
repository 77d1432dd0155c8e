"""Frequency and phase of one FID against another: spectral registration in the time domain or over a ppm range."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.preprocess.summit import summit

_FILL = 4  # zero filling of the search: the best point is then on the right hill, near its top
_TAPER_PPM = 0.1  # over which a window fades at each end


class Offsets(NamedTuple):
    """What an FID has that the reference has not; `take_off` removes it. Scalars; `vmap` gives arrays.

    Attributes:
        shift_hz: frequency, Hz; positive towards lower ppm.
        phase_rad: zero-order phase, rad, -π to π.
        amplitude: size relative to the reference.
        likeness: part of the FID that is the moved reference: correlation of the two, 0 to 1.
        converged: whether a maximum was found within the limit. Where not, the numbers are the best of the search.
    """

    shift_hz: Float[Array, "*transients"]
    phase_rad: Float[Array, "*transients"]
    amplitude: Float[Array, "*transients"]
    likeness: Float[Array, "*transients"]
    converged: Bool[Array, "*transients"]


def register(
    fid: Complex[Array, " points"],
    reference: Complex[Array, " samples"],
    acquisition: Acquisition,
    *,
    n_points: int | None = None,
    window_ppm: tuple[float, float] | None = None,
    baseline_order: int | None = None,
    limit_hz: float = 100.0,
) -> Offsets:
    r"""Shift and phase of an FID against a reference: spectral registration (Near et al. 2015, Magn Reson Med 73:44).

    Least squares of $x(t) - a\,e^{i(2\pi\Delta t + \varphi)} r(t)$ over the first samples; amplitude and phase follow
    in closed form for every shift, so that what is left is the top of

    $$\gamma^2(\Delta) = \frac{|\langle r_\Delta, x\rangle|^2}{\langle r_\Delta, r_\Delta\rangle\langle x, x\rangle},
      \qquad r_\Delta(t) = r(t)\,e^{2\pi i \Delta t}.$$

    All shifts are tried at once by a zero-filled Fourier transform, then Newton's method finds the top: no start is
    needed, and no phase or shift within the limit leads to a wrong hill. In white noise and with a clean reference this
    reaches the Cramér-Rao bound. With a window, the products are sums over a part of the spectrum, which fades over 0.1
    ppm at its ends and stays where it is while the reference moves.

    Args:
        fid: one FID.
        reference: FID it is compared with; any scale.
        acquisition: sampling of both.
        n_points: samples used; all when None. Fewer are better when the reference is as noisy as the FID.
        window_ppm: part of the spectrum compared, ppm; all of it when None.
        baseline_order: order of a complex polynomial that is left out of the comparison within the window, as wings
            of what differs outside it; none when None.
        limit_hz: largest shift looked for, Hz.

    Returns:
        `Offsets`, differentiable in both FIDs, but for `converged`.

    Raises:
        InputError: the FIDs differ in length, or the number of points, window, order or limit are unusable.
    """
    n = checked_points(n_points, fid.shape[-1])
    if reference.shape != fid.shape:
        raise InputError(f"the reference has {reference.shape[-1]} points, but the FID {fid.shape[-1]}")
    if baseline_order is not None and (window_ppm is None or not 0 <= baseline_order <= 8):
        raise InputError(f"baseline_order is {baseline_order}; 0 to 8 is possible, within a window_ppm")
    bins = search_bins(acquisition, _FILL * n, limit_hz)
    x, r = fid[:n], reference[:n]
    time = jnp.asarray(acquisition.time_s(n), x.real.dtype)
    window = None
    if window_ppm is not None:
        window = jax.tree.map(
            lambda part: jnp.asarray(part, x.real.dtype), _window(acquisition, n, window_ppm, baseline_order)
        )
    size = jnp.sqrt(jnp.maximum(jnp.sum(jnp.abs(stop_gradient(x)) ** 2), jnp.finfo(x.real.dtype).tiny))
    size_r = jnp.sqrt(jnp.maximum(jnp.sum(jnp.abs(stop_gradient(r)) ** 2), jnp.finfo(x.real.dtype).tiny))
    x, r = x / size, r / size_r

    def parts(shift: Array, data: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        x, r = data
        moved = r * jnp.exp(2j * jnp.pi * shift * time)
        seen = _through(moved, window)
        return jnp.vdot(seen, x), jnp.vdot(seen, moved).real, jnp.vdot(x, _through(x, window)).real

    def height(shift: Array, data: tuple[Array, Array]) -> Array:
        product, energy, whole = parts(shift[0], data)
        return _over(product.real**2 + product.imag**2, energy * whole)

    tried = jnp.abs(jnp.fft.fft(r.conj() * _through(x, window), _FILL * n)[bins]) ** 2
    tried = _over(tried, jnp.maximum(_moved_energy(r, window, _FILL * n)[bins], 1e-6 * jnp.sum(jnp.abs(r) ** 2)))
    step_hz = 1 / (_FILL * n * acquisition.dwell_time_s)
    start = jnp.asarray(bins, time.dtype)[jnp.argmax(tried)] * step_hz
    shift, converged = summit(height, (x, r), start[None], jnp.full(1, 2 * step_hz, time.dtype))
    product, energy, _ = parts(shift[0], (x, r))
    likeness = jnp.sqrt(jnp.clip(height(shift, (x, r)), jnp.finfo(time.dtype).tiny, 1.0))
    return Offsets(shift[0], angle(product), _over(absolute(product), energy) * size / size_r, likeness, converged)


def take_off(fid: Complex[Array, " points"], acquisition: Acquisition, offsets: Offsets) -> Complex[Array, " points"]:
    r"""The FID without its shift and phase: $x(t)\,e^{-i(2\pi\Delta t+\varphi)}$. Its amplitude stays."""
    time = jnp.asarray(acquisition.time_s(fid.shape[-1]), fid.real.dtype)
    return fid * jnp.exp(-1j * (2 * jnp.pi * offsets.shift_hz * time + offsets.phase_rad))


def checked_points(n_points: int | None, available: int) -> int:
    """The samples to use.

    Raises:
        InputError: fewer than 16, or more than there are.
    """
    n = available if n_points is None else n_points
    if not 16 <= n <= available:
        raise InputError(f"n_points is {n}; between 16 and the {available} of the FID can be used")
    return n


def search_bins(acquisition: Acquisition, filled: int, limit_hz: float, dwell_factor: int = 1) -> np.ndarray:
    """Points of a zero-filled transform within a limit, as indices; the negative ones count from the end.

    Raises:
        InputError: the limit is not positive, or beyond a quarter of the bandwidth.
    """
    most = 0.25 * acquisition.bandwidth_hz
    if not 0 < limit_hz <= most:
        raise InputError(f"limit_hz is {limit_hz:g}; it must lie between 0 and a quarter of the bandwidth, {most:g} Hz")
    last = int(np.ceil(limit_hz * acquisition.dwell_time_s * dwell_factor * filled))
    return np.arange(-last, last + 1)


def angle(z: Complex[Array, "..."]) -> Float[Array, "..."]:
    """Argument of complex numbers, with the derivative 0 at 0."""
    safe = jnp.where(z == 0, 1.0, z)
    return jnp.arctan2(safe.imag, safe.real)


def absolute(z: Complex[Array, "..."]) -> Float[Array, "..."]:
    """Size of complex numbers, with the derivative 0 at 0."""
    return jnp.where(z == 0, 0.0, jnp.abs(jnp.where(z == 0, 1.0, z)))


def _over(top: Array, bottom: Array) -> Array:
    return jnp.where(bottom > 0, top, 0.0) / jnp.where(bottom > 0, bottom, 1.0)


class _Window(NamedTuple):
    """What is seen of a spectrum, in the order of `jnp.fft.fft`: weights, [n], and what is left out of the weighted
    spectrum, orthonormal columns, [n, orders]."""

    root: Any
    smooth: Any


@lru_cache(maxsize=16)
def _window(acquisition: Acquisition, n: int, window_ppm: tuple[float, float], baseline_order: int | None) -> _Window:
    acquisition.window(2 * n, window_ppm)  # refuses windows of fewer than 8 points
    ppm = acquisition.hz_to_ppm(np.fft.fftfreq(n, acquisition.dwell_time_s))
    low, high = window_ppm
    root = np.sin(0.5 * np.pi * np.clip(np.minimum(ppm - low, high - ppm) / _TAPER_PPM, 0.0, 1.0))
    across = np.clip((2 * ppm - low - high) / (high - low), -1.0, 1.0)
    orders = 0 if baseline_order is None else baseline_order + 1
    powers = np.polynomial.legendre.legvander(across, max(orders - 1, 0))[:, :orders]
    return _Window(root, np.linalg.qr(root[:, None] * powers)[0])


def _through(fid: Array, window: _Window | None) -> Array:
    """What of an FID is seen through a window of its spectrum: a Hermitian operator."""
    if window is None:
        return fid
    half = jnp.ones(fid.shape[-1], fid.real.dtype).at[0].set(0.5)  # the first point, as in `spectrum_of`
    seen = window.root * jnp.fft.fft(half * fid)
    seen = seen - window.smooth @ (window.smooth.T @ seen)
    return half * jnp.fft.ifft(window.root * seen)


def _moved_energy(r: Array, window: _Window | None, filled: int) -> Array:
    """Energy of the reference seen through the window, for every shift of the search, in the order of `jnp.fft.fft`."""
    if window is None:
        return jnp.broadcast_to(jnp.sum(jnp.abs(r) ** 2), (filled,))
    n = r.shape[-1]
    halved = r.at[0].multiply(0.5)
    # Autocorrelation of the moved reference times that of the window.
    own = jnp.fft.ifft(jnp.abs(jnp.fft.fft(halved, filled)) ** 2)
    kernel = jnp.fft.ifft(window.root**2)
    lags = np.fft.fftfreq(filled, 1 / filled).astype(int)
    whole = jnp.fft.fft(own.conj() * kernel[lags % n]).real
    left_out = jnp.fft.ifft(window.root[:, None] * window.smooth, axis=0).T * halved.conj()[None, :]
    taken = jnp.sum(jnp.abs(jnp.fft.fft(left_out.astype(r.dtype), filled, axis=1)) ** 2, axis=0) * n
    return whole - taken
