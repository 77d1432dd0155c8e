"""Spectra of two kinds that differ in one line, small networks and short trainings, for tests of classifiers."""

import numpy as np

from diffmrs.classify import ClassifierOptions, Labelled, ResCNN
from diffmrs.learn.training import Training

POINTS = 32
TINY = ResCNN(filters=(4, 4), taps=4, dropout=0.1)
SHORT = Training(steps=60, batch=16, learning_rate=1e-2, schedule="constant", every=20, validation=32)
OPTIONS = ClassifierOptions(TINY, SHORT, inner=0.3)


def toy(patients=12, voxels=6, *, seed=0, wrong=0.0):
    """Half of the patients have a line at the 8th point, all have one at the 20th; noise; some labels wrong.

    Returns:
        The spectra with labels as given, and the true labels.
    """
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), voxels)
    true = patient % 2
    x = np.arange(POINTS)
    line = [np.exp(-0.5 * ((x - centre) / 1.5) ** 2) for centre in (8, 20)]
    points = true[:, None] * line[0] * 2 + line[1] + 0.3 * rng.normal(size=(patient.size, POINTS))
    points = (points - points.mean(axis=1, keepdims=True)) / points.std(axis=1, keepdims=True)
    label = np.where(rng.random(true.size) < wrong, 1 - true, true)
    return Labelled(points.astype(np.float32), label, patient), true
