"""
Neighbours know something
=========================

A noisy spectroscopic image of a head, each voxel fitted alone and then the image as a whole: shift, phase and width of
neighbours are expected to be alike, concentrations are not. The head and its basis set are simulated.

Usage: python smooth_maps.py [FIGURE.png]
"""

import sys

import jax
import numpy as np
from matplotlib.figure import Figure

import diffmrs
from diffmrs.lineshape import voigt_fwhm_hz
from diffmrs.simulate import simulate_head
from diffmrs.spatial import Smoothness, fit_smooth
from diffmrs.spins import press, simulate_basis

ACQUISITION = diffmrs.Acquisition(dwell_time_s=1 / 1250, spectrometer_frequency_mhz=123.25)


def main(figure_path: str = "smooth_maps.png") -> None:
    basis = simulate_basis(("NAA", "Cr", "GPC", "Ins"), press(0.072, 0.072), ACQUISITION, 512)
    head = simulate_head(jax.random.key(1), basis, (24, 24, 1), snr=5.0, tumour_lipids=0.0, baseline=0.0)
    alone = diffmrs.fit(head.data, basis, baseline=diffmrs.NoBaseline(), priors="none", ppm_range=(1.7, 4.2))
    whole = fit_smooth(alone, mask=head.mask, tau=Smoothness(shift_hz=2.0, phase_rad=0.15, width_hz=0.6))

    axes = (figure := Figure(figsize=(9, 8.4), layout="constrained")).subplots(3, 3)
    titles = ("truth", "each voxel alone", "the image as a whole")
    scales = (("shift (Hz)", -12, 22, "RdBu_r"), ("phase (degrees)", -60, 60, "PuOr"), ("width (Hz)", 3, 11, "viridis"))
    kinds = [maps_of(each) for each in (head.parameters, alone.estimate.parameters, whole.estimate.parameters)]
    for row, (label, low, high, colours) in zip(axes, scales, strict=True):
        for ax, title, maps in zip(row, titles, kinds, strict=True):
            seen = np.where(head.mask, maps[label], np.nan)[:, :, 0]
            drawn = ax.imshow(seen.T, origin="lower", cmap=colours, vmin=low, vmax=high)
            rms = np.sqrt(np.mean((maps[label] - kinds[0][label])[head.mask] ** 2))
            note = f"\nRMS error {rms:.2g}" * (title != "truth")
            ax.set(title=title + note, xticks=[], yticks=[], xlim=(3, 20), ylim=(1, 22))
        row[0].set_ylabel(label)
        figure.colorbar(drawn, ax=row, shrink=0.8)
    figure.savefig(figure_path, dpi=120)
    print(f"{head.mask.sum()} voxels, {int(whole.converged[head.mask].sum())} at rest")


def maps_of(parameters: diffmrs.Parameters) -> dict[str, np.ndarray]:
    lorentz, gauss = parameters.lorentzian_fwhm_hz[..., 0], parameters.gaussian_fwhm_hz[..., 0]
    return {
        "shift (Hz)": np.asarray(parameters.frequency_shift_hz)[..., 0],
        "phase (degrees)": np.degrees(parameters.phase0_rad),
        "width (Hz)": np.asarray(voigt_fwhm_hz(lorentz, gauss)),
    }


if __name__ == "__main__":
    main(*sys.argv[1:2])
