import numpy as np
import pytest

from diffmrs.combine import combinations_of, combine, correlation

RNG = np.random.default_rng(0)


def covariance(n: int) -> np.ndarray:
    root = RNG.normal(size=(n, n))
    return root @ root.T


def test_sd_of_a_sum_is_that_of_draws_from_the_covariance():
    cov = covariance(4)
    mean = np.array([1.0, 2.0, 3.0, 4.0])
    weights = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    draws = RNG.multivariate_normal(mean, cov, size=200_000) @ weights.T
    amplitude, sd = combine(mean, cov, weights)
    np.testing.assert_allclose(amplitude, draws.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(sd, draws.std(axis=0), rtol=0.01)


def test_a_sum_is_better_known_than_its_parts_when_they_trade_against_each_other():
    cov = np.array([[1.0, -0.9], [-0.9, 1.0]])
    _, sd = combine(np.ones(2), cov, np.ones((1, 2)))
    assert sd[0] == pytest.approx(np.sqrt(0.2))


def test_leading_axes_are_spectra():
    cov = np.stack([covariance(3) for _ in range(5)])
    mean = RNG.normal(size=(5, 3))
    weights = np.array([[1.0, 0.0, 1.0]])
    amplitude, sd = combine(mean, cov, weights)
    one_amplitude, one_sd = combine(mean[3], cov[3], weights)
    np.testing.assert_allclose(amplitude[3], one_amplitude)
    np.testing.assert_allclose(sd[3], one_sd)


@pytest.mark.parametrize(
    ("names", "sums"),
    [
        (("NAA", "NAAG", "Cr"), {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr",)}),
        (("PCr",), {"tCr": ("PCr",)}),
        (("Cr", "PCr", "GPC", "PCh"), {"tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCh")}),
        (("GPC", "PCho", "Cho"), {"tCho": ("GPC", "PCho", "Cho")}),
        (("mI", "Gly"), {"Ins+Gly": ("mI", "Gly")}),
        (("mIns", "Gly"), {"Ins+Gly": ("mIns", "Gly")}),
        (("GLU", "gln"), {"Glx": ("GLU", "gln")}),
        (("Glu", "NAA", "Ins", "GPC"), {}),
        (("Glu", "Gln", "Glx"), {}),
        ((), {}),
    ],
)
def test_sums_are_found_under_the_names_basis_sets_use(names, sums):
    found, weights = combinations_of(names)
    assert {sum_: tuple(n for n, w in zip(names, row) if w) for sum_, row in zip(found, weights)} == sums  # noqa: B905
    assert weights.shape == (len(sums), len(names))


def test_correlation_is_one_on_the_diagonal_and_free_of_units():
    cov = covariance(5)
    scale = np.diag([1.0, 1e3, 1e-3, 7.0, 2.0])
    matrix = correlation(scale @ cov @ scale)
    np.testing.assert_allclose(np.diag(matrix), 1.0)
    np.testing.assert_allclose(matrix, correlation(cov), atol=1e-12)
    assert np.abs(matrix).max() <= 1.0


def test_correlation_with_a_certain_quantity_is_zero():
    assert correlation(np.diag([1.0, 0.0])).tolist() == [[1.0, 0.0], [0.0, 0.0]]
