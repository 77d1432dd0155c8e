"""
How stiff a baseline should be
==============================

A synthetic brain spectrum on broad humps, as lipids and water leave them, fitted without a baseline, with a polynomial,
and with the penalised spline whose stiffness the data choose. The errors they leave are in the titles.

Usage: python baseline_stiffness.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs import MRSData, NoBaseline, PolynomialBaseline, SplineBaseline, fid_of, fit, spectrum_of
from diffmrs.combine import combinations_of
from diffmrs.curves import curves_of
from diffmrs.demo import demo_spectrum


def hump(ppm: np.ndarray, height: float) -> np.ndarray:
    """Two broad lines and the wing of a third, real and imaginary parts as a signal has them."""
    lines = ((1.3, 0.35, 1.0), (2.4, 0.5, 0.5), (4.9, 0.5, 2.0))
    return height * sum(size / (1 + 1j * (ppm - centre) / half) for centre, half, size in lines)


def main(figure_path: str = "baseline_stiffness.png") -> None:
    demo = demo_spectrum(jax.random.key(1), noise_sd=0.8)
    spectrum = np.asarray(spectrum_of(jnp.asarray(demo.data.spectra)))
    disturbed = spectrum + hump(demo.data.ppm, 0.15 * np.abs(spectrum).max())
    data = MRSData(np.asarray(fid_of(jnp.asarray(disturbed))), demo.data.acquisition)

    names, sums = combinations_of(demo.basis.names)
    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    kinds = {"none": NoBaseline(), "polynomial": PolynomialBaseline(2), "spline": SplineBaseline()}
    for ax, (label, baseline) in zip(axes, kinds.items(), strict=True):
        result = fit(data, demo.basis, baseline=baseline)
        curves, rows = curves_of(result), result.flat()
        error = 100 * (sums @ rows.parameters.amplitude[0] / (sums @ demo.amplitude) - 1)
        text = f"{label}: {rows.baseline_dimensions[0]:.0f} parameters, reduced χ² {rows.chi2_reduced[0]:.1f}; "
        text += ", ".join(f"{name} {percent:+.0f} %" for name, percent in zip(names, error, strict=True))
        ax.plot(curves.ppm, curves.data, "k", lw=0.7)
        ax.plot(curves.ppm, curves.fit, "C1", lw=0.9)
        ax.plot(curves.ppm, curves.baseline, "C0", lw=1.2)
        ax.plot(curves.ppm, curves.data.max() * 1.2 + curves.residual, "k", lw=0.5)
        ax.set_title(text, fontsize=9)
        ax.set_yticks([])
        print(text)
    axes[-1].set(xlabel="chemical shift (ppm)", xlim=(4.2, 0.5))
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
