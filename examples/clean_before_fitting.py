"""
Clean a spectrum before the fit
===============================

Eddy currents and residual water, before and after: what --ecc and --remove-water do.

Runs without data: a synthetic brain spectrum gets a water line and the phase of eddy currents.

Usage: python clean_before_fitting.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.demo import demo_spectrum
from diffmrs.preprocess import correct_eddy_currents, remove_water


def main(figure_path: str = "clean_before_fitting.png") -> None:
    demo = demo_spectrum(jax.random.key(1))
    acquisition, clean = demo.data.acquisition, np.asarray(demo.data.spectra[0])
    time = acquisition.time_s(clean.size)
    eddy = np.exp(1j * (1.5 * np.exp(-time / 0.03) - 1.0 * np.exp(-time / 0.15)))
    water = 2e5 * np.exp(-15 * time) * eddy
    residual = 0.01 * water * np.exp(0.8j - 2j * np.pi * 4.0 * time)

    measured = clean * eddy + residual
    straight = np.asarray(correct_eddy_currents(jnp.asarray(measured), jnp.asarray(water)))
    cleaned = remove_water(straight, acquisition)

    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    steps = (("as measured", measured), ("eddy currents corrected", straight), ("water removed", cleaned))
    top = float(spectrum_of(jnp.asarray(cleaned)).real.max())
    for ax, (title, fid) in zip(axes, steps, strict=True):
        ax.plot(demo.data.ppm, np.asarray(spectrum_of(jnp.asarray(fid)).real), color="black", lw=0.8)
        ax.set(title=title, ylim=(-0.5 * top, 1.3 * top), yticks=[])
    axes[-1].set(xlabel="chemical shift (ppm)", xlim=(5.5, 0.2))
    figure.savefig(figure_path, dpi=120)
    left = np.abs(cleaned - clean)[16:].max() / np.abs(clean).max()
    print(f"largest difference from the undisturbed FID: {100 * left:.1f} % of its first point")


if __name__ == "__main__":
    main(*sys.argv[1:2])
