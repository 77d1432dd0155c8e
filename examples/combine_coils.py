"""
From eight coils and sixteen transients to one spectrum
=======================================================

A synthetic brain spectrum as eight receive coils see it, sixteen times; in one transient the head moved. Noise and
sensitivities are found in the data, coils are added with the least noise, and the moved transient is left out.

Usage: python combine_coils.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs import preprocess, spectrum_of
from diffmrs.demo import demo_spectrum

COILS, TRANSIENTS, MOVED = 8, 16, 5


@jax.jit
def combined_by(raw: jax.Array, reference: jax.Array) -> tuple[jax.Array, jax.Array]:
    covariance = preprocess.noise_covariance(raw)
    sensitivities = preprocess.sensitivities_by_svd(reference, covariance)
    best = jnp.argmax(jnp.abs(sensitivities) ** 2 / jnp.diagonal(covariance).real)
    return jax.vmap(preprocess.combine_coils, (1, None, None))(raw, sensitivities, covariance), best


def main(figure_path: str = "combine_coils.png") -> None:
    demo = demo_spectrum(jax.random.key(0), noise_sd=0.0)
    acquisition, clean = demo.data.acquisition, np.asarray(demo.data.spectra[0])
    time, rng = acquisition.time_s(clean.size), np.random.default_rng(1)
    signal = np.tile(clean, (TRANSIENTS, 1))
    lipids = np.exp((2j * np.pi * acquisition.ppm_to_hz(1.3) - 80) * time + 2j)
    signal[MOVED] = 0.7 * signal[MOVED] * np.exp(6j * np.pi * time) + 1500 * lipids
    signal = np.concatenate([signal, 2e5 * np.exp(-18 * time)[None]])  # the last one is the water scan
    sees, mixing, white = (rng.normal(size=(2, COILS, n)) for n in (1, COILS, signal.size))
    mixing = 8 * np.eye(COILS) + 1.2 * (mixing[0] + 1j * mixing[1])
    noise = (mixing @ (white[0] + 1j * white[1])).reshape(COILS, *signal.shape)
    raw = jnp.asarray(0.25 * (sees[0] + 1j * sees[1])[:, :, None] * signal + noise)
    combined, best = combined_by(raw[:, :-1], raw[:, -1:])
    weights = jax.jit(preprocess.transient_weights, static_argnums=1)(combined, acquisition)
    print("left out:", np.flatnonzero(weights.outlier), "worth of transients:", round(float(weights.effective), 1))
    single = raw[best, 0] * jnp.exp(-1j * jnp.angle(raw[best, -1, 0]))
    fids = [single, combined[0], combined.mean(axis=0), preprocess.weighted_mean(combined, weights.weight)]
    titles = ("best coil, one transient", "coils combined, one transient", "plain mean", "weighted mean")
    axes = (figure := Figure(figsize=(7, 8), layout="constrained")).subplots(4, 1, sharex=True)
    for ax, title, spectrum in zip(axes, titles, spectrum_of(jnp.stack(fids) * np.exp(-0.4j)).real, strict=True):
        ax.plot(demo.data.ppm, spectrum / spectrum[acquisition.window(clean.size, (1.8, 2.2))].max(), "k", lw=0.8)
        ax.set(title=title, yticks=[], ylim=(-0.5, 1.4), xlim=(4.2, 0.4))
    axes[-1].set(xlabel="chemical shift (ppm)")
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
