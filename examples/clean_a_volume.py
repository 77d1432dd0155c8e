"""
Prepare a spectroscopic image
=============================

Brain and skull found in the data, lipids of the skull taken out, every voxel brought onto one frequency and phase.
Runs without data: a slice of 16 x 16 voxels from its k-space, so that the lipids of the skull leak into the brain.

Usage: python clean_a_volume.py [FIGURE.png]
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.data import MRSData
from diffmrs.demo import CONCENTRATIONS_MM, MACROMOLECULES_MM, demo_basis
from diffmrs.preprocess import align_voxels, line_loss, lipid_mask_from_data, mask_from_data, suppress_lipids


def slice_with_lipids(brain_fid: np.ndarray, acquisition) -> MRSData:
    """A brain in a smooth field within a ring of fat, seen through the centre of k-space."""
    rng, time = np.random.default_rng(0), acquisition.time_s(brain_fid.size)
    x, y = np.meshgrid(*[np.linspace(-1, 1, 48)] * 2, indexing="ij")
    radius, turns = np.hypot(x / 0.8, y / 0.9)[..., None], (8 * x * (y - 0.5))[..., None] * time + 0.1 * y[..., None]
    picture = np.where(radius < 0.82, brain_fid * np.exp(2j * np.pi * turns), 0)
    for voxel in np.argwhere((radius[..., 0] > 0.93) & (radius[..., 0] < 1.05)):
        rates = 2j * (acquisition.ppm_to_hz(np.array([0.9, 1.3, 2.05, 2.25])) + rng.normal(0, 3, 4))
        lines = np.exp(np.pi * (rates - rng.uniform(20, 40, 4))[:, None] * time)
        picture[tuple(voxel)] += 200 * rng.uniform(0.3, 1) * np.array([3, 12, 1.5, 1]) @ lines
    centre = np.fft.fftshift(np.fft.fft2(picture, axes=(0, 1)), axes=(0, 1))[16:32, 16:32]
    image = np.fft.ifft2(np.fft.ifftshift(centre, axes=(0, 1)), axes=(0, 1)) / 9
    return MRSData((image + rng.normal(size=(*image.shape, 2)) @ [1, 1j])[:, :, None].astype(np.complex64), acquisition)


def main(figure_path: str = "clean_a_volume.png") -> None:
    basis = demo_basis()
    amounts = np.array([(CONCENTRATIONS_MM | MACROMOLECULES_MM)[name] for name in basis.names])
    brain_fid = amounts @ np.asarray(basis.fid) * np.exp(-4 * np.pi * basis.time_s)
    data = slice_with_lipids(brain_fid, basis.acquisition)
    clean, operator = suppress_lipids(data, skull := lipid_mask_from_data(data))
    brain = mask_from_data(clean) & ~skull
    aligned = align_voxels(clean, brain, reference=brain_fid)
    axes = (figure := Figure(figsize=(9, 5.5), layout="constrained")).subplots(2, 3)
    maps = {"brain (grey) and lipids (white)": brain + 2.0 * skull, "frequency taken off": aligned.shift_hz}
    for ax, (title, values) in zip(axes[0], (maps | {"phase taken off": aligned.phase_rad}).items(), strict=True):
        ax.imshow(values[:, :, 0].T, cmap="gray" if values.max() == 2 else "coolwarm")
        ax.set(title=title, xticks=[], yticks=[])
    steps = {"as measured": data, "lipids suppressed": clean, "and aligned": aligned.data}
    for ax, (title, step) in zip(axes[1], steps.items(), strict=True):
        ax.plot(data.ppm, np.asarray(spectrum_of(step.fid[brain])).real.T, color="black", lw=0.2)
        ax.set(title=title, xlim=(4.2, 0.2), ylim=(-3000, 6000), yticks=[])
    figure.savefig(figure_path, dpi=120)
    print(f"strength {operator.beta:.3g}; NAA, Cr and Cho lose", *(f"{100 * x:.1f} %" for x in line_loss(operator)))


if __name__ == "__main__":
    main(*sys.argv[1:2])
