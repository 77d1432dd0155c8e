"""
Align drifting transients
=========================

Frequency and phase drift over a scan, a subject moves, and water comes and goes. No template is needed.
Runs without data: 64 noisy transients of a synthetic brain spectrum.

Usage: python align_transients.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.demo import demo_spectrum
from diffmrs.preprocess import register_robustly, take_off


def main(figure_path: str = "align_transients.png") -> None:
    demo = demo_spectrum(jax.random.key(1))
    acquisition, clean = demo.data.acquisition, np.asarray(demo.data.spectra[0])
    rng, scan, time = np.random.default_rng(0), np.linspace(0, 1, 64), acquisition.time_s(clean.size)
    shift = 12 * scan**2 - 4 + rng.normal(0, 0.5, 64) + 6 * (scan > 0.7)
    phase = 0.8 * np.sin(7 * scan) + rng.normal(0, 0.2, 64)
    water = np.where(rng.random(64) < 0.3, 0.5 * np.abs(clean[0]), 0.0)[:, None] * np.exp(1j - 80 * time)
    noise = 0.05 * np.abs(clean[0]) * (rng.normal(size=(64, clean.size, 2)) @ np.array([1, 1j]))
    turns = 2 * np.pi * shift[:, None] * time + phase[:, None]
    fids = jnp.asarray((clean + water) * np.exp(1j * turns) + noise, jnp.complex64)

    found = jax.jit(lambda fids: register_robustly(fids, acquisition))(fids)
    aligned = jax.vmap(lambda fid, its: take_off(fid, acquisition, its))(fids, found.offsets)

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.subplots(2, 2)
    ppm, top = demo.data.ppm, float(jnp.abs(spectrum_of(found.template)).max())
    for ax, title, stack in zip(axes[0], ("as measured", "aligned"), (fids, aligned), strict=True):
        for one in np.asarray(spectrum_of(stack[::8]).real):
            ax.plot(ppm, one, color="0.7", lw=0.4)
        ax.plot(ppm, np.asarray(spectrum_of(stack.mean(axis=0)).real), color="black", lw=0.9)
        ax.set(title=f"{title}: mean of 64, and some of them", xlim=(5.2, 0.2), ylim=(-0.5 * top, 1.2 * top), yticks=[])
        ax.set_xlabel("chemical shift (ppm)")
    truths = (shift - np.median(shift), np.degrees(phase - np.mean(phase)))
    estimates = (np.asarray(found.shift_hz), np.degrees(np.asarray(found.phase_rad)))
    for ax, name, truth, estimate in zip(axes[1], ("shift (Hz)", "phase (°)"), truths, estimates, strict=True):
        ax.plot(truth, color="0.6", lw=3, label="truth")
        ax.plot(estimate, color="black", lw=0.8, label="found")
        ax.set(xlabel="transient", ylabel=name)
    axes[1, 0].legend(frameon=False)
    figure.savefig(figure_path, dpi=120)
    error = estimates[0] - truths[0]
    print(f"shift, standard deviation of the error: {np.std(error):.2f} Hz; before: {np.std(shift):.1f} Hz")


if __name__ == "__main__":
    main(*sys.argv[1:2])
