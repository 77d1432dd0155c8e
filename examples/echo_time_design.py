"""
Design echo times by gradient
=============================

The long echo times of PRESS at 3 T with the smallest Cramér-Rao bound for 2-hydroxyglutarate, T2 decay included. A grid
search stands beside it as proof, and the choice of Choi et al. (Nat Med 2012;18:624), 32 + 65 ms.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import Acquisition
from diffmrs.spins import press, simulate_basis

NAMES = ("2HG", "Glu", "Gln", "GABA", "NAA", "Cr")
ACQUISITION = Acquisition(dwell_time_s=1 / 2000, spectrometer_frequency_mhz=123.25)
T2_S, WIDTH_HZ, LOW_S, HIGH_S = 0.16, 5.0, np.array([0.015, 0.045]), np.array([0.06, 0.1])


def bound(times):
    """Cramér-Rao bound of the first amplitude over the noise, for (TE1, TE2) in s."""
    basis = simulate_basis(NAMES, press(*times), ACQUISITION, 512, lorentzian_fwhm_hz=WIDTH_HZ)
    fids = basis.fid * jnp.exp(-times.sum() / T2_S)
    fisher = (fids @ fids.conj().T).real
    return jnp.sqrt(jnp.linalg.inv(fisher)[0, 0])


def main(out: Path) -> None:
    with jax.enable_x64(True):
        value_and_slope = jax.jit(jax.value_and_grad(bound))
        one, two = np.linspace(LOW_S, HIGH_S, 14).T
        grid = np.array([[value_and_slope(jnp.array([a, b]))[0] for a in one] for b in two])
        times, speed, path = np.array([0.05, 0.055]), np.zeros(2), []
        for k in range(80):
            value, slope = value_and_slope(jnp.asarray(times))
            path.append((*(1e3 * times), float(value)))
            # Descent with momentum, in steps that become shorter.
            speed = 0.8 * speed - 4e-4 * 0.97**k * np.asarray(slope) / np.linalg.norm(slope)
            times = np.clip(times + speed, LOW_S, HIGH_S)
    te1, te2, value = min(path, key=lambda point: point[2])
    low = np.unravel_index(grid.argmin(), grid.shape)
    print(f"gradient: TE1 {te1:.1f} ms, TE2 {te2:.1f} ms, bound {value:.5f}")
    print(f"grid:     TE1 {1e3 * one[low[1]]:.1f} ms, TE2 {1e3 * two[low[0]]:.1f} ms, bound {grid[low]:.5f}")
    ax = Figure(figsize=(6, 5), layout="constrained").add_subplot()
    ax.figure.colorbar(ax.contourf(1e3 * one, 1e3 * two, grid / grid.min(), 20), label="bound of 2HG, relative")
    ax.plot(*np.array(path).T[:2], "w.-", ms=3, lw=0.8)
    ax.plot(1e3 * one[low[1]], 1e3 * two[low[0]], "r+", ms=12)
    ax.plot(32, 65, "kx", ms=8)
    ax.set(xlabel="TE1 / ms", ylabel="TE2 / ms")
    ax.figure.savefig(out, dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("echo_time_design.png"))
