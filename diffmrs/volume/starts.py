"""Where the fits of a volume begin: a coarse net of voxels is fitted first, and every voxel starts from the nearest.

A search over all shifts, phases and widths costs a third of a fit. Voxels that lie next to each other look alike, so
only some 60 voxels, spread as evenly as the mask allows, and the mean of their aligned spectra are searched for; the
others take the fit of the nearest of these whose fit is good, or that of the mean (`diffmrs.fitting.near` decides
whether it explains them, and searches where it does not).
"""

import jax
import numpy as np
from scipy.spatial import cKDTree

from diffmrs.fitting import Status
from diffmrs.fitting.estimate import Estimate
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel

NET = 63  # voxels; with the mean 64
_LEAST_SNR = 4.0  # height of the strongest line over the noise, roughly, for a fit to be a good start


def coarse_net(places_mm: np.ndarray, count: int = NET) -> np.ndarray:
    """Voxels spread as evenly as can be: each is the one farthest from those before it (Gonzalez 1985).

    Args:
        places_mm: of all voxels. [voxels, 3]
        count: how many.

    Returns:
        Their indices, all different. [at most count]
    """
    centre = places_mm.mean(axis=0)
    chosen = [int(np.argmin(np.sum((places_mm - centre) ** 2, axis=1)))]
    nearest = np.sum((places_mm - places_mm[chosen[0]]) ** 2, axis=1)
    while len(chosen) < count and nearest.max() > 0:
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.sum((places_mm - places_mm[chosen[-1]]) ** 2, axis=1))
    return np.array(chosen)


def mean_of_aligned(fids: np.ndarray, estimate: Estimate, model: SignalModel) -> np.ndarray:
    """The mean of spectra with the shift and phase of their fits taken off. [points], complex

    Args:
        fids: the data. [spectra, points]
        estimate: their fits; those that did not converge are left out.
        model: tells the axes.
    """
    good = good_starts(estimate)
    if not good.any():
        return fids[0]
    time_s = model.acquisition.time_s(fids.shape[1])
    shift_hz = np.asarray(estimate.parameters.frequency_shift_hz)[:, 0]
    angle = 2 * np.pi * shift_hz[:, None] * time_s + np.asarray(estimate.parameters.phase0_rad)[:, None]
    return (fids * np.exp(-1j * angle))[good].mean(axis=0).astype(fids.dtype)


def good_starts(estimate: Estimate) -> np.ndarray:
    """Which fits converged on more than noise. [spectra]"""
    amplitude, sd = np.asarray(estimate.parameters.amplitude), np.asarray(estimate.amplitude_spread)
    with np.errstate(invalid="ignore"):
        seen = np.nanmax(np.where(np.isfinite(amplitude), amplitude, 0) / np.where(sd > 0, sd, np.inf), axis=1)
    return np.asarray((np.asarray(estimate.status) == Status.CONVERGED) & (seen > _LEAST_SNR))


def starts_from(net: Estimate, mean: Estimate, places_mm: np.ndarray, net_places_mm: np.ndarray) -> tuple:
    """Parameters to start from, NaN where there are none, and which of them each voxel takes.

    Args:
        net: fits of the coarse net, padded to its full size. [NET, ...]
        mean: fit of the mean. [1, ...]
        places_mm: of all voxels. [voxels, 3]
        net_places_mm: of the net. [net, 3]

    Returns:
        `Parameters`, [NET + 1, ...], the mean last; and indices into them. [voxels]
    """
    good = good_starts(net)[: len(net_places_mm)]
    valid = np.zeros(NET + 1, bool)
    valid[: len(good)] = good
    valid[-1] = good_starts(mean)[0]

    def both(several: jax.Array, one: jax.Array) -> np.ndarray:
        rows = np.concatenate([np.asarray(several), np.asarray(one)])
        return np.where(valid.reshape(-1, *[1] * (rows.ndim - 1)), rows, np.nan).astype(rows.dtype)

    parameters: Parameters = jax.tree.map(both, net.parameters, mean.parameters)
    which = np.full(len(places_mm), NET)
    if good.any():
        tree = cKDTree(net_places_mm[good])
        which = np.flatnonzero(good)[tree.query(places_mm)[1]]
    return parameters, which.astype(np.int32)
