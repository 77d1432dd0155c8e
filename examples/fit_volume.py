"""
Fit a volume
============

A small head is fitted voxel by voxel, in chunks, and shown as maps: memory does not grow with the volume.

Runs without data: the head and its basis set are simulated.

Usage: python fit_volume.py [FIGURE.png]
"""

import sys

import jax
import numpy as np
from matplotlib.figure import Figure

import diffmrs
from diffmrs.demo import demo_basis
from diffmrs.simulate import simulate_head

STRONG = ("NAA", "Cr", "GPC", "Ins", "Glu")


def main(figure_path: str = "fit_volume.png") -> None:
    basis = demo_basis().select(STRONG)
    head = simulate_head(jax.random.key(3), basis, (12, 12, 1), snr=30.0)
    fitted = diffmrs.fit_volume(
        head.data, head.basis, mask=head.mask, chunk=32, baseline=diffmrs.PolynomialBaseline(2), priors="none"
    )
    maps = {
        "NAA, truth (mM)": np.where(head.mask, head.concentration_mm("NAA"), np.nan),
        "NAA, fitted (a.u.)": fitted.map("NAA"),
        "CRLB of NAA (%)": fitted.map("NAA", "crlb_percent"),
        "signal to noise": fitted.quality_map("snr"),
    }
    figure = Figure(figsize=(12, 3), layout="constrained")
    for ax, (title, values) in zip(figure.subplots(1, len(maps)), maps.items(), strict=True):
        drawn = ax.imshow(values[:, :, 0].T, origin="lower", cmap="inferno")
        figure.colorbar(drawn, ax=ax, shrink=0.8)
        ax.set(title=title, xticks=[], yticks=[], facecolor="black")
    figure.savefig(figure_path, dpi=120)
    good = int(fitted.quality.converged.sum())
    print(f"{good} of {head.mask.sum()} voxels converged")


if __name__ == "__main__":
    main(*sys.argv[1:2])
