"""
A head with known truth
=======================

A spectroscopic image of a brain with a tumour: true maps of tissue and metabolites, and two of its noisy spectra.

Runs without data: the head and its basis set are simulated.

Usage: python synthetic_head.py [FIGURE.png]
"""

import sys

import jax
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.demo import demo_basis
from diffmrs.simulate import simulate_head

COLOURS = {"gm": "grey", "wm": "ivory", "csf": "midnightblue", "tumour": "orangered", "necrosis": "darkred",
           "oedema": "khaki", "fat": "gold"}  # fmt: skip


def main(figure_path: str = "synthetic_head.png") -> None:
    head = simulate_head(jax.random.key(3), demo_basis(), (64, 64, 1))
    total_naa, choline = head.concentration_mm("NAA", "NAAG"), head.concentration_mm("GPC", "PCho")
    maps = {
        "tNAA (mM)": total_naa,
        "tCho (mM)": choline,
        "tCho / tNAA": choline / np.maximum(total_naa, 0.5),
        "Lac (mM)": head.concentration_mm("Lac"),
        "Ins (mM)": head.concentration_mm("Ins"),
    }
    figure = Figure(figsize=(12, 6.2), layout="constrained")
    axes = figure.subplots(2, 4)
    drawing = sum(getattr(head.tissue, part)[:, :, 0, None] * np.array(to_rgb(c)) for part, c in COLOURS.items())
    axes.flat[0].imshow(np.clip(drawing.transpose(1, 0, 2), 0, 1), origin="lower")
    axes.flat[0].set_title("tissue")
    for ax, (title, values) in zip(axes.flat[1:6], maps.items(), strict=True):
        seen = np.where(head.mask, values, np.nan)[:, :, 0]
        figure.colorbar(ax.imshow(seen.T, origin="lower", cmap="inferno"), ax=ax, shrink=0.7)
        ax.set_title(title)
    for ax in axes.flat[:6]:
        ax.set(xticks=[], yticks=[], facecolor="black", xlim=(10, 53), ylim=(4, 59))
    for ax, part, title in zip(axes.flat[6:], ("wm", "tumour"), ("white matter", "tumour"), strict=True):
        voxel = np.unravel_index(getattr(head.tissue, part).argmax(), head.shape)
        upright = spectrum_of(head.data.fid[voxel] * np.exp(-1j * head.phase_rad[voxel]))
        ax.plot(head.data.ppm, upright.real, color="black", linewidth=0.9)
        ax.set(title=f"{title}, voxel {voxel[0]}, {voxel[1]}", xlim=(4.2, 0.4), yticks=[], xlabel="ppm")
    figure.savefig(figure_path, dpi=120)
    print(f"{head.mask.sum()} brain voxels, noise {head.noise_sd:.3g}, field {np.ptp(head.shift_hz[head.mask]):.0f} Hz")


if __name__ == "__main__":
    main(*sys.argv[1:2])
