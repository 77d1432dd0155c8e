"""
Simulate a basis set
====================

The spectra of a few metabolites after PRESS and after semi-LASER at the same echo time, at 3 T, with macromolecules.
Spins that are coupled to each other evolve differently in the two: four refocusing pulses instead of two.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.spins import describe, macromolecule_basis, press, simulate_basis, slaser

NAMES = ("NAA", "Glu", "GABA", "Ins", "Lac")
ACQUISITION = Acquisition(dwell_time_s=1 / 2000, spectrometer_frequency_mhz=123.25)


def main(out: Path) -> None:
    for name in NAMES:
        print(f"{name:5s} {describe(name)}")
    sequences = {"PRESS, TE 13 + 22 ms": press(0.013, 0.022), "semi-LASER, TE 35 ms": slaser(0.035)}
    figure = Figure(figsize=(7, 7), layout="constrained")
    ax = figure.add_subplot()
    for colour, (label, sequence) in zip(("C0", "C3"), sequences.items(), strict=True):
        basis = simulate_basis(NAMES, sequence, ACQUISITION, 2048, lorentzian_fwhm_hz=2.0, gaussian_fwhm_hz=3.0)
        for row, spectrum in enumerate(np.asarray(spectrum_of(basis.fid)).real):
            height = np.abs(spectrum).max() * 1.2
            ax.plot(basis.ppm, spectrum / height - row, colour, lw=0.8, label=label if row == 0 else None)
    lines = macromolecule_basis(None, ACQUISITION, 2048, ["MM09", "MM12", "MM14", "MM17", "MM20"])
    total = np.asarray(spectrum_of(lines.fid)).real.sum(axis=0)
    ax.plot(lines.ppm, total / (1.2 * total.max()) - len(NAMES), "C7", lw=0.8)
    ax.set(xlim=(4.4, 0.5), xlabel="chemical shift / ppm", yticks=-np.arange(len(NAMES) + 1.0))
    ax.set_yticklabels((*NAMES, "MM"))
    ax.legend(loc="upper left", fontsize="small")
    figure.savefig(out, dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("basis_simulation.png"))
