"""How far, and by what phase, spectra stand off a reference: all shifts at once, whatever smooth lies below."""

from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.preprocess.chunks import in_chunks

_ORDER = 6  # of the polynomial that takes up the wings of water and lipids within the window
_TAPER_PPM = 0.1  # over which the window fades at each end
_FILL = 4  # zero filling of the search
_CHANCE = 0.01  # that noise alone is taken for a likeness


class Search(NamedTuple):
    """What is compared and where is looked: hashable, so that it can be static.

    Attributes:
        acquisition: sampling.
        n_points: samples per FID.
        window_ppm: the part of the spectrum that is compared.
        limit_ppm: largest shift.
    """

    acquisition: Acquisition
    n_points: int
    window_ppm: tuple[float, float]
    limit_ppm: float

    @property
    def bins(self) -> np.ndarray:
        """Shifts tried, in points of the zero-filled spectrum."""
        limit_hz = self.limit_ppm * self.acquisition.spectrometer_frequency_mhz
        most = int(np.ceil(limit_hz * self.acquisition.dwell_time_s * _FILL * self.n_points))
        return np.arange(-most, most + 1)

    @property
    def step_hz(self) -> float:
        """Distance between two of them, Hz."""
        return 1 / (_FILL * self.n_points * self.acquisition.dwell_time_s)


def sharp_energy(fid: Complex[np.ndarray, "spectra points"], search: Search) -> Float[np.ndarray, "spectra shifts"]:
    """Energy in the window, at each shift, of what is no polynomial. It does not depend on the reference."""
    kind = jnp.asarray(fid[:1]).dtype
    weight, polynomials = _window(search)
    smooth = jnp.asarray(_as_fids(polynomials.astype(complex) * weight, search), kind)
    kernel = jnp.asarray(np.fft.rfft(weight), kind)
    return in_chunks(partial(_sharp_energy, smooth=smooth, kernel=kernel, search=search), fid)


def find_offsets(
    fid: Complex[np.ndarray, "spectra points"],
    sharp: Float[np.ndarray, "spectra shifts"],
    reference: Complex[np.ndarray, " points"],
    search: Search,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shift, Hz, phase, rad, and likeness of each FID to a reference; zeros where it is no more like it than noise.

    Args:
        fid: the FIDs.
        sharp: their `sharp_energy`.
        reference: FID of the reference.
        search: what is compared and where is looked.

    Raises:
        InputError: the reference has no signal in the window.
    """
    template = jnp.asarray(_template(reference, search), jnp.asarray(fid[:1]).dtype)
    shift, phase, likeness = in_chunks(partial(_compare, template=template, search=search), fid, sharp)
    points = max(_window(search)[0].sum() - _ORDER - 1, 2.0)  # free ones in the window
    tried = max(len(search.bins) / _FILL, 1.0)
    seen = likeness**2 > 1 - (_CHANCE / tried) ** (1 / (points - 1))
    return np.where(seen, shift, 0), np.where(seen, phase, 0), np.where(seen, likeness, 0)


@lru_cache(maxsize=16)
def _window(search: Search) -> tuple[np.ndarray, np.ndarray]:
    """Weight of each point of the zero-filled spectrum, [filled], and polynomials orthonormal under it,
    [orders, filled]; in the order of `jnp.fft.fft`."""
    n = _FILL * search.n_points
    ppm = search.acquisition.hz_to_ppm(np.fft.fftfreq(n, search.acquisition.dwell_time_s))
    low, high = search.window_ppm
    inward = np.minimum(ppm - low, high - ppm) / _TAPER_PPM
    weight = np.sin(0.5 * np.pi * np.clip(inward, 0.0, 1.0)) ** 2 / _FILL
    across = np.where(weight > 0, (2 * ppm - low - high) / (high - low), 0.0)
    plain = np.sqrt(weight)[:, None] * np.polynomial.legendre.legvander(across, _ORDER)
    orthonormal = np.linalg.qr(plain)[0] / np.sqrt(np.where(weight > 0, weight, 1.0))[:, None]
    return weight, np.where(weight[:, None] > 0, orthonormal, 0.0).T


def _as_fids(spectra: np.ndarray, search: Search) -> np.ndarray:
    """What FIDs are multiplied with, and summed, for their products with zero-filled spectra. [..., points]"""
    return np.fft.ifft(spectra)[..., : search.n_points] * spectra.shape[-1]


def _template(reference: np.ndarray, search: Search) -> np.ndarray:
    """The reference without polynomial, of norm one under the window, as `_as_fids`. [points]"""
    weight, polynomials = _window(search)
    halved = np.concatenate([0.5 * reference[:1], reference[1:]]).astype(complex)
    spectrum = np.fft.fft(halved, _FILL * search.n_points)
    spectrum = spectrum - (polynomials.astype(complex) @ (weight * spectrum)) @ polynomials
    norm = np.sqrt(np.sum(weight * np.abs(spectrum) ** 2))
    if not norm > 0:
        raise InputError(f"the reference has no signal from {search.window_ppm[0]:g} to {search.window_ppm[1]:g} ppm")
    return _as_fids(spectrum * weight / norm, search)


def _products(fid: Array, template: Array, search: Search) -> Array:
    """Products of each spectrum, moved by every shift tried, with a template. [spectra, shifts]"""
    n = _FILL * search.n_points
    halved = fid.at[:, 0].multiply(0.5)
    return jnp.fft.fft(halved * template.conj()[None, :], n)[:, search.bins % n]


@partial(jax.jit, static_argnames="search")
def _sharp_energy(
    fid: Complex[Array, "spectra points"],
    smooth: Complex[Array, "orders points"],
    kernel: Complex[Array, " half"],
    search: Search,
) -> Float[Array, "spectra shifts"]:
    n = _FILL * search.n_points
    power = jnp.abs(jnp.fft.fft(fid.at[:, 0].multiply(0.5), n)) ** 2
    energy = jnp.fft.irfft(jnp.fft.rfft(power) * kernel.conj()[None, :], n)[:, search.bins % n]
    taken = jax.lax.map(lambda template: jnp.abs(_products(fid, template, search)) ** 2, smooth).sum(axis=0)
    return jnp.maximum(energy - taken, 1e-6 * energy)


@partial(jax.jit, static_argnames="search")
def _compare(
    fid: Complex[Array, "spectra points"],
    sharp: Float[Array, "spectra shifts"],
    template: Complex[Array, " points"],
    search: Search,
) -> tuple[Array, Array, Array]:
    gamma = jnp.abs(_products(fid, template, search)) ** 2 / jnp.where(sharp > 0, sharp, jnp.inf)
    # A parabola through the best point and its neighbours, within the range that is looked at.
    best = 1 + jnp.argmax(gamma[:, 1:-1], axis=1)
    left, top, right = (jnp.take_along_axis(gamma, best[:, None] + k, axis=1)[:, 0] for k in (-1, 0, 1))
    bend = left - 2 * top + right
    aside = jnp.clip(jnp.where(bend < 0, 0.5 * (left - right) / jnp.where(bend < 0, bend, -1.0), 0.0), -1.0, 1.0)
    shift = (jnp.asarray(search.bins, top.dtype)[best] + aside) * search.step_hz
    time = jnp.asarray(search.acquisition.time_s(search.n_points), top.dtype)
    turned = fid.at[:, 0].multiply(0.5) * jnp.exp(-2j * jnp.pi * shift[:, None] * time[None, :])
    return shift, jnp.angle(turned @ template.conj()), jnp.sqrt(jnp.clip(top, 0.0, 1.0))
