"""Frequency and phase of single transients on a published recipe: bias, spread, outliers and the Cramér-Rao bound.

Transients of `rat_transients.py`, clean and with water and lipids, over the published range of offsets and twice that.
Methods that are given the noise-free reference are marked; the others see nothing but the transients, and a constant
common to all of them is free, as in the paper.

    python benchmarks/alignment.py [--out DIR] [--transients 2000] [--calls 5]

Writes `alignment.json` and `alignment.md`.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from common import HERE, use_all_cores, write_json
from rat_transients import ACQUISITION, DAMPING_PER_S, POINTS, Set, bounds, draw, reference

import diffmrs
from diffmrs.data import MRSData
from diffmrs.fitting.engine import local_mesh
from diffmrs.preprocess import align_voxels, reference_peaks, register, register_robustly
from diffmrs.preprocess.robust_registration import first_template

OUTLIER_HZ, OUTLIER_DEG = 2.0, 20.0
WINDOW_PPM = (1.8, 4.2)
SLOW = 500  # transients of the methods that take long
# Hz and degrees on all, clean and contaminated transients: Shamaei et al. 2023, Magn Reson Med 89:1221.
PUBLISHED = {
    "dSRF": ((0.73, 4.89), (0.69, 3.34), (0.73, 5.52)),
    "dSR": ((1.02, 5.87), (1.00, 4.16), (0.97, 5.75)),
    "dCrR": ((0.94, 6.62), (0.93, 6.89), (0.94, 6.35)),
    "dCrRF": ((0.95, 6.79), (0.90, 7.00), (0.97, 6.52)),
    "spectral registration": ((1.57, 7.44), (1.01, 2.61), (1.57, 8.50)),
    "creatine fit": ((7.92, 32.34), (9.62, 38.80), (6.51, 26.68)),
    "Tapper 2021": ((0.71, 6.78), (0.56, 4.64), (0.78, 5.89)),
    "Ma 2022": ((0.99, 4.29), (0.85, 4.24), (1.06, 4.32)),
}
Found = tuple[np.ndarray, np.ndarray]


def one_by_one(one: Callable) -> Callable:
    return jax.jit(lambda fids, given: jax.lax.map(lambda fid: one(fid, given), fids))


def registered(fids: jax.Array, onto: jax.Array, n_points: int, window_ppm=None) -> Found:
    run = one_by_one(partial(register, acquisition=ACQUISITION, n_points=n_points, window_ppm=window_ppm))
    found = run(fids, onto)
    return np.asarray(found.shift_hz), np.asarray(found.phase_rad)


def robustly(fids: jax.Array, onto: jax.Array | None, n_points: int) -> Found:
    run = jax.jit(lambda fids: register_robustly(fids, ACQUISITION, template=onto, n_points=n_points, limit_hz=100.0))
    found = run(fids)
    return np.asarray(found.shift_hz), np.asarray(found.phase_rad)


def peaks(fids: jax.Array, n_points: int) -> Found:
    found = one_by_one(lambda fid, _: reference_peaks(fid[:n_points], ACQUISITION))(fids, 0.0)
    return np.asarray(found.shift_hz), np.asarray(found.phase_rad)


def voxels(fids: jax.Array, n_points: int) -> Found:
    data = MRSData(np.asarray(fids)[:, None, None, :n_points], ACQUISITION)
    found = align_voxels(data, np.ones(data.fid.shape[:3], bool), window_ppm=WINDOW_PPM)
    return found.shift_hz.ravel(), found.phase_rad.ravel()


def methods(fids: jax.Array, clean: jax.Array, n_points: int) -> dict[str, tuple[bool, Callable[[], Found]]]:
    """Whether the reference is given, and the estimate."""
    one = first_template(fids, jnp.ones(len(fids), bool), jnp.zeros((), jnp.float32))
    return {
        "variable projection, blind": (False, lambda: robustly(fids, None, n_points)),
        "variable projection, reference given": (True, lambda: robustly(fids, clean, n_points)),
        "registration, reference given": (True, lambda: registered(fids, clean, n_points)),
        "registration, one transient as reference": (False, lambda: registered(fids, one, n_points)),
        "registration 1.8-4.2 ppm, reference given": (True, lambda: registered(fids, clean, n_points, WINDOW_PPM)),
        "registration 1.8-4.2 ppm, one transient": (False, lambda: registered(fids, one, n_points, WINDOW_PPM)),
        "cross-correlation of voxels, blind": (False, lambda: voxels(fids, n_points)),
        "creatine and choline peaks": (True, lambda: peaks(fids[:SLOW], n_points)),
    }


def judged(found: Found, truth: Set, given: bool, bound: dict[str, float]) -> dict:
    n = len(found[0])
    off_hz = found[0] - truth.shift_hz[:n]
    turn = np.exp(1j * (found[1] - truth.phase_rad[:n]))
    spoiled = truth.contaminated[:n]
    if not given:
        off_hz = off_hz - np.median(off_hz)
        turn = turn * np.conj(np.median(turn.real) + 1j * np.median(turn.imag))
        turn = turn * np.exp(-1j * np.median(np.angle(turn)))
    off_deg = np.degrees(np.angle(turn))
    groups = {"all": np.ones(len(off_hz), bool), "clean": ~spoiled, "contaminated": spoiled}
    rows = {"outliers": int(np.sum((np.abs(off_hz) > OUTLIER_HZ) | (np.abs(off_deg) > OUTLIER_DEG)))}
    rows |= {"largest_hz": float(np.abs(off_hz).max()), "largest_deg": float(np.abs(off_deg).max())}
    for group, inside in groups.items():
        if inside.any():
            sd_hz, sd_deg = float(off_hz[inside].std()), float(off_deg[inside].std())
            rows[group] = {
                "bias_hz": float(off_hz[inside].mean()),
                "bias_deg": float(off_deg[inside].mean()),
                "sd_hz": sd_hz,
                "sd_deg": sd_deg,
                "sd_over_bound_hz": sd_hz / bound["shift_hz"],
                "sd_over_bound_deg": sd_deg / bound["phase_deg"],
            }
    return rows


def timing(fids: jax.Array, calls: int) -> dict[str, float]:
    """Milliseconds per transient in a batch of 1000: best of several calls, wall clock and all cores together."""
    run = jax.jit(lambda fids: register_robustly(fids, ACQUISITION, mesh=local_mesh()))
    jax.block_until_ready(run(fids))
    walls, cores = [], []
    for _ in range(calls):
        wall, core = time.perf_counter(), time.process_time()
        jax.block_until_ready(run(fids))
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    per_transient = 1e3 / len(fids)
    return {"wall_ms": min(walls) * per_transient, "all_cores_ms": min(cores) * per_transient}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--transients", type=int, default=2000, help="default %(default)s")
    parser.add_argument("--calls", type=int, default=5, help="timed calls; default %(default)s")
    options = parser.parse_args()
    use_all_cores()
    options.out.mkdir(parents=True, exist_ok=True)
    clean = reference()
    damped = jnp.asarray(clean * np.exp(-DAMPING_PER_S[0] * ACQUISITION.time_s(POINTS)), jnp.complex64)
    cases, bound = {}, {n: bounds(clean, n) for n in (512, POINTS)}
    for nuisances in (False, True):
        for hz, deg in ((20.0, 90.0), (40.0, 180.0)):
            truth = draw(options.transients, clean, nuisances=nuisances, shift_hz=hz, phase_deg=deg, seed=1)
            fids = jnp.asarray(truth.fid)
            for n in (512, POINTS):
                title = f"{'contaminated' if nuisances else 'clean'}, {n} points, ±{hz:g} Hz, ±{deg:g}°"
                cases[title] = {
                    name: judged(run(), truth, given, bound[n])
                    for name, (given, run) in methods(fids, damped, n).items()
                }
                print(title, *table(cases[title], nuisances), sep="\n", flush=True)
    thousand = draw(1000, clean, nuisances=True, seed=2)
    results = {
        "command": "python benchmarks/alignment.py",
        "transients": options.transients,
        "outlier": f"more than {OUTLIER_HZ:g} Hz or {OUTLIER_DEG:g}° off",
        "bounds": {str(n): value for n, value in bound.items()},
        "time_per_transient": timing(jnp.asarray(thousand.fid), options.calls),
        "load": os.getloadavg()[0],
        "published_hz_deg_all_clean_contaminated": PUBLISHED,
        "cases": cases,
        "versions": {"diffmrs": diffmrs.__version__, "jax": jax.__version__, "python": platform.python_version()},
    }
    write_json(options.out / "alignment.json", results)
    (options.out / "alignment.md").write_text(as_markdown(results))


def table(case: dict, nuisances: bool) -> list[str]:
    group = "contaminated" if nuisances else "clean"
    lines = ["| method | bias | SD | SD / bound | largest error | outliers |", "|---|---|---|---|---|---|"]
    for name, rows in case.items():
        r = rows[group]
        lines.append(
            f"| {name} | {r['bias_hz']:.2f} Hz, {r['bias_deg']:.1f}° | {r['sd_hz']:.2f} Hz, {r['sd_deg']:.2f}° | "
            f"{r['sd_over_bound_hz']:.2f}, {r['sd_over_bound_deg']:.2f} | "
            f"{rows['largest_hz']:.1f} Hz, {rows['largest_deg']:.0f}° | {rows['outliers']} |"
        )
    return lines


def as_markdown(results: dict) -> str:
    counts = f"{results['transients']} transients, {SLOW} for the peaks"
    lines = [f"`{results['command']}`, {counts}; outlier: {results['outlier']}.", ""]
    for title, case in results["cases"].items():
        lines += [f"**{title}**", "", *table(case, "contaminated" in title), ""]
    lines += ["| published | all | clean | contaminated |", "|---|---|---|---|"]
    for name, rows in PUBLISHED.items():
        lines.append("| " + " | ".join([name, *(f"{hz:.2f} Hz, {deg:.2f}°" for hz, deg in rows)]) + " |")
    spent = results["time_per_transient"]
    lines += ["", f"Blind, {spent['wall_ms']:.2f} ms per transient ({spent['all_cores_ms']:.2f} ms of all cores)."]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
