"""
Soft constraints in a file
==========================

What a file of soft constraints does to a weak metabolite: GABA of a synthetic brain spectrum without and with it.

Runs without data. The file is written, read and passed on, as --priors FILE does.

Usage: python priors_in_a_file.py [FIGURE.png]
"""

import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
from matplotlib.figure import Figure

import diffmrs
from diffmrs.demo import demo_spectrum
from diffmrs.priors import ParameterPrior, RatioPrior, read_priors, write_priors


def main(figure_path: str = "priors_in_a_file.png") -> None:
    demo = demo_spectrum(jax.random.key(3))
    names = demo.basis.names
    creatine = (("Cr", 1.0), ("PCr", 1.0))
    known = [
        RatioPrior((("GABA", 1.0),), creatine, mean=0.16, sd=0.08, source="an example"),
        ParameterPrior("phase0_rad", "", mean=0.0, sd=0.5, source="an example"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "priors.json"
        write_priors(path, known, base="weak")
        chosen = read_priors(path)
    row, truth = names.index("GABA"), demo.amplitude[names.index("GABA")]
    found = {}
    for label, priors in (("set weak", "weak"), ("the file", chosen)):
        estimate = diffmrs.fit(demo.data, demo.basis, priors=priors).flat()
        found[label] = float(estimate.parameters.amplitude[0, row]), float(estimate.sd.amplitude[0, row])
        print(f"{label}: GABA {found[label][0]:.2f} +- {found[label][1]:.2f}, truth {truth:.2f}")

    figure = Figure(figsize=(5, 3), layout="constrained")
    ax = figure.subplots()
    values, errors = np.array(list(found.values())).T
    ax.errorbar(range(len(found)), values, 1.96 * errors, fmt="o", color="#1f4e79", capsize=4)
    ax.axhline(float(truth), color="0.5", lw=1, label="truth")
    ax.set(xticks=range(len(found)), xticklabels=list(found), xlim=(-0.5, 1.5), ylabel="GABA, 95 % interval")
    ax.legend(frameon=False)
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
