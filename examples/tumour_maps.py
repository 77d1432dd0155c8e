"""
What a network looks at when it finds tumours
=============================================

A cohort with and without tumours, a fifth of the labels wrong, and a small residual network trained on it. Its class
activation maps light what the simulator changed: lactate and lipids at 1.3 ppm most, then NAA at 2.0 ppm.

Runs without data. Usage: python tumour_maps.py [FIGURE.png]
"""

import sys

import jax
import numpy as np
from matplotlib.figure import Figure

from diffmrs import Acquisition, Basis
from diffmrs.classify import (
    ClassifierOptions,
    Labelled,
    PpmPoints,
    ResCNN,
    plot_activation,
    plot_roc,
    points_of,
    train_classifier,
)
from diffmrs.learn import Training
from diffmrs.simulate import Cohort, simulate_cohort, with_lipids

SINGLETS = {"NAA": (2.01, 3), "Cr": (3.03, 3), "GPC": (3.21, 9), "Ins": (3.56, 4), "Lac": (1.31, 3)}  # ppm, protons
ACQUISITION, SEEN = Acquisition(1 / 1200, 123.2), PpmPoints((0.5, 4.2), 96)


def small_basis() -> Basis:
    """Singlets in place of metabolites."""
    ppm, protons = np.array(list(SINGLETS.values())).T[..., None]
    waves = protons * np.exp(2j * np.pi * ACQUISITION.ppm_to_hz(ppm) * ACQUISITION.time_s(256))
    return with_lipids(Basis(waves.astype(np.complex64), ACQUISITION, tuple(SINGLETS)))


def main(figure_path: str = "tumour_maps.png") -> None:
    basis = small_basis()
    known, new = (simulate_cohort(jax.random.key(seed), basis, Cohort(patients=60, snr=15.0)) for seed in (0, 1))
    spectra = Labelled(points_of(known.fid, ACQUISITION, SEEN), np.asarray(known.label), np.asarray(known.patient))
    training = Training(steps=150, batch=32, learning_rate=1e-2, every=50, validation=128)
    network = ResCNN(filters=(8, 16), taps=8, dropout=0.0)
    classifier = train_classifier(spectra, ClassifierOptions(network, training))
    seen, truth = points_of(new.fid, ACQUISITION, SEEN), np.asarray(new.true_label)
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    plot_activation(SEEN.ppm, seen, classifier.activation(seen), truth, ax=left)
    plot_roc(truth, {"patients it has not seen": classifier.probability(seen)}, ax=right)
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
