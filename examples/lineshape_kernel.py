"""
A shim with two peaks
=====================

Part of the voxel sees a field 6 Hz away from the rest: every line is double. A Voigt line cannot follow; a free kernel,
common to all metabolites, can: it finds both peaks and leaves noise. Amplitudes come closer to the truth, not all the
way: the far tails of the lines look like baseline.

Usage: python lineshape_kernel.py [FIGURE.png]
"""

import sys

import jax
import numpy as np
from matplotlib.figure import Figure

from diffmrs import Lineshape, MRSData, fit
from diffmrs.combine import combinations_of
from diffmrs.curves import curves_of
from diffmrs.demo import demo_spectrum
from diffmrs.plot import plot_lineshape

SHARES, OFFSETS_HZ = np.array([0.6, 0.4]), np.array([-2.4, 3.6])


def main(figure_path: str = "lineshape_kernel.png") -> None:
    demo = demo_spectrum(jax.random.key(1), noise_sd=0.8)
    time = demo.data.acquisition.time_s(demo.data.n_points)
    doubled = demo.data.spectra * (SHARES @ np.exp(2j * np.pi * OFFSETS_HZ[:, None] * time))
    data = MRSData(doubled.astype(np.complex64), demo.data.acquisition)

    names, sums = combinations_of(demo.basis.names)
    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.subplots(3, 1)
    shapes = {"Voigt": Lineshape(), "with a kernel of ±9 Hz": Lineshape(kernel_half_width_hz=9.0)}
    for ax, (label, lineshape) in zip(axes, shapes.items(), strict=False):
        result = fit(data, demo.basis, lineshape=lineshape)
        curves, rows = curves_of(result), result.flat()
        error = 100 * (sums @ rows.parameters.amplitude[0] / (sums @ demo.amplitude) - 1)
        ax.plot(curves.ppm, curves.data, "k", lw=0.7)
        ax.plot(curves.ppm, curves.fit, "C1", lw=0.9)
        ax.plot(curves.ppm, curves.data.max() * 1.2 + curves.residual, "k", lw=0.5)
        ax.set(xlim=(4.2, 0.5), yticks=[], xlabel="chemical shift (ppm)")
        ax.set_title(f"{label}: reduced χ² {rows.chi2_reduced[0]:.1f}", fontsize=9)
        print(f"{label}: " + ", ".join(f"{n} {e:+.0f} %" for n, e in zip(names, error, strict=True)))
    plot_lineshape(result, ax=axes[2])
    for share, offset in zip(SHARES, OFFSETS_HZ, strict=True):
        axes[2].axvline(offset, color="0.7", ls="--", label=f"true: {share:.0%} at {offset:+.1f} Hz")
    axes[2].legend(fontsize=8)
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
