"""Echo times with the smallest Cramér-Rao bound, by gradient descent and by grid search.

    python benchmarks/echo_time_design.py [--quick]      writes benchmarks/results/echo_time_design.md and .json

Sequences: PRESS with free TE1 and TE2, and semi-LASER as two double echoes of free length A and B (delays A/4, A/2,
(A + B)/4, B/2, B/4), ideal pulses. Targets: GABA, GSH, 2HG, Glu. Fields: 123.25 and 297.2 MHz. One compilation per
sequence: times, field and target are traced.

Parameters of the fit: 12 amplitudes; zero-order phase, frequency and Lorentzian width common to the metabolites; six
macromolecules of Bell 2024 (MM1.70 … MM3.98); a complex quadratic baseline. Window 1.8 to 4.2 ppm, complex spectrum.
Metabolites decay with T2 0.16 s (3 T) and 0.11 s (7 T), macromolecules with 0.030 s and 0.020 s (round figures of the
literature, the same for both sequences). Amplitude (to 30 %), width (to 20 %) and position (to 0.02 ppm) of each
macromolecule are parameters with a prior: this is what lets a macromolecule that has decayed stop disturbing. Without
a prior a free amplitude disturbs as much at any size. The bound is therefore a Bayesian one (Van Trees 1968). The
baseline is free.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.model.fisher import covariance_bound, fisher_information
from diffmrs.spins import Sequence, macromolecules, press, simulate_basis, slaser

TARGETS = ("GABA", "GSH", "2HG", "Glu")
# Concentrations in mM, as in a tumour with 2HG.
CONCENTRATION = {
    "GABA": 1.5, "GSH": 2.0, "2HG": 3.0, "Glu": 9.0, "Gln": 3.0, "NAA": 11.0, "NAAG": 1.5, "Cr": 8.0, "PCho": 1.8,
    "Ins": 6.0, "Tau": 1.5, "Asp": 2.5,
}  # fmt: skip
MACROMOLECULES = ("MM170", "MM207", "MM230", "MM303", "MM324", "MM398")
MM_PROTONS_MM = 12.0  # of the line at 0.95 ppm, which has 1 in the set
MM_PRIOR = (0.3, 0.2, 0.02)  # sd of amplitude and width, relative, and of position, ppm
WINDOW_PPM = (1.8, 4.2)
ACQUISITION = Acquisition(dwell_time_s=1 / 3000, spectrometer_frequency_mhz=123.25)
N_POINTS = 512
NOISE = 2.0  # sd of the real part of a sample of the FID at 3 T, mM protons; signal grows with the field
STARTS = (0.0, 0.3, 0.7)  # of the descents, as fractions of the range of each time
FIELDS = {
    "3 T": {"mhz": 123.25, "t2_s": 0.16, "t2_mm_s": 0.030, "width_hz": 5.0},
    "7 T": {"mhz": 297.2, "t2_s": 0.11, "t2_mm_s": 0.020, "width_hz": 10.0},
}


def slaser_double_echo(a_s: Any, b_s: Any) -> Sequence:
    """Semi-LASER whose first pair of 180° pulses takes A and whose second takes B, s."""
    return slaser(intervals_s=(a_s / 4, a_s / 2, (a_s + b_s) / 4, b_s / 2, b_s / 4))


# Shortest and longest times, the usual protocol of each target (s).
SEQUENCES: dict[str, dict[str, Any]] = {
    "PRESS": {
        "make": press,
        "low": (0.010, 0.014),
        "high": (0.080, 0.150),
        "usual": {"2HG": (0.032, 0.065)} | dict.fromkeys(("GABA", "GSH", "Glu"), (0.011, 0.019)),
    },
    "sLASER": {
        "make": slaser_double_echo,
        "low": (0.014, 0.014),
        "high": (0.110, 0.110),
        "usual": {"2HG": (0.055, 0.055)} | dict.fromkeys(("GABA", "GSH", "Glu"), (0.014, 0.014)),
    },
}


def bounds(make: Callable[..., Sequence], times_s: jax.Array, field: dict[str, jax.Array]) -> jax.Array:
    """Relative bounds on the standard deviations of the targets, [4], no unit."""
    te, mhz = times_s.sum(), field["mhz"]
    basis = simulate_basis(
        tuple(CONCENTRATION), make(*times_s), ACQUISITION, N_POINTS,
        lorentzian_fwhm_hz=field["width_hz"], spectrometer_frequency_mhz=mhz,
    )  # fmt: skip
    t = jnp.arange(N_POINTS) * ACQUISITION.dwell_time_s
    amplitude = jnp.array(list(CONCENTRATION.values()))
    each = basis.fid * amplitude[:, None] * jnp.exp(-te / field["t2_s"])
    total = each.sum(0)
    mm = macromolecules("bell2024_7t").select(MACROMOLECULES)
    turn = jnp.exp(2j * jnp.pi * (ACQUISITION.ppm_reference - mm.ppm)[:, None] * mhz * t)
    width = mm.gaussian_fwhm[:, None] * mhz / mm.width_at_mhz
    broad = turn * jnp.exp(-((jnp.pi * width * t) ** 2) / (4 * np.log(2))) * jnp.exp(-jnp.pi * field["width_hz"] * t)
    broad = broad * mm.protons[:, None] * MM_PROTONS_MM * jnp.exp(-te / field["t2_mm_s"])
    widened = -2 * (jnp.pi * width * t) ** 2 / (4 * np.log(2)) * broad
    moved = -2j * jnp.pi * mhz * t * broad
    columns = jnp.concatenate(
        [each, broad, widened, moved, jnp.stack([1j * total, 1j * t * total / 0.1, t * total / 0.1])]
    )
    spectra = jnp.fft.fft(columns, axis=1, norm="ortho")
    ppm = ACQUISITION.ppm_reference - jnp.fft.fftfreq(N_POINTS, ACQUISITION.dwell_time_s) / mhz
    middle, half = sum(WINDOW_PPM) / 2, (WINDOW_PPM[1] - WINDOW_PPM[0]) / 2
    x = (ppm - middle) / half
    polynomial = jnp.stack([jnp.ones_like(x), x, x**2]).astype(spectra.dtype) * 10.0
    jacobian = jnp.concatenate([spectra, polynomial, 1j * polynomial]) * (jnp.abs(x) <= 1)
    # Amplitudes and widths are relative to what is expected, so that a prior of 30 % is one over 0.3 squared.
    prior = np.zeros(jacobian.shape[0])
    known = np.repeat(np.array(MM_PRIOR) ** -2, len(MACROMOLECULES))
    prior[len(CONCENTRATION) : len(CONCENTRATION) + known.size] = known
    noise = NOISE * FIELDS["3 T"]["mhz"] / mhz
    covariance = covariance_bound(fisher_information(jacobian.T, noise) + jnp.diag(prior))
    return jnp.sqrt(jnp.diag(covariance)[: len(TARGETS)])


def descend(value_and_slope: Callable, start: np.ndarray, low: np.ndarray, high: np.ndarray, steps: int) -> tuple:
    """Descent in the logarithm of the bound, with momentum, in steps that become shorter; inside a box.

    Returns:
        Best times (s) and their bound.
    """
    times, speed, slope = start.copy(), np.zeros(2), np.zeros(2)
    best, best_times, length = np.inf, times, 5e-3
    for _ in range(steps):
        value, here = (np.asarray(x) for x in value_and_slope(times))
        if value < best:
            best, best_times = float(value), times.copy()
            # At the edge of the box a slope that points outwards does not count.
            slope = np.where(((times <= low) & (here > 0)) | ((times >= high) & (here < 0)), 0.0, here)
        else:
            length, speed = 0.6 * length, np.zeros(2)
        if length < 5e-5 or not slope.any():
            break
        speed = 0.5 * speed - length * slope / np.linalg.norm(slope)
        times = np.clip(best_times + speed, low, high)
    return best_times, best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="coarse grid, to see that it runs")
    quick = parser.parse_args().quick
    n1, n2, steps = (5, 6, 8) if quick else (15, 25, 40)
    started, rows = time.perf_counter(), []
    for name, entry in SEQUENCES.items():
        make, low, high = entry["make"], np.array(entry["low"]), np.array(entry["high"])
        all_bounds = jax.jit(lambda t, f, make=make: bounds(make, t, f))
        slope_of = jax.jit(jax.value_and_grad(lambda t, f, w, make=make: w @ jnp.log(bounds(make, t, f))))
        one, two = np.linspace(low[0], high[0], n1), np.linspace(low[1], high[1], n2)
        for field_name, field in FIELDS.items():
            grid = np.array([[all_bounds(jnp.array([a, b]), field) for b in two] for a in one])
            for k, target in enumerate(TARGETS):
                weight = np.eye(len(TARGETS))[k]
                usual = np.array(entry["usual"][target])
                starts = [usual, *(low + np.array(x) * (high - low) for x in itertools.product(STARTS, STARTS))]
                found = [
                    descend(lambda t, go=slope_of, w=weight, f=field: go(t, f, w), s, low, high, steps) for s in starts
                ]
                times, log_bound = min(found, key=lambda x: x[1])
                i, j = np.unravel_index(grid[..., k].argmin(), grid.shape[:2])
                rows.append(
                    {
                        "sequence": name, "field": field_name, "target": target,
                        "gradient_ms": [round(1e3 * x, 1) for x in times], "gradient_bound": float(np.exp(log_bound)),
                        "descents_bound": [float(np.exp(x[1])) for x in found],
                        "grid_ms": [1e3 * one[i], 1e3 * two[j]], "grid_bound": float(grid[i, j, k]),
                        "usual_ms": list(1e3 * usual), "usual_bound": float(all_bounds(usual, field)[k]),
                        "shortest_bound": float(grid[0, 0, k]),
                        "at_shortest": bool(np.all(times < low + 1e-3)),
                    }
                )  # fmt: skip
                print(json.dumps(rows[-1]), flush=True)
    seconds = time.perf_counter() - started
    if quick:
        return
    results = Path(__file__).parent / "results"
    (results / "echo_time_design.json").write_text(json.dumps({"seconds": seconds, "rows": rows}, indent=1) + "\n")
    text = ["# Echo times by gradient and by grid", "", *(__doc__ or "").splitlines()[4:], ""]
    text += [f"Grid {n1} x {n2}; ten descents of at most {steps} steps each, the best is listed. {seconds:.0f} s.", ""]
    text += table(rows)
    (results / "echo_time_design.md").write_text("\n".join(text) + "\n")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as Markdown."""
    lines = [
        "| sequence | field | target | usual / ms | its bound | gradient / ms | its bound | grid / ms | its bound "
        "| bound over usual | shortest |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        usual, gradient, grid = (" + ".join(f"{x:.0f}" for x in r[f"{k}_ms"]) for k in ("usual", "gradient", "grid"))
        ratio = r["gradient_bound"] / r["usual_bound"]
        lines.append(
            f"| {r['sequence']} | {r['field']} | {r['target']} | {usual} | {100 * r['usual_bound']:.2f} % | {gradient} "
            f"| {100 * r['gradient_bound']:.2f} % | {grid} | {100 * r['grid_bound']:.2f} % | {ratio:.3f} "
            f"| {'yes' if r['at_shortest'] else 'no'} |"
        )
    return lines


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
