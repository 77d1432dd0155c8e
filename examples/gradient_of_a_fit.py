"""
The derivative of a fit
=======================

Which points of the spectrum does an estimate rest on? The derivative of a fit with respect to its data tells.

The fit is differentiated by the implicit function theorem, through bounds, phases, widths and baseline: the result is
the weight that each point of the spectrum has in the fitted amplitude, nuisance parameters accounted for.

Usage: python gradient_of_a_fit.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import fid_of, spectrum_of
from diffmrs.demo import demo_spectrum
from diffmrs.fitting import fit, fit_fid, fit_table


def main(figure_path: str = "gradient_of_a_fit.png") -> None:
    demo = demo_spectrum(jax.random.key(1))
    result = fit(demo.data, demo.basis)
    model, table = result.model, fit_table(jnp.asarray(result.basis.fid), result.model)
    spectrum = spectrum_of(jnp.asarray(result.data.spectra[0]))

    @jax.jit
    def weights(spectrum: jax.Array) -> jax.Array:
        return jax.jacrev(lambda s: fit_fid(fid_of(s), table, model, result.priors).parameters.amplitude)(spectrum)

    # For a real function of complex data JAX's gradient is df/dRe - i df/dIm: its real part weighs the real spectrum.
    weight = np.asarray(weights(spectrum).real)[:, slice(*model.window)]

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[1.4, 1, 1, 1])
    axes[0].plot(model.ppm, np.asarray(spectrum.real)[slice(*model.window)], color="black", lw=0.8)
    axes[0].set(ylabel="spectrum", yticks=[])
    for ax, name in zip(axes[1:], ("NAA", "GABA", "Lac"), strict=True):
        ax.plot(model.ppm, weight[result.names.index(name)], color="#b5482f", lw=0.9)
        ax.axhline(0, color="0.7", lw=0.6)
        ax.set(ylabel=f"weight\nfor {name}", yticks=[])
    axes[-1].set(xlabel="chemical shift (ppm)", xlim=(model.ppm.max(), model.ppm.min()))
    figure.savefig(figure_path, dpi=120)
    print(f"weights of {model.n_window} points in {len(result.names)} amplitudes")


if __name__ == "__main__":
    main(*sys.argv[1:2])
