"""Score the fit on the ISMRM 2016 fitting challenge: 14 simulated spectra with known concentrations.

MOSAE: for each dataset the mean absolute error in mM over 20 metabolites after the one least-squares factor between
estimate and truth; then the mean over datasets. One setting for all datasets: the defaults of `diffmrs.fit`, and the
same with the other prior sets.

    python benchmarks/fitting_challenge.py [--data DIR] [--out DIR] [--copies 16]
"""

import csv
import platform
import re
import time
from pathlib import Path

import jax
from common import arguments, use_all_cores, write_json

use_all_cores()

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

import diffmrs  # noqa: E402
import diffmrs.priors  # noqa: E402
from diffmrs.data import MRSData  # noqa: E402
from diffmrs.uncertainty import truncated_normal_interval  # noqa: E402

SCORED = ["Ala", "Asc", "Asp", "Cr", "GABA", "Glc", "Gln", "Glu", "GPC", "GSH", "Gly", "Ins", "Lac", "NAA", "NAAG"]
SCORED += ["PCho", "PCr", "PE", "sIns", "Tau"]  # without macromolecules, acetate and lipids
PAIRS = {"NAA+NAAG": ("NAA", "NAAG"), "Glx": ("Glu", "Gln"), "tCho": ("GPC", "PCho"), "Ins+Gly": ("Ins", "Gly")}
RATIOS = ("NAA+NAAG", "Glu", "Glx", "Ins", "tCho", "GSH", "GABA", "Gln", "Tau", "Asp", "Glc")
PEERS = {"LCModel 6.3, defaults": (0.557, 0.433), "FSL-MRS 2.4.8, Newton": (0.492, 0.347)}


def main() -> None:
    options = arguments(__doc__, copies=16)
    folder = options.data / "15_fitting_challenge_2016"
    spectra, names, truth = load(folder)
    basis = diffmrs.read_basis(
        options.data / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz", remove_reference=True
    )
    summary = {
        "command": "python benchmarks/fitting_challenge.py",
        "setting": "defaults of diffmrs.fit (0.5-4.2 ppm, spline baseline, stiffness from the data), per prior set",
        "peers_mosae_mm_mean_median": PEERS,
        "peers_mosae_mm_per_dataset": {"LCModel 6.3, defaults": lcmodel_errors(folder, names, truth).tolist()},
        "prior_sets": {},
    }
    for priors in diffmrs.priors.PRIOR_SETS:
        scores, scaled, error = scored(diffmrs.fit(spectra, basis, priors=priors), names, truth)
        summary["prior_sets"][priors] = scores
        if priors == diffmrs.fitting.options.DEFAULT_PRIORS:
            picture(names, scaled, truth, error, options.out / "fitting_challenge.png")
    summary |= {
        "time": timing(spectra, basis, options.copies),
        "versions": {"diffmrs": diffmrs.__version__, "jax": jax.__version__, "python": platform.python_version()},
        "device": f"{jax.devices()[0].device_kind} x {jax.device_count()}",
    }
    write_json(options.out / "fitting_challenge.json", summary)
    show(summary, names)


def scored(result, names: list[str], truth: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray]:
    """Scores of a fit, the estimates scaled to the truth in mM, and their absolute errors. [datasets, metabolites]"""
    estimate = result.flat()
    columns = [result.names.index(name) for name in names]
    amplitude = estimate.parameters.amplitude[:, columns]
    factor = np.sum(amplitude * truth, axis=1) / np.sum(amplitude**2, axis=1)
    error = np.abs(factor[:, None] * amplitude - truth)
    low, high = truncated_normal_interval(estimate.amplitude_centre, estimate.amplitude_spread, 0.95)
    covered = (factor[:, None] * low[:, columns] <= truth) & (truth <= factor[:, None] * high[:, columns])
    scores = {
        "mosae_mm": {"mean": error.mean(), "median": float(np.median(error.mean(axis=1)))},
        "mosae_mm_per_dataset": error.mean(axis=1).tolist(),
        "error_mm_per_metabolite": dict(zip(names, error.mean(axis=0).tolist(), strict=True)),
        "ratio_to_tcr_error_percent": ratio_errors(amplitude, truth, names),
        "interval_95_coverage": covered.mean(),
        "converged": int(result.converged.sum()),
        "chi2_reduced": estimate.chi2_reduced.tolist(),
        "baseline_dimensions": estimate.baseline_dimensions.tolist(),
    }
    return scores, factor[:, None] * amplitude, error


def lcmodel_errors(folder: Path, names: list[str], truth: np.ndarray) -> np.ndarray:
    """The same score of LCModel's tables that lie beside the data. [datasets]"""
    found = []
    for number, true in enumerate(truth, start=1):
        text = (folder / f"reference_results/lcmodel_dataset{number:02d}.table").read_text(errors="replace")
        rows = re.findall(r"^\s*([\d.E+-]+)\s+\d+%\s+[\d.E+-]+\s+(\S+)", text, re.MULTILINE)
        values = {name: float(value) for value, name in rows}
        ours = np.array([values.get(name, 0.0) for name in names])
        found.append(np.abs(ours * (ours @ true) / (ours @ ours) - true).mean())
    return np.array(found)


def load(folder: Path) -> tuple[MRSData, list[str], np.ndarray]:
    """Spectra of datasets 1-14 in one stack, and the true concentrations, [datasets, metabolites]."""
    each = [diffmrs.read_data(folder / f"dataset{number:02d}_act.nii.gz") for number in range(1, 15)]
    stack = MRSData(np.concatenate([data.spectra for data in each]), each[0].acquisition)
    with (folder / "ground_truth_1-14.csv").open() as table:
        rows = {row[0]: row[1:] for row in csv.reader(table)}
    return stack, SCORED, np.array([[float(value) for value in rows[name]] for name in SCORED]).T


def ratio_errors(amplitude: np.ndarray, truth: np.ndarray, names: list[str]) -> dict[str, float]:
    """Mean absolute error of the ratio to Cr+PCr, percent of the truth, datasets with a truth of zero left out."""

    def ratio(values: np.ndarray, name: str) -> np.ndarray:
        members = PAIRS.get(name, (name,))
        creatine = values[:, names.index("Cr")] + values[:, names.index("PCr")]
        return sum(values[:, names.index(member)] for member in members) / creatine

    found = {}
    for name in RATIOS:
        true = ratio(truth, name)
        there = true > 0
        found[name] = float(100 * np.mean(np.abs(ratio(amplitude, name)[there] / true[there] - 1)))
    return found


def timing(spectra: MRSData, basis: diffmrs.Basis, copies: int) -> dict[str, float]:
    """Seconds of one call on many copies, compiled before: median of five."""
    batch = spectra.with_fid(jnp.tile(jnp.asarray(spectra.fid), (copies, 1)))

    def call() -> float:
        begin = time.perf_counter()
        jax.block_until_ready(diffmrs.fit(batch, basis).estimate)
        return time.perf_counter() - begin

    first = call()
    again = [call() for _ in range(5)]
    return {
        "spectra": batch.n_spectra,
        "first_call_s": first,
        "ms_per_spectrum_median": 1e3 * float(np.median(again)) / batch.n_spectra,
        "ms_per_spectrum_best": 1e3 * min(again) / batch.n_spectra,
    }


def picture(names: list[str], estimate: np.ndarray, truth: np.ndarray, error: np.ndarray, path: Path) -> None:
    """Estimate against truth, and the error of each dataset beside the peers' mean."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for column, name in enumerate(names):
        left.plot(truth[:, column], estimate[:, column], ".", label=name, color=f"C{column % 10}")
    limit = 1.05 * truth.max()
    left.plot([0, limit], [0, limit], color="0.5", lw=0.8)
    left.set(xlabel="true concentration / mM", ylabel="estimate / mM", title="datasets 1-14, 20 metabolites")
    right.bar(np.arange(1, 15), error.mean(axis=1), color="#3b6ea8")
    for (peer, (mean, _)), style in zip(PEERS.items(), ("--", ":"), strict=True):
        right.axhline(mean, color="0.3", ls=style, lw=1, label=f"{peer}: mean {mean:.3f}")
    right.axhline(error.mean(), color="#b5482f", lw=1, label=f"diffmrs: mean {error.mean():.3f}")
    right.set(xlabel="dataset", ylabel="mean absolute error / mM", xticks=np.arange(1, 15))
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)


def show(summary: dict, names: list[str]) -> None:
    lcmodel = summary["peers_mosae_mm_per_dataset"]["LCModel 6.3, defaults"]
    print(
        "dataset  " + " ".join(f"{i:5d}" for i in range(1, 15)) + "\nLCModel  " + " ".join(f"{v:5.2f}" for v in lcmodel)
    )
    for priors, scores in summary["prior_sets"].items():
        print(f"{priors:8s} " + " ".join(f"{value:5.2f}" for value in scores["mosae_mm_per_dataset"]))
    for priors, scores in summary["prior_sets"].items():
        mosae = scores["mosae_mm"]
        print(
            f"\n{priors}: MOSAE mean {mosae['mean']:.3f} mM, median {mosae['median']:.3f} mM, converged "
            f"{scores['converged']}/14, 95 % intervals hold the truth in {100 * scores['interval_95_coverage']:.1f} %"
        )
        errors = scores["error_mm_per_metabolite"]
        print("error / mM " + "  ".join(f"{name} {errors[name]:.2f}" for name in names))
        ratios = scores["ratio_to_tcr_error_percent"].items()
        print("ratio to Cr+PCr, error / % " + "  ".join(f"{name} {value:.1f}" for name, value in ratios))
    for peer, (mean, median) in PEERS.items():
        print(f"{peer}: mean {mean:.3f}, median {median:.3f}")
    seconds = summary["time"]
    print(
        f"{seconds['ms_per_spectrum_median']:.2f} ms per spectrum in a batch of {seconds['spectra']}, first call "
        f"{seconds['first_call_s']:.1f} s"
    )


if __name__ == "__main__":
    main()
