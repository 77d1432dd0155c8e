"""
Raw coils and transients to a clean spectrum
============================================

What `diffmrs preprocess` does, on simulated raw data whose truth is known.

Eight coils, 32 transients that drift, some spoilt by motion, eddy currents, and water fifty times as high as NAA.

Usage: python clean_raw_data.py [FIGURE.png]
"""

import sys

import jax
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.raw import clean_raw
from diffmrs.raw.figures import before_after_figure, transients_figure
from diffmrs.raw.gains import gains_of, in_words
from diffmrs.simulate import simulate_raw

ACQUISITION = Acquisition(dwell_time_s=1 / 2000, spectrometer_frequency_mhz=123.25)
LINES = {2.008: 33.0, 3.027: 24.0, 3.21: 13.0, 3.913: 16.0, 2.34: 12.0, 3.56: 18.0, 0.91: 8.0}  # ppm, protons × mM


def main(figure_path: str = "clean_raw_data.png") -> None:
    time = ACQUISITION.time_s(1024)
    decay = np.exp(-np.pi * 4.0 * time - (np.pi * 4.0 * time) ** 2 / (4 * np.log(2)))
    ideal = sum(a * np.exp(2j * np.pi * ACQUISITION.ppm_to_hz(ppm) * time) for ppm, a in LINES.items()) * decay
    raw = simulate_raw(
        jax.random.key(0), ideal.astype(np.complex64), ACQUISITION, n_transients=32, noise_sd=12.0, motion=0.1
    )

    clean = clean_raw(raw.data, raw.water)

    record = clean.series[0]
    for name, before, after in in_words(gains_of(record, ACQUISITION)):
        print(f"{name}: {before} before, {after} after")
    for note in clean.notes:
        print(note)
    told, true = (np.flatnonzero(x).tolist() for x in (record.outlier[0], np.asarray(raw.truth.outlier)))
    print(f"left out: {told}; spoilt in truth: {true}")
    figure = before_after_figure(record, ACQUISITION)
    figure.savefig(figure_path, dpi=120)
    if figure_path == "clean_raw_data.png":
        transients_figure(record).savefig("clean_raw_data_transients.png", dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
