"""
What a soft constraint does
===========================

GABA in noisy spectra, from none to four times the usual amount, fitted with and without what is known of healthy
brains. The constraint lowers the scatter, and pulls estimates towards its mean: the slope falls below one.

Usage: python soft_constraints.py [FIGURE.png]
"""

import sys

import numpy as np
from matplotlib.figure import Figure

from diffmrs import MRSData, fit
from diffmrs.demo import CONCENTRATIONS_MM, MACROMOLECULES_MM, NOISE_SD, demo_basis
from diffmrs.results import table_of

N_SPECTRA, NOISE = 48, 2 * NOISE_SD


def main(figure_path: str = "soft_constraints.png") -> None:
    basis, rng = demo_basis(), np.random.default_rng(1)
    gaba = basis.names.index("GABA")
    truth = np.tile([(CONCENTRATIONS_MM | MACROMOLECULES_MM)[name] for name in basis.names], (N_SPECTRA, 1))
    truth[:, gaba] = np.linspace(0, 6, N_SPECTRA)
    fids = truth @ (np.asarray(basis.fid) * np.exp(-np.pi * 6.0 * basis.time_s))
    fids = fids + NOISE * (rng.normal(size=fids.shape) + 1j * rng.normal(size=fids.shape))
    data = MRSData(fids.astype(np.complex64), basis.acquisition)

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    for ax, priors in zip(figure.subplots(1, 2, sharex=True, sharey=True), ("weak", "ratios"), strict=True):
        table = table_of(fit(data, basis, priors=priors))
        found, sd, share = table.amplitude[:, gaba], table.sd[:, gaba], table.prior_percent[:, gaba]
        slope, height = np.polyfit(truth[:, gaba], found, 1)
        scatter = np.std(found - height - slope * truth[:, gaba])
        ax.errorbar(truth[:, gaba], found, sd, fmt="o", ms=3, lw=0.7, color="C0")
        ax.plot([0, 6], [0, 6], color="0.6", lw=0.8)
        ax.plot([0, 6], [height, height + 6 * slope], "C1", label=f"slope {slope:.2f}, scatter {scatter:.2f} mM")
        told = f", {np.median(share):.0f} % from the constraint" if np.isfinite(share).any() else ""
        ax.set(title=f"priors {priors!r}{told}", xlabel="true GABA (mM)")
        ax.legend(fontsize=8)
        print(f"{priors}: slope {slope:.2f}, scatter {scatter:.2f} mM{told}")
    figure.axes[0].set_ylabel("found (mM) ± posterior SD")
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
