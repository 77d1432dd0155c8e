"""
Is the bound honest?
====================

Is the Cramér-Rao bound honest? Fit 200 noisy copies of one spectrum and compare their spread with the bound.

The copies are made of the fitted parameters with a Voigt line whose widths lie away from zero: an estimate that rests
on its bound, and its neighbours, spread less than the Cramér-Rao bound says.

Usage: python is_the_bound_honest.py [FIGURE.png]
"""

import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.demo import demo_spectrum
from diffmrs.fitting import fit
from diffmrs.uncertainty import parametric_bootstrap


def main(figure_path: str = "is_the_bound_honest.png") -> None:
    demo = demo_spectrum(jax.random.key(1))
    result = fit(demo.data, demo.basis, priors="none")
    answer = jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[result.estimate.status.ndim :]), result.estimate)

    truth = replace(
        answer.parameters,
        lorentzian_fwhm_hz=jnp.full_like(answer.parameters.lorentzian_fwhm_hz, 3.0),
        gaussian_variance_hz2=jnp.full_like(answer.parameters.gaussian_variance_hz2, 16.0),
    )
    copies = parametric_bootstrap(
        truth, result.basis, result.model, float(answer.noise_sd), n_copies=200, key=jax.random.key(2)
    )
    spread = np.asarray(copies.parameters.amplitude).std(axis=0, ddof=1)
    bound = np.median(np.asarray(copies.sd.amplitude), axis=0)
    percent = 100 * bound / np.maximum(np.asarray(answer.parameters.amplitude), 1e-9)
    for name, ratio, crlb in zip(result.names, spread / bound, percent, strict=True):
        print(f"{name:6} CRLB {crlb:5.1f} %   spread / bound {ratio:.2f}")

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    ax = figure.subplots()
    limits = [0.8 * bound.min(), 1.25 * bound.max()]
    ax.loglog(limits, limits, color="0.6", lw=1)
    ax.loglog(bound, spread, "o", color="#3b6ea8")
    for name, x, y in zip(result.names, bound, spread, strict=True):
        ax.annotate(name, (x, y), xytext=(4, -8), textcoords="offset points", fontsize=7)
    ax.set(xlabel="Cramér-Rao bound / mM", ylabel="standard deviation over 200 fits / mM", xlim=limits, ylim=limits)
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
