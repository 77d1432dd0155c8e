"""Learned registration of single transients beside the classical methods: the set, tests and bounds of `alignment.py`.

Trains the four networks of Shamaei et al. 2023 (Magn Reson Med 89:1221) without any truth, and one of our own (template
of `register_robustly`, 1024 samples, amplitude by least squares, encoder on a subspace), on transients with water and
lipids, ±20 Hz and ±90°, drawn anew for each step; tests them on the transients of `alignment.py`, within the range of
training and beyond it (±40 Hz, ±180°), and lets steps of least squares follow. Rows of classical methods are those in
`results/alignment.json`.

    python benchmarks/alignment_learned.py [--out DIR] [--steps 6000 ...] [--full] [--checkpoints DIR] [--seeds 0]
        [--only dCrR dCrRF dSR dSRF own] [--train-only]

The published size is 24 000 transients and 150 epochs of batches of 64, 50 000 steps (`--full`). Writes
`alignment_learned.json` and `.md`; what is not run again is kept.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from alignment import OUTLIER_DEG, OUTLIER_HZ, WINDOW_PPM, judged
from common import HERE, use_all_cores, write_json
from flax import nnx
from rat_transients import ACQUISITION, DAMPING_PER_S, NOISE_SD, POINTS, Set, bounds, draw, reference

from diffmrs.learn import InputSpec, Subspace, encoder_spec, subspace_of
from diffmrs.learn.examples import draw_examples
from diffmrs.learn.network import Network
from diffmrs.learn.registration import (
    PUBLISHED_WINDOW_PPM,
    CreatineLine,
    OffsetLoss,
    ProfiledTransient,
    ReferenceTransient,
    estimate_offsets,
)
from diffmrs.learn.training import Progress, Training, train
from diffmrs.learn.transients import Intermittent, TransientSource, reference_transient
from diffmrs.preprocess import register_robustly
from diffmrs.simulate.distributions import Normal, Uniform

NAMES = ("dCrR", "dCrRF", "dSR", "dSRF", "own")
FEW = 512  # samples that the published networks see
CHOICE, TEMPLATE = 4000, 500  # transients of which the reference is chosen, and of which the template is made
STEPS_AFTER = (0, 3)
FLAGGED = 0.01  # share of transients within the range whose likeness is called too low
WITH_NUISANCE = float(1 - np.exp(-0.5))  # half as many draws, with replacement, as there are transients
PER_STEP = {"own": 128}
OWN = 1024  # samples that our own network sees; they hold nearly all there is to know
LINE = (0.0, 0.0, 0.05, 10.0)  # where the outputs of dCrR begin: about the line of the mean transient


def source(clean: np.ndarray, n_points: int) -> TransientSource:
    """The published recipe, as `rat_transients.draw`, but that each transient has each nuisance by chance."""
    water = Intermittent(
        WITH_NUISANCE, Normal(-20.0, 2.0), Normal(0.0, 0.02), Normal(100.0, 10.0), Uniform(0.0, 0.0), power=1
    )
    behind = Uniform(-np.pi / 2, -np.pi / 2)
    lipids = Intermittent(WITH_NUISANCE, Normal(1.0, 0.1), Normal(1400.0, 28.0), Normal(300.0, 30.0), behind)
    return TransientSource(
        jnp.asarray(clean[:n_points], jnp.complex64), ACQUISITION, Uniform(-20.0, 20.0),
        Uniform(-np.pi / 2, np.pi / 2), NOISE_SD, Normal(1.0, 0.1), Normal(*DAMPING_PER_S), (water, lipids),
    )  # fmt: skip


def losses(clean: np.ndarray, only: list[str]) -> dict[str, OffsetLoss]:
    """What each network is trained on. The references come from transients with nuisances, as the training."""
    seen = InputSpec("fid", FEW, scale="largest")
    made = {
        "dCrR": OffsetLoss(CreatineLine(ACQUISITION, FEW), seen),
        "dCrRF": OffsetLoss(CreatineLine(ACQUISITION, FEW), seen, PUBLISHED_WINDOW_PPM),
    }
    if "dSR" in only or "dSRF" in only:
        fids = draw(CHOICE, clean, nuisances=True, seed=100).fid
        fids = fids / np.abs(fids).max(axis=1, keepdims=True)
        one = jnp.asarray(fids[reference_transient(fids, ACQUISITION)][:FEW])
        made["dSR"] = OffsetLoss(ReferenceTransient(one, ACQUISITION), seen)
        made["dSRF"] = OffsetLoss(ReferenceTransient(one, ACQUISITION), seen, PUBLISHED_WINDOW_PPM)
    if "own" in only:
        several = jnp.asarray(draw(TEMPLATE, clean, nuisances=True, seed=101).fid)
        template = jax.jit(lambda fids: register_robustly(fids, ACQUISITION).template)(several)[:OWN]
        more = InputSpec("fid", OWN, scale="largest")
        made["own"] = OffsetLoss(ProfiledTransient(template, ACQUISITION), more, WINDOW_PPM)
    return {name: made[name] for name in only}


def trained(name: str, loss: OffsetLoss, clean: np.ndarray, seed: int, options: argparse.Namespace) -> tuple[Any, dict]:
    points = OWN if name == "own" else FEW
    given = source(clean, points)
    ours = Subspace(n_components=96, widths=(512, 512))
    spec = ours if name == "own" else encoder_spec("cnn-deepfpc")
    network: Any = Network(spec, *loss.shape(points), nnx.Rngs(seed))
    if name == "own":
        signal = jax.jit(lambda key: jax.vmap(loss.see)(draw_examples(key, given, 500).fid)[0])
        several = jnp.concatenate([signal(key) for key in jax.random.split(jax.random.key(77), 6)])
        network.encoder.set_directions(*subspace_of(several, ours.n_components))
    if name.startswith("dCrR"):
        network.output.bias[...] = jnp.asarray(LINE)
    begin = time.perf_counter()

    def show(progress: Progress) -> None:
        told = {key: round(value, 4) for key, value in progress.numbers.items()}
        print(f"{name} {seed} {progress.step} {time.perf_counter() - begin:.0f} s {told}", flush=True)

    cycles = [50_000] if options.full else options.steps
    for number, steps in enumerate(cycles):
        how = Training(
            steps=steps, batch=PER_STEP.get(name, 64), learning_rate=1e-3, clip=1e6, every=max(steps // 20, 1),
            validation=512, seed=seed,
        )  # fmt: skip
        file = None
        # The line of creatine is a small part of all that dCrR compares: a first cycle on the window shows the way.
        on_window = name == "dCrR" and number == 0 and len(cycles) > 1
        if options.checkpoints is not None:
            options.checkpoints.mkdir(parents=True, exist_ok=True)
            told = "_".join(map(str, cycles[: number + 1]))
            file = options.checkpoints / f"{'dCrRF' if on_window else name}_{told}_{seed}.safetensors"
        compared = replace(loss, window_ppm=PUBLISHED_WINDOW_PPM) if on_window else loss
        network, _ = train(network, compared, given, how, checkpoint=file, on_progress=show)
    return network, {"steps": cycles, "batch": PER_STEP.get(name, 64)}


def tests(options: argparse.Namespace, clean: np.ndarray) -> dict[str, Set]:
    return {
        f"{'contaminated' if nuisances else 'clean'}, {{}} points, ±{hz:g} Hz, ±{deg:g}°": draw(
            options.transients, clean, nuisances=nuisances, shift_hz=hz, phase_deg=deg, seed=1
        )
        for nuisances in (False, True)
        for hz, deg in ((20.0, 90.0), (40.0, 180.0))
    }


def tested(network: Any, loss: OffsetLoss, sets: dict[str, Set], bound: dict, calls: int) -> dict[str, dict]:
    """Rows for each set and number of steps, and the time per transient in batches of 1000."""
    n = loss.decoder.n_points
    rows: dict[str, dict] = {}
    for steps in STEPS_AFTER:
        run = partial(estimate_offsets, network, loss=loss, steps=steps)
        lowest = None
        for title, truth in sets.items():
            found = run(jnp.asarray(truth.fid[:, :n]))
            likeness = np.asarray(found.likeness)
            if "±20" in title:
                lowest = np.quantile(likeness, FLAGGED)
            given = False
            row = judged((np.asarray(found.shift_hz), np.asarray(found.phase_rad)), truth, given, bound)
            beyond = (np.abs(truth.shift_hz) > 20) | (np.abs(truth.phase_rad) > np.pi / 2)
            row["flagged_beyond_range"] = float(np.mean(likeness[beyond] < lowest)) if beyond.any() else None
            row["flagged_within_range"] = float(np.mean(likeness[~beyond] < lowest))
            rows.setdefault(title.format(POINTS if n == OWN else n), {})[str(steps)] = row
        batch = jnp.asarray(next(iter(sets.values())).fid[:1000, :n])
        jax.block_until_ready(run(batch))
        walls, cores = [], []
        for _ in range(calls):
            wall, core = time.perf_counter(), time.process_time()
            jax.block_until_ready(run(batch))
            walls.append(time.perf_counter() - wall)
            cores.append(time.process_time() - core)
        rows.setdefault("ms_per_transient", {})[str(steps)] = {"wall": min(walls), "all_cores": min(cores)}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--transients", type=int, default=2000, help="of each test set, default %(default)s")
    parser.add_argument(
        "--steps", type=int, nargs="+", default=[6000],
        help="optimiser steps of each cycle of the learning rate, default 6000",
    )  # fmt: skip
    parser.add_argument("--full", action="store_true", help="the published number of steps")
    parser.add_argument("--checkpoints", type=Path, help="folder; training goes on from what is there")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of weights and batches, default 0")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), help="default all")
    parser.add_argument("--calls", type=int, default=5, help="timed calls; default %(default)s")
    parser.add_argument("--train-only", action="store_true", help="stop after training")
    options = parser.parse_args()
    use_all_cores()
    options.out.mkdir(parents=True, exist_ok=True)
    clean = reference()
    made = losses(clean, options.only)
    file = options.out / "alignment_learned.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"networks": {}}
    sets = {} if options.train_only else tests(options, clean)
    for name, loss in made.items():
        bound = bounds(clean, POINTS if name == "own" else FEW)
        for seed in options.seeds:
            network, spent = trained(name, loss, clean, seed, options)
            if options.train_only:
                continue
            rows = tested(network, loss, sets, bound, options.calls)
            results["networks"].setdefault(name, {})[str(seed)] = {"training": spent, **rows}
            results |= {
                "transients": options.transients,
                "outlier": f"more than {OUTLIER_HZ:g} Hz or {OUTLIER_DEG:g}° off",
                "flagged": f"likeness lower than {1 - FLAGGED:.0%} of the transients of the same kind in range have",
                "load": os.getloadavg()[0],
            }
            write_json(file, results)
    if not options.train_only:
        (options.out / "alignment_learned.md").write_text(as_markdown(results))
        print(as_markdown(results))


def as_markdown(results: dict[str, Any]) -> str:
    classical = json.loads((HERE / "results" / "alignment.json").read_text())["cases"]
    lines = [
        f"`python benchmarks/alignment_learned.py`, {results['transients']} transients; outlier: {results['outlier']}. "
        "Rows of classical methods: `results/alignment.json`. Blind methods are free in a common constant.", "",
    ]  # fmt: skip
    for title, case in classical.items():
        rows = {name: (rows, None) for name, rows in case.items()}
        for name, seeds in results["networks"].items():
            for seed, run in seeds.items():
                for steps, row in run.get(title, {}).items():
                    label = f"{name}, seed {seed}" + (f" + {steps} steps" if steps != "0" else "")
                    rows[label] = row, run["ms_per_transient"][steps]["wall"]
        groups = ("clean", "all", "contaminated") if title.startswith("contaminated") else ("clean",)
        lines += [f"**{title}**", "", "| method | " + " | ".join(f"bias, SD: {g}" for g in groups) + " | SD / bound "]
        lines[-1] += f"({groups[-1]}) | largest error | outliers | beyond range flagged | ms |"
        lines.append("|---" * (len(groups) + 6) + "|")
        for name, (row, spent) in rows.items():
            cells = [
                f"{row[g]['bias_hz']:.2f} Hz, {row[g]['bias_deg']:.1f}°; {row[g]['sd_hz']:.2f} Hz, "
                f"{row[g]['sd_deg']:.2f}°"
                for g in groups
            ]
            last = row[groups[-1]]
            beyond = row.get("flagged_beyond_range")
            cells += [
                f"{last['sd_over_bound_hz']:.1f}, {last['sd_over_bound_deg']:.1f}",
                f"{row['largest_hz']:.1f} Hz, {row['largest_deg']:.0f}°", str(row["outliers"]),
                "" if beyond is None else f"{beyond:.0%}", "" if spent is None else f"{spent:.3f}",
            ]  # fmt: skip
            lines.append("| " + " | ".join([name, *cells]) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
