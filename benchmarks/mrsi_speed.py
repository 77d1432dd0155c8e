"""Whole volumes: speed, compilation, memory, error against truth, and whether starts from neighbours change answers.

Synthetic volumes of 32x32x1, 32x32x10 and 64x64x10 voxels, 1024 points, 2000 Hz, 123.26 MHz: the brain voxels of a
synthetic head, tiled until every voxel of the volume holds one, each with noise of its own. Basis: 20 metabolites of
PRESS TE 30 ms and one macromolecule member (the 13 lines of Birch 2017 added up), without the lesion, whose lipids
would want a member of their own. Two models: lean (no constraints, polynomial of order 4) and what `diffmrs fit` does
by default.

    python benchmarks/mrsi_speed.py [--out DIR] [--quick]

Every measurement is a process of its own, so that compilation and memory are honest. Writes `mrsi_speed.json` and
`mrsi_speed.md`. Run it on a quiet machine: the load before and after is written down. On a GPU it runs unchanged.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

HERE = Path(__file__).parent
SHAPES = {"32x32x1": (32, 32, 1), "32x32x10": (32, 32, 10), "64x64x10": (64, 64, 10)}
MODELS = ("lean", "default")
GOALS = {
    "voxels per second on 2 cores": 2500,
    "compilation, cold, s": 20,
    "compilation, from the cache, s": 3,
    "same optimum within 0.1 CRLB, %": 99.5,
    "10 240 voxels on an H200, s": 0.5,
}
PEERS = {"LCModel 6.3": 1.0, "FSL-MRS 2.4.11": 1.4, "fsl_mrsi 2.4.11": 0.90}  # s per voxel and core
SAME_CRLB = 0.1


def choices_of(model: str) -> dict:
    from diffmrs import PolynomialBaseline

    return {"priors": "none", "baseline": PolynomialBaseline(4)} if model == "lean" else {}


def metabolites_and_mm():
    """20 metabolites of PRESS TE 30 ms at 3 T, and the 13 macromolecule lines of Birch 2017 as one member."""
    import diffmrs
    from diffmrs.axes import Acquisition
    from diffmrs.basis_files import BasisOptions, simulate
    from diffmrs.data import is_macromolecule

    sampling = Acquisition(dwell_time_s=5e-4, spectrometer_frequency_mhz=123.26)
    options = BasisOptions(
        out=Path("none"),
        acquisition=sampling,
        n_points=1024,
        sequence="press",
        times_ms={"te1": 11.0, "te2": 19.0},
        macromolecules="birch2017_3t",
    )
    whole = simulate(options)["all"]
    heavy = np.array([is_macromolecule(name) for name in whole.names])
    fid = np.asarray(whole.fid)
    names = (*(name for name, is_heavy in zip(whole.names, heavy, strict=True) if not is_heavy), "MM")
    return diffmrs.Basis(np.concatenate([fid[~heavy], fid[heavy].sum(axis=0, keepdims=True)]), sampling, names)


def basis_and_voxels(shape: tuple[int, int, int]):
    """The basis, the FIDs of a volume as they would lie in a file, and the true amplitudes. [voxels, ...]"""
    import diffmrs
    from diffmrs.simulate import simulate_head

    basis = metabolites_and_mm()
    count = int(np.prod(shape))
    head = simulate_head(jax.random.key(0), basis, (48, 48, 4), snr=25.0, tumour=False)
    tissue = head.mask & (head.tissue.gm + head.tissue.wm > 0.6)
    clean = np.asarray(head.data.fid)[tissue]
    truth = head_amplitudes(head, tissue)
    which = np.arange(count) % len(clean)
    fids = clean[which]
    again = np.arange(count) >= len(clean)  # the same voxel once more: with noise of its own on top
    noise = np.random.default_rng(1).normal(size=(int(again.sum()), fids.shape[1], 2)).astype(np.float32)
    sd = np.sqrt(np.mean(np.abs(clean[:, -128:]) ** 2) / 2)
    fids[again] += (0.3 * sd * (noise @ np.array([1, 1j], np.complex64))).astype(np.complex64)
    data = diffmrs.MRSData(fids.reshape(*shape, -1), basis.acquisition)
    return head.basis, data, truth[which]


def head_amplitudes(head, inside: np.ndarray) -> np.ndarray:
    """True amplitude of each member in some voxels. [voxels, members]"""
    amplitude = np.asarray(head.parameters.amplitude)
    return amplitude.reshape(*head.mask.shape, -1)[inside]


def one(case: dict) -> dict:
    """One measurement, in a process of its own."""
    from diffmrs.compile_cache import use_compile_cache

    jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))
    if case.get("cache"):
        os.environ["XDG_CACHE_HOME"] = case["cache"]
        use_compile_cache()
    from diffmrs.combine import combinations_of
    from diffmrs.volume import fit_volume

    basis, data, truth = basis_and_voxels(SHAPES[case["shape"]])
    choices, count = choices_of(case["model"]), data.n_spectra
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    volume = fit_volume(data, basis, **choices)
    first = time.perf_counter() - begin
    found = {"voxels": count, "first_s": first, "memory_before_mib": before / 1024}
    if case["what"] == "compile":
        return found
    begin = time.perf_counter()
    volume = fit_volume(data, basis, **choices)
    found["whole_s"] = time.perf_counter() - begin
    engine = volume.engine
    fids = engine.conditioned(volume.layout.rows)
    times = []
    for _ in range(case["calls"]):
        begin, cores = time.perf_counter(), time.process_time()
        estimate = jax.block_until_ready(engine.fit(fids, engine.which))
        times.append((time.perf_counter() - begin, time.process_time() - cores))
    found["fit_s"], found["fit_core_s"] = (min(each) for each in zip(*times, strict=True))
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    names, weights = combinations_of(basis.names)
    every = {
        **{n: np.eye(len(basis.names))[k] for k, n in enumerate(basis.names)},
        **dict(zip(names, weights, strict=True)),
    }
    fitted = np.asarray(estimate.parameters.amplitude)
    low, high = volume.table.ci95_low, volume.table.ci95_high
    found["errors"] = {}
    for name in ("tNAA", "tCr", "tCho", "Glx", "Ins"):
        off = (fitted - truth) @ every[name]
        held = volume.names.index(name)
        inside = (low[:, held] <= truth @ every[name]) & (truth @ every[name] <= high[:, held])
        found["errors"][name] = {
            "mean_truth": float(np.mean(truth @ every[name])),
            "bias": float(np.mean(off)),
            "rmse": float(np.sqrt(np.mean(off**2))),
            "coverage_percent": 100 * float(np.mean(inside)),
        }
    found["converged_percent"] = 100 * float(np.mean(volume.quality.converged))
    found["steps"] = float(np.mean(np.asarray(estimate.steps)))
    if case["what"] == "all":
        alone = fit_volume(data, basis, neighbours=False, **choices)
        searched = jax.block_until_ready(alone.engine.fit(fids, alone.engine.which))
        begin = time.perf_counter()
        searched = jax.block_until_ready(alone.engine.fit(fids, alone.engine.which))
        found["searched_fit_s"] = time.perf_counter() - begin
        bound = np.sqrt(np.diagonal(np.asarray(searched.crlb_covariance), axis1=1, axis2=2))
        apart = np.abs(fitted - np.asarray(searched.parameters.amplitude)) / bound
        found["same_percent"] = 100 * float(np.mean(apart.max(axis=1) < SAME_CRLB))
    found["device"] = f"{jax.devices()[0].device_kind} x {jax.device_count()}"
    return found


def measured(**case) -> dict:
    """`one` in a fresh process."""
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    print(json.dumps(case), done.stdout.strip()[-400:], flush=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--quick", action="store_true", help="the smallest volume only")
    parser.add_argument("--case", help="one measurement, as JSON: what the program asks of itself")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(one(json.loads(options.case))))
        return
    before = os.getloadavg()[0]
    rows = []
    for model in MODELS:
        with tempfile.TemporaryDirectory() as cache:
            cold = measured(what="compile", shape="32x32x1", model=model, cache=cache)
            warm = measured(what="compile", shape="32x32x1", model=model, cache=cache)
        for shape in list(SHAPES)[: 1 if options.quick else None]:
            if model == "default" and shape == "64x64x10":
                continue  # two minutes that tell what 32x32x10 told
            what = "speed" if shape == "64x64x10" else "all"
            row = measured(what=what, shape=shape, model=model, calls=1 if shape == "64x64x10" else 3)
            steady = row["whole_s"] if shape == "32x32x1" else None
            if steady is not None:
                row |= {"cold_s": cold["first_s"] - steady, "cached_s": warm["first_s"] - steady}
            rows.append({"model": model, "shape": shape} | row)
    summary = {
        "command": "python benchmarks/mrsi_speed.py",
        "load_before_and_after": [before, os.getloadavg()[0]],
        "goals": GOALS,
        "peers_s_per_voxel_and_core": PEERS,
        "versions": {"jax": jax.__version__, "python": platform.python_version()},
        "runs": rows,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "mrsi_speed.json").write_text(json.dumps(_rounded(summary), indent=1) + "\n")
    (options.out / "mrsi_speed.md").write_text(as_markdown(summary))


def as_markdown(summary: dict) -> str:
    """Tables of speed and of errors."""
    before, after = summary["load_before_and_after"]
    lines = [
        f"{summary['runs'][0]['device']}, load {before:.1f} before and {after:.1f} after "
        "(`python benchmarks/mrsi_speed.py`). Fit: the compiled fits alone; whole: with starts, tables, quality and "
        "files of chunks. Compilation: time of the first `fit_volume` beyond that of the second, in a fresh process.",
        "",
        "| model | volume | voxels | fit, voxels/s | ms per voxel (core ms) | whole, voxels/s | compile cold, s | "
        "cached, s | peak memory, MiB | converged, % | same optimum, % |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in summary["runs"]:
        count = row["voxels"]
        lines.append(
            f"| {row['model']} | {row['shape']} | {count} | {count / row['fit_s']:.0f} | "
            f"{1e3 * row['fit_s'] / count:.2f} ({1e3 * row['fit_core_s'] / count:.2f}) | "
            f"{count / row['whole_s']:.0f} | "
            f"{_number(row.get('cold_s'))} | {_number(row.get('cached_s'))} | {row['peak_mib']:.0f} | "
            f"{row['converged_percent']:.2f} | {_number(row.get('same_percent'), 2)} |"
        )
    goals = "; ".join(f"{name} {goal:g}" for name, goal in summary["goals"].items())
    peers = ", ".join(f"{name} {seconds:g}" for name, seconds in summary["peers_s_per_voxel_and_core"].items())
    lines += ["", f"Goals: {goals}.", "", f"Peers, s per voxel on one core: {peers}.", ""]
    lines += ["Error against truth (mM), and how often the 95 % interval holds it:", ""]
    lines += ["| model | volume | metabolite | truth | bias | RMSE | coverage, % |", "|---|---|---|---|---|---|---|"]
    for row in summary["runs"]:
        for name, error in row["errors"].items():
            lines.append(
                f"| {row['model']} | {row['shape']} | {name} | {error['mean_truth']:.2f} | {error['bias']:+.3f} | "
                f"{error['rmse']:.2f} | {error['coverage_percent']:.1f} |"
            )
    return "\n".join(lines) + "\n"


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _rounded(tree):
    if isinstance(tree, dict):
        return {key: _rounded(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_rounded(value) for value in tree]
    return float(f"{tree:.4g}") if isinstance(tree, float) else tree


if __name__ == "__main__":
    main()
