"""Time of a whole volume as a function of its number of voxels, on a log plot with that of the peers.

    python benchmarks/mrsi_scaling.py [--out DIR] [--most 102400]

`fit_volume` of `mrsi_speed.py`'s voxels, code compiled before, one process. Writes `mrsi_scaling.json` and
`docs/images/mrsi_scaling.png`.
"""

import argparse
import os
import time
from pathlib import Path

import jax
import numpy as np
from common import use_all_cores, write_json

use_all_cores()

from matplotlib.figure import Figure  # noqa: E402
from mrsi_speed import HERE, PEERS, basis_and_voxels, choices_of  # noqa: E402

from diffmrs.volume import fit_volume  # noqa: E402

COUNTS = (128, 512, 2048, 8192, 32768, 102400)
CHUNK = 512  # the same for all, so that one compiled function serves all


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="largest number of voxels (default %(default)s)")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    found: dict[str, dict[str, float]] = {}
    for model, most in (("lean", options.most), ("default", min(options.most, 8192))):
        counts = [count for count in COUNTS if count <= most]
        basis, data, _ = basis_and_voxels((counts[-1] // 64, 8, 8))
        rows = np.asarray(data.spectra)
        for warm in sorted({min(count, CHUNK) for count in counts}):  # each size of a chunk is compiled once
            fit_volume(data.with_fid(rows[:warm].reshape(warm, 1, 1, -1)), basis, chunk=CHUNK, **choices_of(model))
        found[model] = {}
        for count in counts:
            part = data.with_fid(rows[:count].reshape(count, 1, 1, -1))
            begin = time.perf_counter()
            fit_volume(part, basis, chunk=CHUNK, **choices_of(model))
            found[model][str(count)] = time.perf_counter() - begin
            print(model, count, f"{found[model][str(count)]:.2f} s", flush=True)
    summary = {
        "command": "python benchmarks/mrsi_scaling.py",
        "device": f"{jax.devices()[0].device_kind} x {jax.device_count()}",
        "load_before_and_after": [before, os.getloadavg()[0]],
        "seconds": found,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "mrsi_scaling.json", summary)
    draw(summary).savefig(HERE.parent / "docs" / "images" / "mrsi_scaling.png", dpi=130)


def draw(summary: dict) -> Figure:
    """Log-log, with lines of proportionality and the peers on as many cores."""
    cores = int(summary["device"].split(" x ")[1])
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    everyone = np.array([100.0, 1.2e5])
    for (model, seconds), colour in zip(summary["seconds"].items(), ("#0072b2", "#d55e00"), strict=True):
        counts, times = np.array([int(c) for c in seconds]), np.array(list(seconds.values()))
        axes.loglog(counts, times, "o-", color=colour, label=f"diffmrs, {model}")
        axes.loglog(everyone, everyone * times[-1] / counts[-1], ":", color=colour, linewidth=1)
    for (name, seconds), style in zip(PEERS.items(), ("-", "--", "-."), strict=True):
        axes.loglog(
            everyone, everyone * seconds / cores, style, color="0.5", linewidth=1, label=f"{name}, {cores} cores"
        )
    axes.set_xlabel("voxels")
    axes.set_ylabel("time (s)")
    axes.set_title(f"Time to fit a volume, {summary['device'].replace(' x ', ', ')} cores", fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    axes.grid(visible=True, which="major", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
