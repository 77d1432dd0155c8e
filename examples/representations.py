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
from diffmrs.demo import demo_spectrum
from diffmrs.learn.representations import Morse, ScalogramSpec, ScatteringSpec, ShortTime, SpectrogramSpec


def main(figure_path: str = "representations.png") -> None:
    data = demo_spectrum(jax.random.key(2)).data
    fid, acquisition = jnp.asarray(data.fid.reshape(-1)), data.acquisition
    shown, time_ms = (0.3, 4.3), 1e3 * acquisition.time_s(fid.shape[0])
    specs = {
        "spectrogram (Hamming, 256 samples)": SpectrogramSpec(ShortTime(256, 8, 1024), 64, shown, undersampling=1),
        "scalogram (Morse, 40 voices)": ScalogramSpec(Morse(n_scales=200), n_points=768, stride=4, ppm_range=shown),
        "scattering (real part)": ScatteringSpec(),
    }
    figure = Figure(figsize=(10, 6), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    first, second = top.subplots(1, 2)
    first.plot(time_ms, fid.real, color="black", linewidth=0.5)
    first.set(title="FID, real part", xlabel="time (ms)", xlim=(0, 300))
    inside = acquisition.window(fid.shape[0], shown)
    second.plot(acquisition.ppm(fid.shape[0])[inside], abs(spectrum_of(fid))[inside], color="black", linewidth=0.8)
    second.set(title="spectrum, modulus", xlabel="chemical shift (ppm)", xlim=shown[::-1])
    panels = bottom.subplots(1, 3)
    for panel, (title, spec) in zip(panels, specs.items(), strict=True):
        signal = np.asarray(spec.feed(fid, jnp.float32(1), acquisition).signal)
        picture = signal[..., 0] if "scattering" in title else np.hypot(signal[..., 0], signal[..., 1])
        print(f"{title}: rows, columns, channels {signal.shape}")
        if "scattering" in title:
            panel.imshow(np.log10(picture[1:] + 1e-2), aspect="auto", extent=(0, time_ms[-1], len(picture), 1))
            panel.set(ylabel="path; from 52 second order")
        else:
            hop, found = (8, shown) if "spectro" in title else (4, None)
            ppm = np.linspace(*found, len(picture)) if found else acquisition.hz_to_ppm(
                spec.morse.centres[::-1] * acquisition.bandwidth_hz)
            ppm = ppm[(ppm >= shown[0]) & (ppm <= shown[1])]
            panel.pcolormesh(time_ms[::hop][: picture.shape[1]], ppm, picture[::-1], shading="nearest")
            panel.set(ylabel="chemical shift (ppm)", ylim=shown)
        panel.set(title=title, xlabel="time (ms)")
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
