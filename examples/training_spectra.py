"""
Training data as published, and as a receiver would see them
============================================================

The recipe of Shamaei et al. 2023 adds noise before it damps the signal, so that noise dies away with it. The same
spectra with the noise added last, as a scanner does, are noisier: results on the two are not comparable.

Runs without data. Usage: python training_spectra.py [FIGURE.png]
"""

import sys
from dataclasses import replace

import jax
import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.demo import demo_basis
from diffmrs.simulate import RECIPES, simulate_recipe


def main(figure_path: str = "training_spectra.png") -> None:
    basis = demo_basis()
    recipe = RECIPES["shamaei2023"]
    # A recipe is a table to change: here every spectrum is damped by 12 per second instead of 0 to 15.
    recipe = replace(recipe.without(*recipe.missing(basis)), damping_per_s=(12.0, 12.0))
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots(2, 2, sharey="row")
    shown = (basis.ppm > 0.5) & (basis.ppm < 4.2)
    for column, physical in zip(axes.T, (False, True), strict=True):
        made = simulate_recipe(jax.random.key(5), recipe, basis, 1, physical=physical)
        fid = np.asarray(made.fid[0])
        upright = np.asarray(spectrum_of(fid)) * np.exp(-1j * float(made.parameters.phase0_rad[0]))
        column[0].plot(1e3 * basis.time_s, np.abs(fid), color="black", linewidth=0.6)
        column[0].set_title("physical: noise last" if physical else "published: noise damped with the signal")
        column[0].set_xlabel("time (ms)")
        column[1].plot(basis.ppm[shown], upright.real[shown], color="black", linewidth=0.8)
        column[1].set_xlabel("chemical shift (ppm)")
        column[1].invert_xaxis()
        print(f"{'physical' if physical else 'published'}: late noise {np.abs(fid[-256:]).mean():.2f}")
    axes[0, 0].set_ylabel("modulus of the FID")
    axes[1, 0].set_ylabel("spectrum, real part")
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
