"""Where brain is and where skull lipids are, told from the spectra alone."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.preprocess.chunks import check_volume, in_chunks, rows_of

_METABOLITES_PPM, _LIPIDS_PPM, _WATER_PPM = (1.95, 3.4), (0.8, 1.85), (4.2, 5.1)
_QUIET_PPM = (-0.5, 6.0)  # noise is measured outside
# Bells on the FID: long ones keep narrow lines only, short ones broad lines too. Both take the wings off: those of the
# spectrum fall with the third power of the distance from a line.
_LONG_S, _SHORT_S = 0.2, 0.05
_BRAIN_SHARE, _LIPID_SHARE = 0.25, 0.1  # of the usual signal of the brain, and of the strongest lipids
_LIPIDS_OVER_METABOLITES, _LIPIDS_OVER_WATER = 2.0, 0.002
_UNSUPPRESSED = 1000.0  # height of water over metabolites; below 100 where it is suppressed, thousands where not
_SEEN = 3.0  # noise standard deviations


class Content(NamedTuple):
    """What each voxel holds: root mean squares, and for water the height, of magnitude spectra; data units. [x, y, z]

    Attributes:
        narrow: lines as narrow as those of metabolites, 1.95 to 3.4 ppm, without noise.
        noise: of the spectrum that `narrow` is measured on.
        narrow_water: height of the water line there.
        metabolites: 1.95 to 3.4 ppm, broad lines included.
        lipids: 0.8 to 1.85 ppm, broad lines included.
        broad_noise: of the spectrum that these two are measured on.
        water: height of the water line there.
        whole: whether every FID of the voxel is finite and none is all zeros.
    """

    narrow: np.ndarray
    noise: np.ndarray
    narrow_water: np.ndarray
    metabolites: np.ndarray
    lipids: np.ndarray
    broad_noise: np.ndarray
    water: np.ndarray
    whole: np.ndarray


def mask_from_data(data: MRSData) -> Bool[np.ndarray, "x y z"]:
    r"""Voxels with the signal of brain, for when there is no mask drawn on an anatomical image.

    The FIDs are multiplied by a bell, $\sin^2(\pi t/T)$, which takes the wings of water and lipids out of the rest of
    the spectrum and, when long (T = 0.2 s), broad lines altogether. A voxel is brain when

    - every FID in it is finite and not all zeros,
    - narrow lines between 1.95 and 3.4 ppm stand three noise standard deviations high, and at least a quarter as high
      as in the middle one of the strong voxels (those above half the 98th percentile), and
    - lipids do not dominate: behind a short bell (T = 0.05 s), the root mean square at 0.8 to 1.85 ppm is less than
      twice that at 1.95 to 3.4 ppm (0.3 to 1.3 in brain; 3 to 25 in scalp).

    Where water was not suppressed (in the strong voxels it stands over a thousand times as high as the metabolites) it
    takes the place of the metabolites in both: its height counts, and lipids dominate from 0.002 of it (brain without
    lipids: 0.0002, by the metabolites themselves).

    Args:
        data: a 1H volume. Powers are averaged over dimensions beyond the spatial ones.

    Returns:
        True in brain. All false when no voxel passes.

    Raises:
        InputError: the data are no 1H volume, or the spectra do not reach from 0.8 to 5.1 ppm.
    """
    content = content_of(data)
    dominated = _lipids_dominate(content)
    signal, noise = (
        (content.narrow_water, content.noise) if _water_is_there(content) else (content.narrow, content.noise)
    )
    candidates = content.whole & ~dominated & (signal > _SEEN * noise)
    return candidates & (signal > _BRAIN_SHARE * _usual(signal[candidates]))


def lipid_mask_from_data(data: MRSData) -> Bool[np.ndarray, "x y z"]:
    """Voxels with the lipids of scalp and skull, for `diffmrs.preprocess.suppress_lipids`.

    Those in which lipids dominate, by the rule of `mask_from_data`, are seen above the noise, and are at least a tenth
    as strong as in the strongest such voxel (98th percentile).

    Args:
        data: a 1H volume. Powers are averaged over dimensions beyond the spatial ones.

    Returns:
        True where lipids are. No voxel is in this mask and in that of the brain. All false when there are none.

    Raises:
        InputError: as `mask_from_data`.
    """
    content = content_of(data)
    ring = content.whole & _lipids_dominate(content) & (content.lipids > _SEEN * content.broad_noise)
    if not ring.any():
        return ring
    return ring & (content.lipids > _LIPID_SHARE * np.percentile(content.lipids[ring], 98))


def content_of(data: MRSData) -> Content:
    """What `mask_from_data` looks at.

    Raises:
        InputError: as `mask_from_data`.
    """
    space = check_volume(data)
    for band in ((_LIPIDS_PPM), (_METABOLITES_PPM), (_LIPIDS_PPM[0], _WATER_PPM[1])):
        data.acquisition.window(data.n_points, band)
    rows = rows_of(data)
    measured = in_chunks(partial(_powers, acquisition=data.acquisition), rows)
    per_voxel = [power.reshape(*space, -1).mean(axis=-1, dtype=float) for power in measured]
    narrow, noise, narrow_water, metabolites, lipids, broad_noise, water = per_voxel
    return Content(
        narrow=np.sqrt(np.maximum(narrow - noise, 0.0)),
        noise=np.sqrt(noise),
        narrow_water=np.sqrt(narrow_water),
        metabolites=np.sqrt(metabolites),
        lipids=np.sqrt(lipids),
        broad_noise=np.sqrt(broad_noise),
        water=np.sqrt(water),
        whole=np.asarray(rows.any(axis=-1).reshape(*space, -1).all(axis=-1)),
    )


def narrow_signal(fid: Complex[np.ndarray, "spectra points"], acquisition: Acquisition) -> np.ndarray:
    """How high the lines of metabolites stand over the noise, whatever water and lipids do. [spectra]"""
    narrow, noise = in_chunks(partial(_powers, acquisition=acquisition), fid)[:2]
    return np.sqrt(np.maximum(narrow - noise, 0.0) / np.where(noise > 0, noise, np.inf))


@partial(jax.jit, static_argnames="acquisition")
def _powers(fid: Complex[Array, "spectra points"], acquisition: Acquisition) -> tuple[Array, ...]:
    n = fid.shape[-1]
    time, ppm = acquisition.time_s(n), acquisition.ppm(n)

    def inside(band: tuple[float, float]) -> np.ndarray:
        return np.flatnonzero((ppm > band[0]) & (ppm < band[1]))

    outside = np.flatnonzero((ppm < _QUIET_PPM[0]) | (ppm > _QUIET_PPM[1]))
    quiet = outside if outside.size > n // 8 else np.arange(n)

    def behind_bell(duration_s: float) -> tuple[Array, Array]:
        duration_s = min(duration_s, n * acquisition.dwell_time_s)
        bell = np.where(time < duration_s, np.sin(np.pi * time / duration_s) ** 2, 0.0)
        spectrum = jnp.fft.fftshift(jnp.fft.fft(fid * jnp.asarray(bell, fid.real.dtype)[None, :]), axes=-1)
        power = jnp.abs(spectrum) ** 2
        apart = int(np.ceil(n * acquisition.dwell_time_s / duration_s))  # points between are not independent
        return power, jnp.median(power[:, quiet[::apart]], axis=-1) / np.log(2)  # median of an exponential distribution

    narrow, noise = behind_bell(_LONG_S)
    broad, broad_noise = behind_bell(_SHORT_S)
    return (
        narrow[:, inside(_METABOLITES_PPM)].mean(axis=-1),
        noise,
        narrow[:, inside(_WATER_PPM)].max(axis=-1),
        broad[:, inside(_METABOLITES_PPM)].mean(axis=-1),
        broad[:, inside(_LIPIDS_PPM)].mean(axis=-1),
        broad_noise,
        broad[:, inside(_WATER_PPM)].max(axis=-1),
    )


def _usual(signal: np.ndarray) -> float:
    """The median of the strong ones."""
    if signal.size == 0:
        return np.inf
    return float(np.median(signal[signal >= 0.5 * np.percentile(signal, 98)]))


def _water_is_there(content: Content) -> bool:
    seen = content.whole & (content.narrow > _SEEN * content.noise)
    if not seen.any():
        return False
    strong = seen & (content.narrow_water >= 0.5 * np.percentile(content.narrow_water[seen], 98))
    return bool(np.median(content.narrow_water[strong] / content.narrow[strong]) > _UNSUPPRESSED)


def _lipids_dominate(content: Content) -> np.ndarray:
    if _water_is_there(content):
        return content.lipids > _LIPIDS_OVER_WATER * content.water
    return content.lipids > _LIPIDS_OVER_METABOLITES * content.metabolites
