"""Learned registration of ON and OFF transients beside `align_edited`: MEGA-PRESS scans with unstable water and lipids.

The pairs of Tapper and Ma are trained on transients of both conditions, our own network on those of each; ±20 Hz and
±90°. Each test is on three scans of 160 ON and 160 OFF transients.

    python benchmarks/alignment_edited.py [--out DIR] [--share 1.0] [--full] [--checkpoints DIR]
        [--seeds 0 1 2] [--only Tapper Ma own]

The spectra come from the reference data (`DIFFMRS_DATA`). Writes `alignment_edited.json` and `.md`; what is not run
again is kept.
"""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from alignment import OUTLIER_DEG, OUTLIER_HZ
from alignment_learned import options_of, over
from alignment_networks import WINDOW_PPM, Pool, drawn, estimator, pair, profiled
from common import HERE, write_json
from edited_transients import ACQUISITION, POINTS, bounds, choline_artefact, conditions, scan, source
from rat_transients import Set

from diffmrs.preprocess import Offsets, align_edited, register

TRAINED, SCANS, COUNT = 6000, 3, 160  # transients of each condition to learn from; scans of a test; transients of each
KINDS = {
    "clean, ±20 Hz, ±90°": {"share": 0.0},
    "contaminated, ±20 Hz, ±90°": {},
    "contaminated, ±40 Hz, ±180°": {"shift_hz": 40.0, "phase_deg": 180.0},
}
LIMIT_HZ = 100.0
Run = Callable[[jax.Array], Offsets]


def classical() -> dict[str, tuple[bool, Run]]:
    """Whether the offsets are absolute, and the estimate of one scan, [conditions, transients, points]."""

    @jax.jit
    def edited(fids: jax.Array) -> Any:
        return align_edited(fids, ACQUISITION, limit_hz=LIMIT_HZ)

    @jax.jit
    def to_one(fids: jax.Array) -> Offsets:
        flat = fids.reshape(-1, POINTS)
        onto = partial(register, acquisition=ACQUISITION, window_ppm=WINDOW_PPM, limit_hz=LIMIT_HZ)
        return jax.lax.map(lambda fid: onto(fid, flat[COUNT]), flat)

    return {
        "align_edited, blind": (False, edited),
        "registration 1.8-4.2 ppm, one OFF transient": (False, to_one),
    }


def judged(run: Run, scans: list[Set], clean: np.ndarray, given: bool) -> dict[str, float]:
    """Errors over all scans; what ON and OFF have in common is free unless the offsets are absolute."""
    rows, hz, deg = [], [], []
    for one in scans:
        found = run(jnp.asarray(one.fid))
        off_hz = np.asarray(found.shift_hz).reshape(one.shift_hz.shape) - one.shift_hz
        turn = np.exp(1j * (np.asarray(found.phase_rad).reshape(one.phase_rad.shape) - one.phase_rad))
        if not given:
            off_hz = off_hz - np.median(off_hz)
            turn = turn * np.exp(-1j * np.angle(np.median(turn.real) + 1j * np.median(turn.imag)))
            turn = turn * np.exp(-1j * np.median(np.angle(turn)))
        off_deg = np.degrees(np.angle(turn))
        rows.append([
            abs(np.diff(off_hz.mean(axis=1))[0]), abs(np.diff(off_deg.mean(axis=1))[0]),
            choline_artefact(clean, off_hz, np.angle(turn)),
        ])  # fmt: skip
        hz.append(off_hz)
        deg.append(off_deg)
    between_hz, between_deg, artefact = np.mean(rows, axis=0)
    all_hz, all_deg = np.concatenate(hz, axis=1), np.concatenate(deg, axis=1)
    limit = np.mean([bounds(one) for one in clean], axis=0)
    return {
        "bias_hz": all_hz.mean(), "bias_deg": all_deg.mean(), "sd_hz": all_hz.std(), "sd_deg": all_deg.std(),
        "sd_over_bound_hz": all_hz.std() / limit[0], "sd_over_bound_deg": all_deg.std() / limit[1],
        "outliers_percent": 100 * np.mean((np.abs(all_hz) > OUTLIER_HZ) | (np.abs(all_deg) > OUTLIER_DEG)),
        "between_hz": between_hz, "between_deg": between_deg, "choline_percent": artefact,
    }  # fmt: skip


def learned(name: str, clean: np.ndarray, pools: list[Pool], seed: int, options: Any) -> tuple[dict[str, Run], dict]:
    """Estimates of one scan by the name of a row, and what the training took."""
    if name == "own":
        several = jnp.asarray(scan(clean, COUNT, 101).fid)
        templates = jax.jit(lambda fids: align_edited(fids, ACQUISITION).template)(several)
        made = [
            estimator(f"own {label}", profiled(template, ACQUISITION), pool, seed, options)
            for label, template, pool in zip(("on", "off"), templates, pools, strict=True)
        ]

        def each(steps: int) -> Run:
            def run(fids: jax.Array) -> Offsets:
                both = [one(fid, steps) for (one, _), fid in zip(made, fids, strict=True)]
                return jax.tree.map(lambda *leaves: jnp.stack(leaves), *both)

            return run

        return {"own": each(0), "own + 3 steps": each(3)}, {"on": made[0][1], "off": made[1][1]}
    together = Pool(jax.tree.map(lambda on, off: jnp.concatenate([on, off]), *(pool.examples for pool in pools)))
    run, spent = estimator(f"{name} edited", pair(ACQUISITION, POINTS), together, seed, options)
    return {name: lambda fids: run(fids.reshape(-1, POINTS), 0)}, spent


def main() -> None:
    options = options_of(__doc__, ("Tapper", "Ma", "own"))
    data = Path(os.environ.get("DIFFMRS_DATA", HERE.parents[1] / "shared" / "data"))
    if not data.is_dir():
        raise SystemExit(f"reference data not found at {data}; set DIFFMRS_DATA")
    clean = conditions(data)
    sets = {kind: [scan(clean, COUNT, 50 + k, **changes) for k in range(SCANS)] for kind, changes in KINDS.items()}
    file = options.out / "alignment_edited.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"classical": {}, "networks": {}}
    results["bounds"] = {name: bounds(one) for name, one in zip(("on", "off"), clean, strict=True)}
    for name, (given, run) in classical().items():
        if name not in results["classical"]:
            results["classical"][name] = {kind: judged(run, scans, clean, given) for kind, scans in sets.items()}
            write_json(file, results)
    pools = [drawn(source(one), TRAINED, seed=11 + k) for k, one in enumerate(clean)] if options.seeds else []
    for seed in options.seeds:
        for name in options.only:
            runs, spent = learned(name, clean, pools, seed, options)
            for row, run in runs.items():
                found = {kind: judged(run, scans, clean, name != "own") for kind, scans in sets.items()}
                results["networks"].setdefault(row, {})[str(seed)] = {"training": spent, **found}
            write_json(file, results)
            (options.out / "alignment_edited.md").write_text(as_markdown(results))
    print(as_markdown(results))


COLUMNS = ("bias", "SD", "SD / bound", "outliers, %", "ON against OFF", "choline artefact, %")


def as_markdown(results: dict[str, Any]) -> str:
    lines = [
        f"`python benchmarks/alignment_edited.py`: {SCANS} scans of {COUNT} ON and {COUNT} OFF transients; Hz, °; "
        f"outlier: more than {OUTLIER_HZ:g} Hz or {OUTLIER_DEG:g}° off. Networks: mean ± SD over random starts.", "",
    ]  # fmt: skip
    for kind in KINDS:
        lines += [f"**{kind}**", "", "| method | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
        rows = {name: [found[kind]] for name, found in results["classical"].items()}
        rows |= {
            f"{name}, {len(seeds)} run(s)": [run[kind] for run in seeds.values()]
            for name, seeds in results["networks"].items()
        }
        for name, runs in rows.items():
            told = {
                key: over([run[key] for run in runs], 2 if "hz" in key and "bound" not in key else 1) for key in runs[0]
            }
            cells = [f"{told[f'{what}_hz']}, {told[f'{what}_deg']}" for what in ("bias", "sd", "sd_over_bound")]
            cells += [told["outliers_percent"], f"{told['between_hz']}, {told['between_deg']}", told["choline_percent"]]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
