"""What the benchmarks share: all cores, the folder of the reference data, and small result files."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

HERE = Path(__file__).parent


def use_all_cores() -> None:
    """One JAX device per core; before anything is computed."""
    jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))


def arguments(description: str | None, **integers: int) -> argparse.Namespace:
    """Command line with --data and --out, and whole-number options with their defaults.

    Exits with one line when the reference data are not there.
    """
    default = os.environ.get("DIFFMRS_DATA", HERE.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the reference data")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    for name, value in integers.items():
        parser.add_argument(f"--{name}", type=int, default=value, help="default %(default)s")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"reference data not found at {options.data}; give --data or set DIFFMRS_DATA")
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def arguments_of_training(
    description: str | None, *, steps: int, only: tuple[str, ...], flags: tuple[str, ...] = ()
) -> argparse.Namespace:
    """As `arguments`, for benchmarks that train: how long, where to keep checkpoints, which parts to run, and flags."""
    default = os.environ.get("DIFFMRS_DATA", HERE.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the reference data")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--steps", type=int, default=steps, help="optimiser steps, default %(default)s")
    parser.add_argument("--full", action="store_true", help="the published size; for an accelerator")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches, default %(default)s")
    parser.add_argument("--checkpoints", type=Path, help="folder; training goes on from what is there")
    parser.add_argument("--only", nargs="+", choices=only, default=list(only), help="parts to run, default all")
    for flag in flags:
        parser.add_argument(f"--{flag}", action="store_true")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"reference data not found at {options.data}; give --data or set DIFFMRS_DATA")
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def write_json(path: Path, results: dict[str, Any]) -> None:
    """Write results with four significant digits."""
    path.write_text(json.dumps(_rounded(results), indent=1) + "\n")


def _rounded(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _rounded(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_rounded(value) for value in tree]
    return float(f"{tree:.4g}") if isinstance(tree, float | np.floating) else tree
