"""A synthetic slice of known content: a brain within a ring of skull lipids, smeared by its point spread function."""

from functools import cache
from typing import NamedTuple

import numpy as np
from synthetic import ACQUISITION, LINES, TRUTH, lines_fid

from diffmrs.data import MRSData

FINE, VOXELS, POINTS = 48, 16, 512
TIME = ACQUISITION.time_s(POINTS)
WIDTH_HZ = 4.0
LIPIDS = ((0.9, 3.0), (1.3, 12.0), (1.6, 1.0), (2.03, 1.5), (2.25, 1.0), (2.75, 0.4), (5.3, 0.8))  # ppm, protons


class Slice(NamedTuple):
    data: MRSData  # [x, y, 1, points]
    metabolites: np.ndarray  # the same without lipids and noise
    lipids: np.ndarray  # lipids alone
    coverage: np.ndarray  # how much of each voxel is brain, by the point spread function. [x, y, 1]


def metabolite_fid() -> np.ndarray:
    total = sum(amount * lines_fid(LINES[name], n_points=POINTS) for name, amount in TRUTH.items())
    return total * np.exp(-np.pi * WIDTH_HZ * TIME)


@cache
def head(lipid_scale: float = 100.0, noise_sd: float = 0.4, field_hz: float = 6.0, seed: int = 0) -> Slice:
    rng = np.random.default_rng(seed)
    edge = (np.arange(FINE) + 0.5) / (FINE / 2) - 1
    x, y = np.meshgrid(edge, edge, indexing="ij")
    radius = np.hypot(x / 0.8, y / 0.9)
    brain, skull = radius < 0.82, (radius > 0.93) & (radius < 1.05)

    def smooth(scale):
        waves = np.cos(np.outer(np.arange(4), np.linspace(0, np.pi, FINE)))
        field = waves.T @ rng.normal(size=(4, 4)) @ waves
        return scale * field / np.abs(field).max()

    def turning(shift_hz):
        return np.exp(2j * np.pi * shift_hz[:, None] * TIME)

    inside = np.zeros((FINE, FINE, POINTS), complex)
    inside[brain] = metabolite_fid() * turning(smooth(field_hz)[brain])
    count = skull.sum()
    fat = np.zeros((count, POINTS), complex)
    for ppm, protons in LIPIDS:
        width = 25 * rng.uniform(0.7, 1.5, count)
        fat += protons * np.exp((2j * np.pi * ACQUISITION.ppm_to_hz(ppm) - np.pi * width[:, None]) * TIME)
    outside = np.zeros_like(inside)
    strength = rng.uniform(0.3, 1.5, count) * np.exp(1j * smooth(1.0)[skull])
    outside[skull] = lipid_scale * strength[:, None] * fat * turning(smooth(15.0)[skull])
    metabolites, lipids = _measured(inside), _measured(outside)
    noise = noise_sd * rng.normal(size=(*metabolites.shape, 2)) @ np.array([1, 1j])
    samples = (metabolites + lipids + noise).astype(np.complex64)
    return Slice(MRSData(samples, ACQUISITION), metabolites, lipids, np.abs(_measured(brain[..., None]))[..., 0])


def _measured(picture: np.ndarray) -> np.ndarray:
    """What the centre of k-space, Hamming-filtered, shows of a picture. [VOXELS, VOXELS, 1, points]"""
    k_space = np.fft.fftshift(np.fft.fft2(picture, axes=(0, 1)), axes=(0, 1))
    kept = slice(FINE // 2 - VOXELS // 2, FINE // 2 + VOXELS // 2)
    taper = 0.54 + 0.46 * np.cos(np.pi * np.arange(-VOXELS // 2, VOXELS // 2) / (VOXELS / 2))
    filtered = k_space[kept, kept] * (taper[:, None] * taper)[:, :, None]
    image = np.fft.ifft2(np.fft.ifftshift(filtered, axes=(0, 1)), axes=(0, 1)) * (VOXELS / FINE) ** 2
    return image[:, :, None]
