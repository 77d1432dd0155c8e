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
    basis, noise = demo_basis(), np.random.default_rng(2).normal(size=(1024, 2)) @ [2, 2j]
    amplitude = np.array([(CONCENTRATIONS_MM | MACROMOLECULES_MM)[name] for name in basis.names])
    clean = amplitude @ np.asarray(basis.fid) * np.exp(-18 * basis.time_s)
    fid, acquisition = jnp.asarray((clean + noise).astype(np.complex64)), basis.acquisition
    shown, time_ms = (0.3, 4.3), 1e3 * basis.time_s
    specs = {
        "spectrogram (Hamming, 256 samples)": SpectrogramSpec(ShortTime(256, 8, 1024), 64, shown, undersampling=1),
        "scalogram (Morse, 40 voices)": ScalogramSpec(Morse(n_scales=200), n_points=768, stride=4, ppm_range=shown),
        "scattering (real part)": ScatteringSpec(zero_fill=True),
    }
    figure = Figure(figsize=(10, 6), layout="constrained")
    (first, second), bottom = (part.subplots(1, n) for part, n in zip(figure.subfigures(2, 1), (2, 3), strict=True))
    first.plot(time_ms, fid.real, color="black", linewidth=0.5)
    first.set(title="FID, real part", xlabel="time (ms)", xlim=(0, 300))
    inside = acquisition.window(fid.shape[0], shown)
    second.plot(acquisition.ppm(fid.shape[0])[inside], abs(spectrum_of(fid))[inside], color="black", linewidth=0.8)
    second.set(title="spectrum, modulus", xlabel="chemical shift (ppm)", xlim=shown[::-1])
    for panel, (title, spec) in zip(bottom, specs.items(), strict=True):
        signal = np.asarray(jax.jit(spec.feed, static_argnums=2)(fid, jnp.float32(1), acquisition).signal)
        print(f"{title}: rows, columns, channels {signal.shape}")
        if "scattering" in title:
            rows, columns, picture = np.arange(1, len(signal)), time_ms[::128], np.log10(signal[1:, :, 0] + 0.01)
            panel.set(ylabel="path (second order from 52)")
        else:
            scalo = "scalo" in title
            hertz = spec.morse.centres * acquisition.bandwidth_hz if scalo else acquisition.frequency_hz(1024)
            rows, columns = acquisition.hz_to_ppm(hertz), time_ms[:: 4 if scalo else 8][: signal.shape[1]]
            rows, picture = rows[(rows >= shown[0]) & (rows <= shown[1])], np.hypot(signal[..., 0], signal[..., 1])
            panel.set(ylabel="chemical shift (ppm)")
        panel.pcolormesh(columns, rows, picture, shading="nearest")
        panel.set(title=title, xlabel="time (ms)")
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
