"""
Spectra not to believe
======================

Five artefacts, each fitted as if nothing were wrong, and the flags that are raised.

Runs without data: the spectrum is the synthetic one of `diffmrs demo`.

Usage: python spectra_not_to_believe.py [FIGURE.png]
"""

import sys

import jax
import numpy as np
from matplotlib.figure import Figure

from diffmrs.curves import curves_of
from diffmrs.data import MRSData
from diffmrs.demo import demo_spectrum
from diffmrs.fitting import fit
from diffmrs.quality import quality_of


def main(figure_path: str = "spectra_not_to_believe.png") -> None:
    demo = demo_spectrum(jax.random.key(1))
    acquisition, clean = demo.data.acquisition, np.asarray(demo.data.spectra[0])
    time, size = demo.data.time_s, np.abs(clean[3])

    def line(ppm: float, width_hz: float, start_s: float = 0.0) -> np.ndarray:
        since = time - start_s
        return size * np.exp(2j * np.pi * acquisition.ppm_to_hz(ppm) * since - 3.5 * (width_hz * since) ** 2)

    cases = {
        "nothing wrong": clean,
        "residual water": clean + 10j * line(4.68, 8),
        "lipids": clean + line(1.3, 16),
        "echo from outside the voxel": clean + 0.15 * line(2.5, 60, start_s=0.08),
        "conjugated": clean.conj(),
        "ppm axis off by 0.6": clean * np.exp(-2j * np.pi * 0.6 * acquisition.spectrometer_frequency_mhz * time),
    }
    result = fit(MRSData(np.stack(list(cases.values())).astype(np.complex64), acquisition), demo.basis)
    flags = quality_of(result).flags

    figure = Figure(figsize=(8, 11), layout="constrained")
    for row, (title, ax) in enumerate(zip(cases, figure.subplots(len(cases), 1, sharex=True), strict=True)):
        curves = curves_of(result, row)
        ax.plot(curves.ppm, curves.data, color="black", lw=0.7)
        ax.plot(curves.ppm, curves.fit, color="#b5281e" if flags.severe[row] else "#2a7a3b", lw=1.0)
        ax.set_title(f"{title}: {', '.join(flags.names(row)) or 'no flag'}", loc="left", fontsize=9)
        ax.set_yticks([])
        print(f"{title}\n  " + "\n  ".join(flags.sentences(row) or ["no flag"]))
    ax.set(xlim=(4.2, 0.5), xlabel="chemical shift / ppm")
    figure.savefig(figure_path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
