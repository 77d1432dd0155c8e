"""Frequency and phase of an FID from peaks whose place is known: creatine and choline, or NAA."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Complex

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError
from diffmrs.preprocess.registration import Offsets, angle, search_bins
from diffmrs.preprocess.summit import summit

# Methyl protons of creatine and the trimethyl group of phosphocholine; acetyl of NAA. Govindaraju et al. 2000, NMR
# Biomed 13:129, and Near et al. 2021, NMR Biomed 34:e4257; choline is the mean of its kinds, heavy as in brain.
CREATINE_CHOLINE = (3.027, 3.21)
NAA = (2.008,)

_BESIDE_PPM = 0.15  # of the peaks that is compared
_FAR = 0.01  # of the energy explained, that a shift as large as the limit must explain more
_ORDER = 2  # of the complex polynomial under them
_FILL = 2  # zero filling of the fit
_SEARCH_FILL = 8  # and of the search: between two shifts no peak may lose as much as the weaker one has
_WIDTHS_HZ = (2.0, 4.0, 8.0, 16.0)  # tried in the search


def reference_peaks(
    fid: Complex[Array, " points"],
    acquisition: Acquisition,
    *,
    peaks_ppm: tuple[float, ...] = CREATINE_CHOLINE,
    limit_hz: float = 50.0,
) -> Offsets:
    r"""Shift and phase that peaks have against where they belong on the ppm axis.

    The peaks are Lorentzian lines of a common shift $\Delta$, width $w$ and phase $\varphi$, with real amplitudes,

    $$e^{i\varphi} \sum_j a_j\, e^{2\pi i (f_j + \Delta) t - \pi w t},$$

    on a complex polynomial of second order in the spectrum, from 0.15 ppm below to 0.15 ppm above them: the fit of
    creatine and choline of the consensus (Near et al. 2021, NMR Biomed 34:e4257). Amplitudes, phase and polynomial
    follow in closed form. All shifts are tried at once, with a few widths; Newton's method then finds the top in shift
    and width. Take the offsets off an averaged FID to reference its frequency and its zero-order phase; one transient
    is often too noisy for two peaks, and registration to a template uses them all.

    Args:
        fid: one FID.
        acquisition: its sampling.
        peaks_ppm: where the peaks belong, ppm; `CREATINE_CHOLINE`, `NAA` or any others.
        limit_hz: largest shift looked for, Hz; half way to other strong peaks at the most.

    Returns:
        `Offsets`, differentiable in the FID but for `converged`; the amplitude is the sum of the $a_j$, and the
        likeness the correlation of the peaks with what is no polynomial.

    Raises:
        InputError: no peak is given, or they or the limit reach outside the spectrum.
    """
    if not peaks_ppm:
        raise InputError("peaks_ppm is empty; give the chemical shift of at least one peak")
    n, real = fid.shape[-1], fid.real.dtype
    time = jnp.asarray(acquisition.time_s(n), real)
    places = jnp.asarray(acquisition.ppm_to_hz(np.array(peaks_ppm)), real)
    bins = search_bins(acquisition, _SEARCH_FILL * n, limit_hz)
    margin = limit_hz / acquisition.spectrometer_frequency_mhz
    size = jnp.sqrt(jnp.maximum(jnp.sum(jnp.abs(stop_gradient(fid)) ** 2), jnp.finfo(real).tiny))
    x = fid / size
    coarse, width = _search(stop_gradient(x), acquisition, peaks_ppm, margin, bins)
    x = x * jnp.exp(-2j * jnp.pi * coarse * time)
    window, polynomials = _window(acquisition, _FILL * n, peaks_ppm, _BESIDE_PPM, _ORDER)
    smooth = jnp.asarray(polynomials, real)

    def sharp(fids: Array) -> Array:
        filled = jnp.concatenate([fids, jnp.zeros((*fids.shape[:-1], (_FILL - 1) * n), fids.dtype)], axis=-1)
        seen = spectrum_of(filled)[..., window]
        return seen - (seen @ smooth) @ smooth.T

    def parts(place: Array, seen: Array) -> tuple[Array, Array]:
        rate = 2j * jnp.pi * (places + place[0]) - jnp.pi * jnp.exp(place[1])
        lines = sharp(jnp.exp(rate[:, None] * time[None, :]))
        return lines.conj() @ seen, (lines.conj() @ lines.T).real

    def height(place: Array, seen: Array) -> Array:
        return _in_phase(*parts(place, seen))[0]

    seen = sharp(x)
    start = jnp.stack([jnp.zeros((), real), jnp.log(width)])
    step_hz = 1 / (_FILL * n * acquisition.dwell_time_s)
    reach = jnp.stack([jnp.maximum(2 * step_hz, width), jnp.asarray(1.5, real)])
    place, converged = summit(height, seen, start, reach)
    explained, phase, amplitude, _ = _in_phase(*parts(place, seen))
    energy = jnp.sum(seen.real**2 + seen.imag**2)
    tiny = jnp.finfo(real).tiny
    likeness = jnp.sqrt(jnp.clip(explained / jnp.maximum(energy, tiny), tiny, 1.0))
    return Offsets(coarse + place[0], phase, amplitude * size, likeness, converged)


def _in_phase(products: Array, gram: Array) -> tuple[Array, Array, Array, Array]:
    r"""Energy explained by lines of one phase and real amplitudes, that phase, the sum of the amplitudes, and each.

    With $b$ the products and $A$ the inverse of the real Gram matrix, the energy at phase φ is $\Re(e^{-iφ}b)^T A
    \Re(e^{-iφ}b)$, which is largest at $φ = ½ \arg b^T A b$.
    """
    gram = gram + 1e-6 * jnp.trace(gram) * jnp.eye(len(gram), dtype=gram.dtype)
    solved = jnp.linalg.solve(gram.astype(products.dtype), products)
    square = products @ solved
    phase = 0.5 * angle(square)
    amplitudes = (solved * jnp.exp(-1j * phase)).real
    upside_down = jnp.sum(amplitudes) < 0
    phase = angle(jnp.exp(1j * (phase + jnp.pi * upside_down)))
    upright = amplitudes * jnp.where(upside_down, -1.0, 1.0)
    # Written with the real parts: the size of `square` has no derivative at zero.
    turned = (products * jnp.exp(-1j * phase)).real
    return turned @ upright, phase, jnp.sum(upright), upright


def _upright(products: Array, gram: Array) -> Array:
    """Energy explained by lines of which none is negative: by the strongest alone where one would be."""
    explained, _, _, amplitudes = _in_phase(products, gram)
    alone = jnp.max((products.real**2 + products.imag**2) / jnp.diag(gram))
    return jnp.where(jnp.min(amplitudes) < 0, alone, explained)


def _search(
    x: Array, acquisition: Acquisition, peaks_ppm: tuple[float, ...], margin_ppm: float, bins: np.ndarray
) -> tuple[Array, Array]:
    """The best shift, Hz, and width, Hz, of those tried."""
    n = x.shape[-1]
    time = acquisition.time_s(n)
    window, polynomials = _window(acquisition, n, peaks_ppm, _BESIDE_PPM + margin_ppm, _ORDER + 2)
    smooth = jnp.asarray(polynomials, x.real.dtype)
    seen = spectrum_of(x)[window]
    seen = seen - (seen @ smooth) @ smooth.T
    sharp = jnp.fft.ifft(jnp.fft.ifftshift(jnp.zeros_like(x).at[window].set(seen))) * n
    places = acquisition.ppm_to_hz(np.array(peaks_ppm))
    decay = np.exp(-np.pi * np.array(_WIDTHS_HZ)[:, None] * time)
    lines = np.exp(2j * np.pi * places[:, None] * time)
    # Gram matrices of whole lines: window and polynomial are left to the refinement.
    gram = np.einsum("wt,jt,kt->wjk", decay**2, lines.conj(), lines).real * n
    shifted = jnp.asarray(lines.conj()[None] * decay[:, None], x.dtype) * sharp[None, None, :]
    products = jnp.fft.fft(shifted, _SEARCH_FILL * n, axis=-1)[..., bins]  # [widths, peaks, shifts]
    explained = jax.vmap(jax.vmap(_upright, (1, None)), (0, 0))(products, jnp.asarray(gram, x.real.dtype))
    # Where one peak is hardly seen the other explains as much in its place: the nearer of two equals is meant.
    nearer = 1 - _FAR * np.square(bins / np.abs(bins).max())
    best = jnp.argmax(explained * jnp.asarray(nearer, x.real.dtype)[None, :])
    shift = jnp.asarray(bins / (_SEARCH_FILL * n * acquisition.dwell_time_s), x.real.dtype)[best % len(bins)]
    return shift, jnp.asarray(_WIDTHS_HZ, x.real.dtype)[best // len(bins)]


@lru_cache(maxsize=16)
def _window(
    acquisition: Acquisition, n: int, peaks_ppm: tuple[float, ...], beside_ppm: float, order: int
) -> tuple[slice, np.ndarray]:
    """Points of the spectrum around the peaks, and polynomials orthonormal on them. [points, orders]"""
    window = acquisition.window(n, (min(peaks_ppm) - beside_ppm, max(peaks_ppm) + beside_ppm))
    across = np.linspace(-1, 1, window.stop - window.start)
    return window, np.linalg.qr(np.polynomial.legendre.legvander(across, order))[0]
