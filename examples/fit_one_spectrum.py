"""
Fit one spectrum
================

Fit one spectrum and look at it: data, fit, baseline, residual and each metabolite by itself.

Runs without data: the spectrum is the synthetic one of `diffmrs demo`. For a measurement, replace two lines:

    data = read_data("press.nii.gz")
    basis = read_basis("press.BASIS")

Usage: python fit_one_spectrum.py [FIGURE.png]
"""

import sys

import jax

from diffmrs.demo import demo_spectrum
from diffmrs.fitting import fit
from diffmrs.plot import fit_figure
from diffmrs.quality import quality_of
from diffmrs.results import table_of


def main(figure_path: str = "fit_one_spectrum.png") -> None:
    demo = demo_spectrum(jax.random.key(1))
    data, basis = demo.data, demo.basis

    result = fit(data, basis, ppm_range=(0.5, 4.2))

    quality = quality_of(result)
    print(f"{quality.status[0]}, SNR {quality.snr[0]:.0f}, linewidth {quality.linewidth_hz[0]:.1f} Hz")
    table = table_of(result)
    for k in table.sums_first:
        print(f"{table.names[k]:6} {table.amplitude[0, k]:7.2f} ± {table.sd[0, k]:.2f}")

    fit_figure(result).savefig(figure_path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
