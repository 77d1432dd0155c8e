import sys

import numpy as np
import pytest

from diffmrs.errors import InputError
from diffmrs.scores import projection, random_forest

RNG = np.random.default_rng(0)
BASIS = RNG.normal(size=(3, 20)) + 1j * RNG.normal(size=(3, 20))


def test_projection_is_exact_without_noise_and_that_of_numpy_with_it():
    truth = RNG.normal(size=(5, 3))
    clean = truth @ BASIS
    np.testing.assert_allclose(projection(BASIS)(clean), truth, rtol=1e-10)
    noisy = clean + RNG.normal(size=clean.shape)
    rows = np.concatenate([BASIS.real, BASIS.imag], axis=1).T
    expected = np.linalg.lstsq(rows, np.concatenate([noisy.real, noisy.imag], axis=1).T, rcond=None)[0].T
    np.testing.assert_allclose(projection(BASIS)(noisy), expected, rtol=1e-8)


def test_a_forest_learns_a_step_and_repeats_with_its_seed():
    features = RNG.uniform(size=(300, 2))
    truth = np.stack([features[:, 0] > 0.5, features[:, 1] > 0.3], axis=1).astype(float)
    forest = random_forest(features, truth, trees=10)
    new = np.array([[0.2, 0.9], [0.9, 0.1]])
    np.testing.assert_allclose(forest(new), [[0, 1], [1, 0]], atol=0.25)
    np.testing.assert_array_equal(random_forest(features, truth, trees=10)(new), forest(new))
    assert random_forest(features, truth[:, :1], trees=2)(new).shape == (2, 1)


def test_what_cannot_be_used_is_refused(monkeypatch):
    for wrong, words in (
        (lambda: projection(BASIS.real), "complex"),
        (lambda: projection(np.concatenate([BASIS, BASIS[:1]])), "independent"),
        (lambda: projection(BASIS * 0), "independent"),
        (lambda: projection(BASIS)(BASIS[:, :5]), "20"),
        (lambda: random_forest(np.zeros((3, 2)), np.zeros((4, 1))), "truth of 4"),
    ):
        with pytest.raises(InputError, match=words):
            wrong()
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(InputError, match="pip install scikit-learn"):
        random_forest(np.zeros((3, 2)), np.zeros((3, 1)))
