"""
A prior learned through the fit
===============================

How firmly should a fit be drawn to what is usual? The fit starts with a prior four times as wide as the population and
centred elsewhere. Its centre and precision are then trained like a network, on simulated spectra, by differentiating
the squared error of the fitted amplitudes through the fit. What comes out is close to the population.

Usage: python learned_prior.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs import learn
from diffmrs.axes import Acquisition
from diffmrs.model import NoBaseline, SignalModel
from diffmrs.simulate import Normal, Population, Uniform

MEAN, SD = np.array([10.0, 1.5, 8.0]), np.array([1.5, 0.4, 1.2])  # NAA, GABA, Glu


def main(figure_path: str = "learned_prior.png") -> None:
    basis = learn.lines_basis(Acquisition(1 / 1200, 123.2), 256, [2.01, 2.28, 2.35], [6.0, 14.0, 12.0], [3.0, 2.0, 2.0])
    model = SignalModel(basis.acquisition, 256, (0, 256), (0, 0, 0), (0, 0, 0), NoBaseline())
    zero = Uniform(0.0, 0.0)
    still = {name + "_hz": zero for name in ("lorentzian_fwhm", "frequency_shift", "gaussian_fwhm")}
    truth = learn.latent_for(Population(Normal(MEAN, SD), phase0_rad=zero, **still), model)
    assumed = learn.latent_for(Population(Normal(1.3 * MEAN, 4 * SD), phase0_rad=zero, **still), model)
    wide = learn.decoder_for(basis, assumed)
    source = learn.PopulationSource(truth, jnp.asarray(basis.fid), Uniform(8.0, 8.0))

    loss = learn.ThroughMode(learn.Scene(learn.InputSpec("spectrum"), wide), SD)
    how = learn.Training(steps=200, batch=32, learning_rate=0.08, every=100, validation=64, clip=100.0)
    prior, _ = learn.train(learn.Constant(learn.steering_outputs(wide)), loss, source, how)

    tests = jax.jit(lambda key: learn.draw_examples(key, source, 200))(jax.random.key(1))
    seen, true = jax.vmap(loss.scene.see)(tests), np.asarray(tests.parameters.amplitude)
    left, right = (figure := Figure(figsize=(8, 4), layout="constrained")).subplots(1, 2)
    fit = jax.jit(jax.vmap(lambda told, x, noise_sd: learn.steered_mode(told, x, noise_sd, wide).z, (None, 0, 0)))
    for told, name, colour in ((jnp.zeros(6), "wide prior", "0.6"), (prior.values[...], "learned prior", "#b5482f")):
        found = np.asarray(jax.vmap(wide.latent.parameters)(fit(told, seen.observed, seen.noise_sd)).amplitude)
        left.plot(true[:, 1], found[:, 1], ".", ms=4, color=colour, label=name)
        print(f"{name}: root mean square errors", np.sqrt(np.mean((found - true) ** 2, axis=0)).round(3))
    left.axline((1.5, 1.5), slope=1, color="0.3")
    left.set(xlabel="true GABA", ylabel="fitted GABA")
    rows, centre, sd = np.arange(3), 1.3 * MEAN + 4 * SD * told[:3], 4 * SD * np.exp(-told[3:] / 2)
    right.errorbar(rows - 0.1, MEAN, SD, fmt="o", color="0.3", label="population")
    right.errorbar(rows + 0.1, centre, sd, fmt="o", color="#b5482f", label="learned prior")
    right.set(xticks=rows, xticklabels=("NAA", "GABA", "Glu"), ylabel="amplitude, mean ± SD")
    _ = [ax.legend(frameon=False) for ax in (left, right)]
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
