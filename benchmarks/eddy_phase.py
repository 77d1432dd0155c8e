"""Eddy currents: what the phase of the water as measured, and smoothed, leaves in a metabolite FID.

Usage: python benchmarks/eddy_phase.py [--sets 50]
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from common import arguments, write_json

from diffmrs.axes import spectrum_of
from diffmrs.demo import demo_spectrum
from diffmrs.preprocess import correct_eddy_currents, correct_eddy_currents_smoothly

EDDY = {"slow (30 and 150 ms)": ((1.5, 0.03), (-1.0, 0.15)), "fast (4 and 40 ms)": ((0.8, 0.004), (1.0, 0.04))}
BENEATH = 1 / 3000  # metabolites against water, in the water scan


def main() -> None:
    options = arguments(__doc__, sets=50)
    demo = demo_spectrum(jax.random.key(0), noise_sd=0.0)
    acquisition, clean = demo.data.acquisition, np.asarray(demo.data.spectra[0])
    time = acquisition.time_s(clean.size)
    window = acquisition.window(clean.size, (0.5, 4.2))
    ways = {
        "as measured": jax.jit(jax.vmap(correct_eddy_currents, (None, 0))),
        "smoothed": jax.jit(
            jax.vmap(partial(correct_eddy_currents_smoothly, acquisition=acquisition), (None, 0)),
        ),
    }
    ideal = np.asarray(spectrum_of(jnp.asarray(clean)))[window]
    results: dict[str, dict[str, float]] = {}
    for name, parts in EDDY.items():
        turn = np.exp(1j * sum(size * np.exp(-time / constant) for size, constant in parts))
        for signal_to_noise in (100, 1000, 10000):
            rng = np.random.default_rng(0)
            noise = rng.normal(size=(options.sets, clean.size, 2)) @ np.array([1, 1j]) / signal_to_noise
            water = (np.exp(-18 * time) + BENEATH * clean / np.abs(clean[0])) * turn + noise
            row = {}
            for way, correct in ways.items():
                found = np.asarray(spectrum_of(correct(jnp.asarray(clean * turn), jnp.asarray(water))))[:, window]
                row[way] = float(np.sqrt(np.mean(np.abs(found - ideal) ** 2)) / np.abs(ideal).max())
            uncorrected = np.asarray(spectrum_of(jnp.asarray(clean * turn)))[window]
            row["not corrected"] = float(np.sqrt(np.mean(np.abs(uncorrected - ideal) ** 2)) / np.abs(ideal).max())
            results[f"{name}, water starts {signal_to_noise} times as high as noise"] = row
            print(name, signal_to_noise, row)
    write_json(options.out / "eddy_phase.json", results)


if __name__ == "__main__":
    main()
