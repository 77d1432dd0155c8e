"""Is the Cramér-Rao bound honest? Fit many noisy copies of one synthetic spectrum and count.

For each metabolite whose bound is below 20 %: how often the 95 % interval holds the truth, and the standard deviation
over the copies against the bound.

    python benchmarks/coverage.py [--data DIR] [--out DIR] [--copies 500] [--gaussian 4]
"""

from dataclasses import replace
from pathlib import Path

import jax
from common import arguments, use_all_cores, write_json

use_all_cores()

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from fitting_challenge import load  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

import diffmrs  # noqa: E402
from diffmrs.uncertainty import parametric_bootstrap  # noqa: E402


def main() -> None:
    options = arguments(__doc__, copies=500, gaussian=4)
    folder = options.data / "15_fitting_challenge_2016"

    # The synthetic spectrum: dataset 1 with its true amplitudes, the fitted phases, shifts and baseline, and a Voigt
    # line of 3 Hz and 4 Hz, so that no width rests on its bound (there, estimates spread less than the bound says).
    spectra, names, truth_mm = load(folder)
    basis = diffmrs.read_basis(
        options.data / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz", remove_reference=True
    )
    fitted = diffmrs.fit(spectra.with_fid(spectra.fid[:1]), basis)
    truth = jax.tree.map(lambda leaf: leaf[0], fitted.estimate.parameters)
    columns = np.array([fitted.names.index(name) for name in names])
    creatine = float(truth.amplitude[fitted.names.index("Cr")] + truth.amplitude[fitted.names.index("PCr")])
    per_mm = creatine / (truth_mm[0, names.index("Cr")] + truth_mm[0, names.index("PCr")])
    truth = replace(
        truth,
        amplitude=truth.amplitude.at[columns].set(truth_mm[0] * per_mm),
        lorentzian_fwhm_hz=jnp.full(2, 3.0),
        gaussian_variance_hz2=jnp.full(2, float(options.gaussian) ** 2),
    )
    noise_sd = float(fitted.estimate.noise_sd[0])

    copies = parametric_bootstrap(
        truth, fitted.basis, fitted.model, noise_sd, n_copies=options.copies, key=jax.random.key(2026)
    )
    amplitude, sd = np.asarray(copies.parameters.amplitude), np.asarray(copies.sd.amplitude)
    true = np.asarray(truth.amplitude)
    bound_percent = 100 * np.median(sd, axis=0) / true
    counted = [m for m in np.argsort(bound_percent) if bound_percent[m] < 20]
    table = {
        fitted.names[m]: {
            "crlb_percent": bound_percent[m],
            "coverage_95_percent": 100 * np.mean(np.abs(amplitude[:, m] - true[m]) <= 1.96 * sd[:, m]),
            "sd_over_crlb": amplitude[:, m].std(ddof=1) / np.median(sd[:, m]),
            "bias_over_crlb": (amplitude[:, m].mean() - true[m]) / np.median(sd[:, m]),
        }
        for m in counted
    }
    summary = {"command": "python benchmarks/coverage.py", "copies": options.copies, "metabolites": table}
    write_json(options.out / "coverage.json", summary)
    picture(table, options.out / "coverage.png")
    print("metabolite  CRLB/%  coverage/%  SD/CRLB  bias/CRLB")
    for name, row in table.items():
        print(f"{name:10s} " + "  ".join(f"{value:8.2f}" for value in row.values()))


def picture(table: dict, path: Path) -> None:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    places = np.arange(len(table))
    left.plot(places, [row["coverage_95_percent"] for row in table.values()], "o", color="#3b6ea8")
    left.axhspan(92, 98, color="0.9")
    left.axhline(95, color="0.5", lw=0.8)
    left.set(ylabel="coverage of 95 % intervals / %", ylim=(85, 100))
    right.plot(places, [row["sd_over_crlb"] for row in table.values()], "o", color="#b5482f")
    right.axhspan(0.9, 1.1, color="0.9")
    right.axhline(1, color="0.5", lw=0.8)
    right.set(ylabel="SD over copies / CRLB", ylim=(0.7, 1.3))
    for ax in (left, right):
        ax.set_xticks(places, list(table), rotation=60)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
