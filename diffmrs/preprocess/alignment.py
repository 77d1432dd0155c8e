"""Every voxel of a volume on the same frequency and phase: cross-correlation with their own mean."""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess.chunks import check_mask, chunks_of, in_chunks, rows_of, spectra_in
from diffmrs.preprocess.masks import narrow_signal

_ORDER = 6  # of the polynomial that takes up the wings of water and lipids within the window
_TAPER_PPM = 0.1  # over which the window fades at each end
_FILL = 4  # zero filling of the search
_CHANCE = 0.01  # that noise alone is taken for a likeness


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
    search = _Search(data.acquisition, data.n_points, window_ppm, limit_ppm)
    fid = rows[chosen]
    if reference is None:
        mean = fid[np.argmax(narrow_signal(fid, data.acquisition))]
        for _ in range(rounds):
            mean = _mean_aligned(fid, mean, search)
    else:
        mean = _checked_reference(np.asarray(reference), data)
    shift, phase, likeness = _estimate(fid, mean, search)
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


class _Search(NamedTuple):
    """What is compared and where is looked: hashable, so that it can be static."""

    acquisition: Acquisition
    n_points: int
    window_ppm: tuple[float, float]
    limit_ppm: float

    @property
    def limit_hz(self) -> float:
        return self.limit_ppm * self.acquisition.spectrometer_frequency_mhz

    @property
    def bins(self) -> np.ndarray:
        """Shifts tried, in points of the zero-filled spectrum."""
        most = int(np.ceil(self.limit_hz * self.acquisition.dwell_time_s * _FILL * self.n_points))
        return np.arange(-most, most + 1)


@lru_cache(maxsize=16)
def _window(search: _Search) -> tuple[np.ndarray, np.ndarray]:
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


def _templates(reference: np.ndarray, search: _Search) -> np.ndarray:
    """FIDs that a spectrum is multiplied with for its products with the reference, of norm one, and with the
    polynomials. [1 + orders, points]"""
    weight, polynomials = _window(search)
    halved = np.concatenate([0.5 * reference[:1], reference[1:]]).astype(complex)
    spectrum = np.fft.fft(halved, _FILL * search.n_points)
    spectrum = spectrum - (polynomials.astype(complex) @ (weight * spectrum)) @ polynomials
    norm = np.sqrt(np.sum(weight * np.abs(spectrum) ** 2))
    if not norm > 0:
        raise InputError(f"the reference has no signal from {search.window_ppm[0]:g} to {search.window_ppm[1]:g} ppm")
    both = np.concatenate([spectrum[None] / norm, polynomials.astype(complex)]) * weight
    return np.fft.ifft(both)[:, : search.n_points] * both.shape[1]


def _estimate(fid: np.ndarray, reference: np.ndarray, search: _Search) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shift, phase and likeness of each FID; zeros where nothing alike is found. [spectra] each"""
    complex_type = jnp.result_type(jnp.asarray(fid[:1]))
    templates = jnp.asarray(_templates(reference, search), complex_type)
    kernel = jnp.asarray(np.fft.rfft(_window(search)[0]), complex_type)
    run = partial(_compare, templates=templates, kernel=kernel, search=search)
    shift, phase, likeness = in_chunks(run, fid)
    points = max(_window(search)[0].sum() - _ORDER - 1, 2.0)  # free ones in the window
    tried = max(len(search.bins) / _FILL, 1.0)
    seen = likeness**2 > 1 - (_CHANCE / tried) ** (1 / (points - 1))
    return np.where(seen, shift, 0), np.where(seen, phase, 0), np.where(seen, likeness, 0)


@partial(jax.jit, static_argnames="search")
def _compare(
    fid: Complex[Array, "spectra points"],
    templates: Complex[Array, "templates points"],
    kernel: Complex[Array, " half"],
    search: _Search,
) -> tuple[Array, Array, Array]:
    n = _FILL * search.n_points
    halved = fid.at[:, 0].multiply(0.5)

    def products(template: Array) -> Array:
        return jnp.fft.fft(halved * template.conj()[None, :], n)[:, search.bins % n]

    power = jnp.fft.rfft(jnp.abs(jnp.fft.fft(halved, n)) ** 2)
    energy = jnp.fft.irfft(power * kernel.conj()[None, :], n)[:, search.bins % n]
    alike = products(templates[0])
    smooth = jax.lax.map(lambda template: jnp.abs(products(template)) ** 2, templates[1:]).sum(axis=0)
    sharp = jnp.maximum(energy - smooth, 1e-6 * energy)
    gamma = jnp.abs(alike) ** 2 / jnp.where(sharp > 0, sharp, 1.0)
    # A parabola through the best point and its neighbours, within the range that is looked at.
    best = 1 + jnp.argmax(gamma[:, 1:-1], axis=1)
    left, top, right = (jnp.take_along_axis(gamma, best[:, None] + k, axis=1)[:, 0] for k in (-1, 0, 1))
    bend = left - 2 * top + right
    aside = jnp.clip(jnp.where(bend < 0, 0.5 * (left - right) / jnp.where(bend < 0, bend, -1.0), 0.0), -1.0, 1.0)
    step_hz = 1 / (n * search.acquisition.dwell_time_s)
    shift = (jnp.asarray(search.bins, top.dtype)[best] + aside) * step_hz
    time = jnp.asarray(search.acquisition.time_s(search.n_points), top.dtype)
    turned = halved * jnp.exp(-2j * jnp.pi * shift[:, None] * time[None, :])
    return shift, jnp.angle(turned @ templates[0].conj()), jnp.sqrt(jnp.clip(top, 0.0, 1.0))


def _mean_aligned(fid: np.ndarray, reference: np.ndarray, search: _Search) -> np.ndarray:
    """Mean of the FIDs after alignment, each as heavy as it is like the reference, with their median shift and mean
    phase. [points]"""
    shift, phase, likeness = _estimate(fid, reference, search)
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
