"""Time per spectrum of every variant of the model, in one process: soft constraints x baseline x line shape.

A batch of 256 spectra (fitting challenge 2016, datasets 1-14, each with fresh noise), compiled once per variant; the
median of five calls, and what the first call took beyond that, which is compilation. Beside the wall time: the time of
all cores together in the best call, which other programs on the machine disturb less.

    python benchmarks/fit_speed.py [--data DIR] [--out DIR] [--spectra 256] [--calls 5]

Writes `fit_speed.json` and `fit_speed.md`. Run it on a quiet machine: the load before and after is written down.
"""

import os
import platform
import time
from itertools import product

import jax
from common import arguments, use_all_cores, write_json

use_all_cores()

import numpy as np  # noqa: E402
from fitting_challenge import load  # noqa: E402

import diffmrs  # noqa: E402
from diffmrs.data import MRSData  # noqa: E402
from diffmrs.fitting.options import DEFAULT_BASELINE, DEFAULT_PRIORS  # noqa: E402
from diffmrs.model import Lineshape, NoBaseline, PolynomialBaseline, SplineBaseline  # noqa: E402
from diffmrs.priors import PRIOR_SETS  # noqa: E402

BASELINES = {
    "none": NoBaseline(),
    "polynomial 2": PolynomialBaseline(2),
    "spline, 2 per ppm": SplineBaseline(2.0),
    "spline, stiffness from data": SplineBaseline(),
}
LINESHAPES = {
    "Voigt": Lineshape(),
    "asymmetric": Lineshape(asymmetric=True),
    "kernel ±9 Hz": Lineshape(kernel_half_width_hz=9.0),
}
BUDGET_MS = 5.0  # of the default


def main() -> None:
    options = arguments(__doc__, spectra=256, calls=5)
    spectra, _, _ = load(options.data / "15_fitting_challenge_2016")
    basis = diffmrs.read_basis(
        options.data / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz", remove_reference=True
    )
    batch = noisy_copies(spectra, options.spectra)
    load_before = os.getloadavg()[0]
    rows = []
    every = product(PRIOR_SETS, BASELINES, LINESHAPES)
    # The other line shapes with the default baseline only: each variant takes a compilation.
    wanted = [names for names in every if names[2] == "Voigt" or is_default(DEFAULT_PRIORS, names[1], "Voigt")]
    # The default first, so that an interrupted run has told the most important number.
    chosen = sorted(wanted, key=lambda names: not is_default(*names))
    for priors, baseline, lineshape in chosen:
        keywords = {"priors": priors, "baseline": BASELINES[baseline], "lineshape": LINESHAPES[lineshape]}
        row = {"priors": priors, "baseline": baseline, "lineshape": lineshape, "default": False}
        row |= {"default": is_default(priors, baseline, lineshape)} | timing(batch, basis, options.calls, keywords)
        rows.append(row)
        print(
            "  ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()), flush=True
        )
    summary = {
        "command": "python benchmarks/fit_speed.py",
        "spectra": options.spectra,
        "calls": options.calls,
        "budget_ms_of_the_default": BUDGET_MS,
        "load_before_and_after": [load_before, os.getloadavg()[0]],
        "device": f"{jax.devices()[0].device_kind} x {jax.device_count()}",
        "versions": {"diffmrs": diffmrs.__version__, "jax": jax.__version__, "python": platform.python_version()},
        "variants": rows,
    }
    write_json(options.out / "fit_speed.json", summary)
    (options.out / "fit_speed.md").write_text(as_markdown(summary))


def is_default(priors: str, baseline: str, lineshape: str) -> bool:
    return (priors, BASELINES[baseline], LINESHAPES[lineshape]) == (DEFAULT_PRIORS, DEFAULT_BASELINE, Lineshape())


def noisy_copies(spectra: MRSData, count: int) -> MRSData:
    """The spectra in turn, each with a little noise of its own: no two fits take the same steps."""
    fid = np.asarray(spectra.fid)[np.arange(count) % spectra.n_spectra]
    noise = np.random.default_rng(2026).normal(size=(*fid.shape, 2)) @ np.array([1, 1j])
    tail = fid[:, -fid.shape[1] // 4 :]
    return spectra.with_fid((fid + 0.3 * tail.std(axis=1, keepdims=True) * noise / np.sqrt(2)).astype(np.complex64))


def timing(batch: MRSData, basis: diffmrs.Basis, calls: int, keywords: dict) -> dict[str, float]:
    seconds, core_seconds, steps = [], [], 0.0
    for _ in range(calls + 1):
        begin, begin_cores = time.perf_counter(), time.process_time()
        result = jax.block_until_ready(diffmrs.fit(batch, basis, **keywords).estimate)
        seconds.append(time.perf_counter() - begin)
        core_seconds.append(time.process_time() - begin_cores)
        steps = float(np.mean(result.steps))
    usual = float(np.median(seconds[1:]))
    return {
        "ms_per_spectrum": 1e3 * usual / batch.n_spectra,
        "core_ms_per_spectrum": 1e3 * min(core_seconds[1:]) / batch.n_spectra,
        "compile_s": seconds[0] - usual,
        "steps": steps,
    }


def as_markdown(summary: dict) -> str:
    """One line per variant that was timed."""
    before, after = summary["load_before_and_after"]
    lines = [
        f"ms per spectrum in a batch of {summary['spectra']}, median of {summary['calls']} calls; {summary['device']}, "
        f"load {before:.1f} before and {after:.1f} after (`python benchmarks/fit_speed.py`). Where it exceeds half of "
        "core ms, other programs were running.",
        "",
        "| priors | baseline | line shape | ms | core ms | compile s | steps |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in summary["variants"]:
        mark = "**" if row["default"] else ""
        names = " | ".join(row[name] for name in ("priors", "baseline", "lineshape"))
        lines.append(
            f"| {names} | {mark}{row['ms_per_spectrum']:.1f}{mark} | {row['core_ms_per_spectrum']:.1f} | "
            f"{row['compile_s']:.0f} | {row['steps']:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
