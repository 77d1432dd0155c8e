"""
How tissue changes a concentration
==================================

The same signals in voxels with more and more CSF: what LCModel's convention, molar and molal concentrations say.

Runs without data: the signals of 8 mM of creatine in grey matter beside its water are worked out forwards.

Usage: python tissue_and_concentration.py [FIGURE.png]
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from diffmrs.quantify import TissueReference, WaterReference, metabolite_relaxation, tissue_fractions, water_relaxation

ECHO_TIME_S, REPETITION_TIME_S, IN_TISSUE_MM = 0.03, 2.0, 8.0


def main(figure_path: str = "tissue_and_concentration.png") -> None:
    water, creatine = water_relaxation("3"), metabolite_relaxation("Cr", "3")
    times = (ECHO_TIME_S, REPETITION_TIME_S)
    csf = np.linspace(0, 0.6, 13)
    found: dict[str, list[float]] = {}
    for share in csf:
        grey = 1 - float(share)
        protons = (
            2 * 55508 * (grey * 0.78 * water.gm.attenuation(*times) + share * 0.97 * water.csf.attenuation(*times))
        )
        amplitude = IN_TISSUE_MM * grey * creatine.gm.attenuation(*times)
        per_water = np.array([2 / protons])
        fractions, _ = tissue_fractions(grey, 0.0, float(share))
        tissue = TissueReference(fractions, water, {"Cr": creatine}, *times, *times).factors(per_water, ("Cr",))
        plain = WaterReference().factors(per_water, ("Cr",))
        for label, factor in (
            ("LCModel's convention, mM", plain.mm),
            ("molar, of the voxel, mM", tissue.mm),
            ("molar, of the tissue, mM", tissue.mm_tissue),
            ("molal, tissue water, mmol/kg", tissue.mmol_per_kg),
        ):
            found.setdefault(label, []).append(amplitude * float(factor[0, 0]))

    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    ax = figure.subplots()
    for label, values in found.items():
        ax.plot(100 * csf, values, label=label)
    ax.set(xlabel="CSF in the voxel (%)", ylabel="concentration of creatine", ylim=(0, None))
    ax.set_title(f"{IN_TISSUE_MM:g} mM in grey matter, TE 30 ms, TR 2 s, 3 T")
    ax.legend()
    figure.savefig(figure_path, dpi=120)
    print(f"with {100 * csf[-1]:.0f} % CSF: " + ", ".join(f"{name} {v[-1]:.2f}" for name, v in found.items()))


if __name__ == "__main__":
    main(*sys.argv[1:2])
