"""
Tune a step of preprocessing by gradient
========================================

A restless subject: lines of some transients are broader and lower. Their mean is weighted with a power of the height of
NAA in each. Which power? The gradient of the Cramér-Rao bound of GABA, through weights, mean, line shape and noise,
descends to it; a scan is the proof. Power 0 is the plain mean; a high one keeps the best transients, and their noise.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.demo import CONCENTRATIONS_MM, MACROMOLECULES_MM, demo_basis
from diffmrs.model import covariance_bound, fisher_information

BASIS, NOISE_SD = demo_basis(), 12.0  # of the real part of each sample of one transient
AMOUNTS = jnp.array([(CONCENTRATIONS_MM | MACROMOLECULES_MM)[name] for name in BASIS.names])
GABA = BASIS.index("GABA")
WINDOW, NAA = (BASIS.acquisition.window(BASIS.n_points, ppm) for ppm in ((0.5, 4.2), (1.85, 2.15)))


def transients(key):
    """FIDs of transients, and what movement makes of the signal of each. [transients, points]"""
    moves = jax.random.uniform(key, (2, 64, 1)) ** 3
    change = (1 - 0.7 * moves[0]) * jnp.exp(-jnp.pi * (4 + 16 * moves[1]) * jnp.asarray(BASIS.time_s)[None])
    parts = NOISE_SD * jax.random.normal(jax.random.fold_in(key, 1), (2, *change.shape))
    return change * (AMOUNTS @ jnp.asarray(BASIS.fid))[None] + jax.lax.complex(parts[0], parts[1]), change


def bound_percent(power, fids, change):
    """Cramér-Rao bound of GABA in the weighted mean; phase, shift and width are unknown too."""
    weight = jax.nn.softmax(power * jnp.log(jnp.abs(spectrum_of(fids)[:, NAA]).max(axis=1)))  # powers, of sum 1
    shapes = spectrum_of((weight @ change)[None] * jnp.asarray(BASIS.fid))[:, WINDOW]
    whole, slope = AMOUNTS @ shapes, AMOUNTS @ jnp.gradient(shapes, axis=1)
    columns = jnp.concatenate([shapes, jnp.stack([1j * whole, slope, 1j * slope])])
    noise_sd = NOISE_SD * jnp.sqrt(BASIS.n_points * jnp.sum(weight**2))
    return 100 * (jnp.sqrt(jnp.diag(covariance_bound(fisher_information(columns.T, noise_sd))))[GABA] / AMOUNTS[GABA])


def main(figure_path: str = "tune_by_crlb.png") -> None:
    data, value_and_slope = transients(jax.random.key(3)), jax.jit(jax.value_and_grad(bound_percent))
    powers, power, path = np.linspace(0.0, 6.0, 31), 0.0, []
    scan = np.array([value_and_slope(p, *data)[0] for p in powers])
    for _ in range(30):
        value, slope = map(float, value_and_slope(power, *data))
        path, power = [*path, (power, value)], power - 0.1 * slope
    print(f"power, bound: gradient {path[-1]}; scan {powers[scan.argmin()]:.1f}, {scan.min():.2f} %; mean {path[0]}")
    ax = Figure(figsize=(6, 4), layout="constrained").add_subplot(xlabel="power in the weights", ylabel="bound (%)")
    ax.plot(powers, scan, "k", *np.array(path).T, "C3o-", ms=4, lw=0.8)
    ax.figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
