"""
One FID, five pictures for a network
====================================

The same simulated brain spectrum at 3 T as FID, spectrum, short-time spectra, wavelet transform and wavelet scattering.
None holds more than the FID; they differ in what a small network can find in them without learning it first.

Runs without data. Usage: python representations.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.axes import spectrum_of
from diffmrs.demo import CONCENTRATIONS_MM, MACROMOLECULES_MM, demo_basis
from diffmrs.learn.representations import Morse, ScalogramSpec, ScatteringSpec, ShortTime, SpectrogramSpec


def main(figure_path: str = "representations.png") -> None:
    basis, rng = demo_basis(), np.random.default_rng(2)
    acquisition, amplitude = basis.acquisition, [(CONCENTRATIONS_MM | MACROMOLECULES_MM)[name] for name in basis.names]
    noise = rng.normal(size=(basis.n_points, 2)) @ [2, 2j]
    fid = jnp.asarray((amplitude @ basis.fid * np.exp(-18 * basis.time_s) + noise).astype(np.complex64))
    shown, time_ms = (0.3, 4.3), 1e3 * basis.time_s
    specs = {
        "spectrogram (Hamming, 256 samples)": SpectrogramSpec(ShortTime(256, 8, 1024), 64, shown, undersampling=1),
        "scalogram (Morse, 40 voices)": ScalogramSpec(Morse(n_scales=200), n_points=768, stride=4, ppm_range=shown),
        "scattering (real part)": ScatteringSpec(zero_fill=True),
    }
    figure = Figure(figsize=(10, 6), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    first, second = top.subplots(1, 2)
    first.plot(time_ms, fid.real, color="black", linewidth=0.5)
    first.set(title="FID, real part", xlabel="time (ms)", xlim=(0, 300))
    inside = acquisition.window(fid.shape[0], shown)
    second.plot(acquisition.ppm(fid.shape[0])[inside], abs(spectrum_of(fid))[inside], color="black", linewidth=0.8)
    second.set(title="spectrum, modulus", xlabel="chemical shift (ppm)", xlim=shown[::-1])
    for panel, (title, spec) in zip(bottom.subplots(1, 3), specs.items(), strict=True):
        signal = np.asarray(jax.jit(spec.feed, static_argnums=2)(fid, jnp.float32(1), acquisition).signal)
        print(f"{title}: rows, columns, channels {signal.shape}")
        if "scattering" in title:
            columns, rows, picture = time_ms[64::128], np.arange(1, len(signal)), np.log10(signal[1:, :, 0] + 0.01)
            panel.set(ylabel="path (second order from 52)", xticks=columns[::2].round())
        else:
            columns, picture = time_ms[:: 8 if "spectro" in title else 4][: signal.shape[1]], np.hypot(*signal.T).T
            # Rows of a spectrogram are frequencies, those of a scalogram centres of wavelets.
            of_rows = (
                spec.morse.centres * acquisition.bandwidth_hz if "scalo" in title else acquisition.frequency_hz(1024)
            )
            rows = acquisition.hz_to_ppm(of_rows)
            rows = rows[(rows >= shown[0]) & (rows <= shown[1])]
            panel.set(ylabel="chemical shift (ppm)")
        panel.pcolormesh(columns, rows, picture, shading="nearest")
        panel.set(title=title, xlabel="time (ms)")
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
