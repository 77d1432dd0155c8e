"""Learned registration of single transients beside the classical methods: the set, tests and bounds of `alignment.py`.

Trains the networks of `alignment_networks.py` on transients with water and lipids, ±20 Hz and ±90°, and tests them on
the transients of `alignment.py`, within the range of training and beyond it (±40 Hz, ±180°); steps of least squares
follow where a network has a decoder. Rows of classical methods are those in `results/alignment.json`.

    python benchmarks/alignment_learned.py [--out DIR] [--share 1.0] [--full] [--checkpoints DIR] [--seeds 0 1 2]
        [--only dCrR dCrRF dSR dSRF Tapper Ma own]

`--share` is a factor on the steps; the published size, 50 000 steps of 64 for each network, is `--full`. Writes
`alignment_learned.json` and `.md`; what is not run again is kept.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from alignment import OUTLIER_DEG, OUTLIER_HZ, PUBLISHED, judged
from alignment_networks import OWN, STEPS, TRANSIENTS, drawn, estimator, rat_losses, rat_source
from common import HERE, use_all_cores, write_json
from rat_transients import POINTS, Set, bounds, draw, reference

STEPS_AFTER = (0, 3)
FLAGGED = 0.01  # share of transients within the range whose likeness is called too low
BLIND = ("dSR", "dSRF", "own")  # free in a constant that all transients have in common
PAIRS = ("Tapper", "Ma")
CLASSICAL = (
    ("variable projection, blind", 512), ("variable projection, blind", POINTS),
    ("registration, one transient as reference", 512), ("registration 1.8-4.2 ppm, one transient", 512),
    ("registration 1.8-4.2 ppm, reference given", POINTS), ("cross-correlation of voxels, blind", POINTS),
    ("creatine and choline peaks", 512),
)  # fmt: skip


def tests(count: int, clean: np.ndarray) -> dict[str, Set]:
    return {
        f"{'contaminated' if nuisances else 'clean'}, ±{hz:g} Hz, ±{deg:g}°": draw(
            count, clean, nuisances=nuisances, shift_hz=hz, phase_deg=deg, seed=1
        )
        for nuisances in (False, True)
        for hz, deg in ((20.0, 90.0), (40.0, 180.0))
    }


def tested(
    run: Callable, sets: dict[str, Set], bound: dict[str, float], *, given: bool, after: tuple[int, ...], calls: int
) -> dict[str, dict]:
    """Rows for each set and number of steps, and the time per transient in batches of 1000."""
    rows: dict[str, dict] = {}
    for steps in after:
        lowest = None
        for title, truth in sets.items():
            found = run(jnp.asarray(truth.fid), steps)
            likeness = np.asarray(found.likeness)
            if "±20" in title:
                lowest = np.quantile(likeness, FLAGGED)
            row = judged((np.asarray(found.shift_hz), np.asarray(found.phase_rad)), truth, given, bound)
            beyond = (np.abs(truth.shift_hz) > 20) | (np.abs(truth.phase_rad) > np.pi / 2)
            row["flagged_beyond_range"] = float(np.mean(likeness[beyond] < lowest)) if beyond.any() else None
            row["flagged_within_range"] = float(np.mean(likeness[~beyond] < lowest))
            rows.setdefault(title, {})[str(steps)] = row
        batch = jnp.asarray(next(iter(sets.values())).fid[:1000])
        walls, cores = [], []
        for _ in range(calls + 1):
            wall, core = time.perf_counter(), time.process_time()
            jax.block_until_ready(run(batch, steps))
            walls.append(time.perf_counter() - wall)
            cores.append(time.process_time() - core)
        rows.setdefault("ms_per_transient", {})[str(steps)] = {"wall": min(walls[1:]), "all_cores": min(cores[1:])}
    return rows


def main() -> None:
    options = options_of(__doc__, tuple(STEPS))
    clean = reference()
    made = rat_losses(clean, options.only)
    file = options.out / "alignment_learned.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"networks": {}}
    sets = tests(options.transients, clean) if options.seeds else {}
    print(f"{time.process_time():.0f} s", flush=True)
    pool = drawn(rat_source(clean), TRANSIENTS, seed=7) if options.seeds else None
    for seed in options.seeds:
        for name, loss in made.items():
            run, spent = estimator(name, loss, pool, seed, options)
            rows = tested(
                run, sets, bounds(clean, POINTS if name in ("own", *PAIRS) else 512), given=name not in BLIND,
                after=(0,) if name in PAIRS else STEPS_AFTER, calls=options.calls,
            )  # fmt: skip
            print(f"{name} {seed}: {time.process_time():.0f} s", flush=True)
            results["networks"].setdefault(name, {})[str(seed)] = {"training": spent, **rows}
            results |= {
                "transients": options.transients,
                "outlier": f"more than {OUTLIER_HZ:g} Hz or {OUTLIER_DEG:g}° off",
                "flagged": f"likeness lower than {1 - FLAGGED:.0%} of the transients of the same kind in range have",
                "load": os.getloadavg()[0],
            }
            write_json(file, results)
    (options.out / "alignment_learned.md").write_text(as_markdown(results))
    print(as_markdown(results))


def options_of(doc: str | None, names: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--transients", type=int, default=2000, help="of each test set, default %(default)s")
    parser.add_argument("--share", type=float, default=1.0, help="factor on the steps of each network, default 1")
    parser.add_argument("--full", action="store_true", help="the published number of steps")
    parser.add_argument("--checkpoints", type=Path, help="folder; training goes on from what is there")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="of weights and batches")
    parser.add_argument("--only", nargs="+", choices=names, default=list(names), help="default all")
    parser.add_argument("--calls", type=int, default=3, help="timed calls; default %(default)s")
    options = parser.parse_args()
    use_all_cores()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


COLUMNS = (
    "clean: bias", "clean: SD", "SD / bound", "contaminated set, all: SD", "its contaminated: bias", "SD", "SD / bound",
    "largest error", "outliers, %", "±40 Hz, ±180°: SD", "outliers, %", "flagged, %", "ms",
)  # fmt: skip


def as_markdown(results: dict[str, Any]) -> str:
    classical = json.loads((HERE / "results" / "alignment.json").read_text())
    lines = [
        f"`python benchmarks/alignment_learned.py`, {results['transients']} transients; Hz, °; "
        f"outlier: {results['outlier']}. Rows of classical methods: `results/alignment.json`. Networks: mean ± SD "
        "over runs with different random starts. Flagged: beyond the range of training, by the likeness.", "",
        "| method (samples) | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|",
    ]  # fmt: skip
    for name, n in CLASSICAL:
        cases = classical["cases"]
        kinds = [
            cases[f"{kind}, {n} points, ±{hz} Hz, ±{deg}°"][name]
            for kind, hz, deg in (("clean", 20, 90), ("contaminated", 20, 90), ("contaminated", 40, 180))
        ]
        count = 500 if "peaks" in name else classical["transients"]
        lines.append(f"| {name} ({n}) | " + " | ".join(cells([kinds], count)) + " | | |")
    for name, seeds in results["networks"].items():
        n = {"own": OWN}.get(name, POINTS if name in PAIRS else 512)
        for steps in next(iter(seeds.values()))["ms_per_transient"]:
            rows = [
                [run[title][steps] for title in TITLES]
                for run in seeds.values()
            ]  # fmt: skip
            flagged = [100 * row[2]["flagged_beyond_range"] for row in rows]
            spent = min(run["ms_per_transient"][steps]["all_cores"] for run in seeds.values())
            label = f"{name} ({n})" + (f" + {steps} steps" if steps != "0" else "") + f", {len(seeds)} run(s)"
            last = f"{over(flagged, 0)} | {spent:.2f}"
            lines.append(f"| {label} | " + " | ".join(cells(rows, results["transients"])) + f" | {last} |")
    for name, (everything, clean, spoiled) in PUBLISHED.items():
        one, two, three = (f"{hz:.2f}, {deg:.1f}" for hz, deg in (clean, everything, spoiled))
        lines.append(f"| published: {name} | | {one} | | {two} | | {three} | | | | | | | |")
    return "\n".join([*lines, ""])


TITLES = ("clean, ±20 Hz, ±90°", "contaminated, ±20 Hz, ±90°", "contaminated, ±40 Hz, ±180°")


def cells(runs: list[list[dict]], count: int) -> list[str]:
    """Cells of one row from the three sets of each run."""
    clean = [run[0]["clean"] for run in runs]
    both = [run[1]["all"] for run in runs]
    spoiled = [run[1]["contaminated"] for run in runs]
    far = [run[2]["all"] for run in runs]
    return [
        two(clean, "bias_hz", "bias_deg"), two(clean, "sd_hz", "sd_deg"),
        two(clean, "sd_over_bound_hz", "sd_over_bound_deg", 1), two(both, "sd_hz", "sd_deg"),
        two(spoiled, "bias_hz", "bias_deg"), two(spoiled, "sd_hz", "sd_deg"),
        two(spoiled, "sd_over_bound_hz", "sd_over_bound_deg", 1),
        two([run[1] for run in runs], "largest_hz", "largest_deg", 1),
        over([100 * run[1]["outliers"] / count for run in runs], 1), two(far, "sd_hz", "sd_deg"),
        over([100 * run[2]["outliers"] / count for run in runs], 1),
    ]  # fmt: skip


def two(rows: list[dict], hz: str, deg: str, digits: int = 2) -> str:
    return f"{over([row[hz] for row in rows], digits)}, {over([row[deg] for row in rows], 1)}"


def over(values: list[float], digits: int) -> str:
    """Mean, and the standard deviation over runs where there are several."""
    mean = f"{np.mean(values) + 0.0:.{digits}f}"
    return mean if len(values) == 1 else f"{mean}±{np.std(values, ddof=1):.{digits}f}"


if __name__ == "__main__":
    main()
