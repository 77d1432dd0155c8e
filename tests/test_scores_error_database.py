import numpy as np
import pytest

from diffmrs.errors import InputError
from diffmrs.scores import error_database, signal_to_background


def spectra(seed, count):
    """Two metabolites; the first is off by 1/SNR, the second by the linewidth and, on average, by 0.3."""
    rng = np.random.default_rng(seed)
    snr, width = np.exp(rng.uniform(np.log(5), np.log(80), count)), rng.uniform(2, 12, count)
    ratio = np.exp(rng.normal(size=(count, 2)))
    truth = rng.uniform(1, 3, (count, 2))
    sd = np.stack([5 / snr, 0.05 * width], axis=1)
    return snr, width, ratio, truth, truth + sd * rng.normal(size=sd.shape) + np.array([0.0, 0.3]), sd


def test_errors_are_found_among_spectra_that_are_alike():
    *features, truth, estimate, _ = spectra(0, 20_000)
    database = error_database(*features, truth, estimate, neighbours=200)
    *asked, true, found, sd = spectra(1, 500)
    bias, spread, inside = database.expected(*asked)
    assert inside.mean() > 0.97
    np.testing.assert_allclose(np.nanmean(bias, axis=0), [0.0, 0.3], atol=0.01)
    assert np.nanmedian(np.abs(spread / sd - 1)) < 0.08  # 200 neighbours tell it to 5 %
    # Errors over what the database expects have mean 0 and variance 1.
    z = ((found - true - bias) / spread)[inside]
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=0.06)
    assert np.corrcoef(spread[inside[:, 0], 0], np.abs(found - true)[inside[:, 0], 0])[0, 1] > 0.5


def test_what_lies_outside_is_told_and_spectra_without_estimate_do_not_count():
    snr, width, ratio, truth, estimate, _ = spectra(2, 300)
    estimate[:50] = np.nan
    ratio[60, 1] = 0  # a fit at its bound
    database = error_database(snr, width, ratio, truth, estimate, neighbours=20)
    assert database.error.shape == (2, 250)
    bias, spread, inside = database.expected([20.0, 500.0, np.nan], [5.0, 5.0, 5.0], np.ones((3, 2)))
    np.testing.assert_array_equal(inside, [[True] * 2, [False] * 2, [False] * 2])
    assert np.isfinite(bias[0]).all()
    assert np.isfinite(spread[0]).all()
    assert np.isnan(bias[1:]).all()
    assert np.isnan(spread[1:]).all()


def test_signal_over_background_is_that_of_the_sums():
    rng = np.random.default_rng(3)
    basis = rng.normal(size=(4, 30)) + 1j * rng.normal(size=(4, 30))
    amplitude = rng.uniform(size=(5, 4))
    amplitude[1] = [2, 0, 0, 0]
    found = signal_to_background(amplitude, basis)
    for k, row in enumerate(amplitude):
        for m in range(4):
            rest = np.delete(row, m) @ np.delete(basis, m, axis=0)
            below = np.linalg.norm(rest)
            expected = np.linalg.norm(row[m] * basis[m]) / below if below else np.nan
            np.testing.assert_allclose(found[k, m], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"snr": np.ones(3)}, "snr has shape"),
        ({"linewidth_hz": np.ones((300, 2))}, "linewidth_hz has shape"),
        ({"signal_to_background": np.ones((300, 3))}, "errors of"),
        ({"neighbours": 301}, "300 usable"),
        ({"neighbours": 1}, "2 to"),
        ({"truth": np.ones((300, 3))}, "alike"),
    ],
)
def test_what_does_not_fit_is_refused(change, says):
    given = dict(
        zip(("snr", "linewidth_hz", "signal_to_background", "truth", "estimate"), spectra(4, 300), strict=False)
    )
    with pytest.raises(InputError, match=says):
        error_database(**given | change)
    database = error_database(**given, neighbours=5)
    with pytest.raises(InputError, match="3 metabolites"):
        database.expected(np.ones(2), np.ones(2), np.ones((2, 3)))
    with pytest.raises(InputError, match="points"):
        signal_to_background(np.ones((2, 3)), np.ones((2, 9)))
