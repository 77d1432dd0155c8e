"""Scores against closed forms, laws and independent implementations."""

import csv

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from diffmrs.errors import InputError
from diffmrs.scores import (
    accuracy,
    bootstrap,
    constant_predictor,
    features_of,
    interval,
    position,
    ridge,
    score_table,
    strata,
    thirds,
    write_score_table,
)

RNG = np.random.default_rng(0)
TRUTH = np.stack([RNG.uniform(0, 1, 4000), RNG.uniform(0.5, 1, 4000)], axis=1)
NOISY = TRUTH * np.array([0.7, 1.1]) + 0.05 + 0.1 * RNG.normal(size=TRUTH.shape)


def test_a_constant_scores_its_floor():
    middle = np.broadcast_to([0.5, 0.75], TRUTH.shape)
    scores = accuracy(TRUTH, middle, constant=np.array([0.5, 0.75]))
    np.testing.assert_allclose(scores.smape_percent, [25.0, 100 / 12], rtol=0.02)
    np.testing.assert_allclose(scores.skill, 0, atol=1e-12)
    np.testing.assert_allclose(scores.r2, 0, atol=2e-3)
    np.testing.assert_allclose(scores.slope, 0, atol=1e-12)
    # The least on U[0, 1] is at the golden ratio, where it is sqrt(5) - 2.
    assert scores.smape_floor_percent[0] == pytest.approx(100 * (np.sqrt(5) - 2), rel=0.02)
    # The least MAPE of a constant c on U[a, b] is at the geometric mean.
    assert scores.mape_floor_percent[1] == pytest.approx(100 * (3 - 2 * np.sqrt(2)), rel=0.02)


def test_floors_are_the_least_over_all_constants():
    truth = RNG.normal(0.5, 1.0, size=(30, 1))
    best = accuracy(truth, truth)
    tried = np.linspace(-3, 4, 4001)
    smape = [np.abs(c - truth).sum() / (abs(c) + np.abs(truth)).sum() for c in tried]
    mape = [(np.abs(c - truth) / np.abs(truth)).mean() for c in tried]
    assert best.smape_floor_percent[0] == pytest.approx(100 * min(smape), rel=1e-3)
    assert best.smape_floor_percent[0] <= 100 * min(smape) + 1e-9
    assert best.mape_floor_percent[0] == pytest.approx(100 * min(mape), rel=1e-3)
    assert best.mape_floor_percent[0] <= 100 * min(mape) + 1e-9


def test_scores_are_those_of_numpy_and_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, error = accuracy(TRUTH, NOISY), NOISY - TRUTH
    np.testing.assert_allclose(scores.r2, metrics.r2_score(TRUTH, NOISY, multioutput="raw_values"), rtol=1e-9)
    np.testing.assert_allclose(scores.skill, scores.r2, rtol=1e-9)
    lines = np.array([np.polyfit(t, e, 1) for t, e in zip(TRUTH.T, NOISY.T, strict=True)])
    np.testing.assert_allclose(scores.slope, lines[:, 0], rtol=1e-9)
    np.testing.assert_allclose(scores.intercept, lines[:, 1], rtol=1e-9)
    np.testing.assert_allclose(scores.sd, error.std(axis=0, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(scores.rmse, np.sqrt((error**2).mean(axis=0)), rtol=1e-9)
    np.testing.assert_allclose(scores.r2_correlation[0], np.corrcoef(TRUTH[:, 0], NOISY[:, 0])[0, 1] ** 2, rtol=1e-9)
    np.testing.assert_allclose(scores.max_error, np.abs(error).max(axis=0))


def test_failures_are_counted_and_the_constant_answers_for_them():
    broken = NOISY.copy()
    broken[::4, 0] = np.nan
    broken[:, 1] = np.inf
    scores = accuracy(TRUTH, broken, constant=np.array([0.5, 0.75]))
    kept = accuracy(TRUTH[np.arange(4000) % 4 != 0], NOISY[np.arange(4000) % 4 != 0], constant=np.array([0.5, 0.75]))
    np.testing.assert_allclose(scores.failed, [0.25, 1.0])
    np.testing.assert_allclose([scores.rmse[0], scores.skill[0]], [kept.rmse[0], kept.skill[0]])
    filled = accuracy(TRUTH, np.where(np.isfinite(broken), broken, [0.5, 0.75]), constant=np.array([0.5, 0.75]))
    np.testing.assert_allclose(scores.skill_with_failures, filled.skill, atol=1e-12)
    assert np.isnan(scores.rmse[1]) and np.isnan(scores.max_error[1]) and scores.n[1] == 0
    without = accuracy(TRUTH, broken)
    mean = TRUTH.mean(axis=0)
    filled = accuracy(TRUTH, np.where(np.isfinite(broken), broken, mean))
    np.testing.assert_allclose(without.skill_with_failures, filled.r2, atol=1e-12)


def test_bootstrap_intervals_are_as_wide_as_theory_says():
    low, high = interval(bootstrap(TRUTH, NOISY, draws=400))
    scores = accuracy(TRUTH, NOISY)
    expected = 2 * 1.96 * scores.sd / np.sqrt(len(TRUTH))
    np.testing.assert_allclose(high.bias - low.bias, expected, rtol=0.15)
    for name in ("bias", "rmse", "slope", "intercept", "r2", "skill", "smape_percent"):
        assert (getattr(low, name) <= getattr(scores, name)).all(), name
        assert (getattr(high, name) >= getattr(scores, name)).all(), name
    # The same seed resamples the same spectra: an estimator does not differ from itself.
    once, again = (bootstrap(TRUTH, NOISY, draws=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(once.r2, again.r2)


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-6, 1e6), offset=st.floats(-1e3, 1e3), seed=st.integers(0, 99))
def test_units_order_and_offset_do_not_matter(scale, offset, seed):
    order = np.random.default_rng(seed).permutation(50)
    truth, estimate = TRUTH[:50], NOISY[:50]
    base, other = accuracy(truth, estimate), accuracy(scale * truth[order], scale * estimate[order])
    for name in ("bias", "sd", "rmse", "intercept", "max_error"):
        np.testing.assert_allclose(getattr(other, name), scale * getattr(base, name), rtol=1e-7)
    for name in ("slope", "r2", "r2_correlation", "skill", "smape_percent", "mape_floor_percent"):
        np.testing.assert_allclose(getattr(other, name), getattr(base, name), rtol=1e-7)
    moved = accuracy(truth + offset, estimate + offset)
    np.testing.assert_allclose(moved.rmse, base.rmse, rtol=1e-7)
    np.testing.assert_allclose(moved.r2, base.r2, rtol=1e-7, atol=1e-9)


def test_strata_part_the_spectra():
    values = np.array([1.0, 5.0, 15.0, np.nan, 30.0])
    masks = strata(values, [5.0, 20.0], "SNR")
    assert list(masks) == ["SNR below 5", "SNR 5 to 20", "SNR from 20"]
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks.values()), [1, 1, 1, 0, 1])
    assert all(mask.sum() == 1333 or mask.sum() == 1334 for mask in thirds(TRUTH[:, 0], "truth").values())
    np.testing.assert_allclose(position(np.array([[2.0, 3.0]]), [1.0, 3.0], [3.0, 5.0]), [[0.5, 0.0]])
    with pytest.raises(InputError, match="rising"):
        strata(values, [5.0, 5.0], "SNR")


def test_ridge_is_that_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    mixing = RNG.normal(size=(3, 30))
    truth = RNG.normal(2.0, 1.0, size=(200, 3))
    features = truth @ mixing + RNG.normal(size=(200, 30))
    mine = ridge(features, truth, strength=7.0)
    theirs = linear.Ridge(alpha=7.0).fit(features, truth)
    np.testing.assert_allclose(mine(features), theirs.predict(features), rtol=1e-8)
    chosen = ridge(features, truth)
    cross = linear.RidgeCV(alphas=np.unique(chosen.strength), alpha_per_target=True).fit(features, truth)
    np.testing.assert_allclose(chosen(features), cross.predict(features), rtol=1e-2, atol=1e-2)
    assert (accuracy(truth, chosen(features)).skill > 0.8).all()
    by_set = ridge(features[:100], truth[:100], validation=(features[100:], truth[100:]))
    assert (accuracy(truth[100:], by_set(features[100:])).skill > 0.75).all()


def test_ridge_finds_the_linear_estimator_of_least_error():
    # One unknown, k noisy copies: the best linear weights are 1 / (k + noise variance / prior variance).
    truth = RNG.normal(0.0, 1.0, size=(20_000, 1))
    features = truth + 2.0 * RNG.normal(size=(20_000, 4))
    np.testing.assert_allclose(ridge(features, truth).weights, 1 / (4 + 4), atol=0.006)


def test_ridge_with_nothing_to_learn_from_is_the_constant():
    features, truth = RNG.normal(size=(60, 100)), RNG.normal(5.0, 1.0, size=(60, 2))
    others = RNG.normal(size=(500, 100))
    constant = constant_predictor(features, truth)
    np.testing.assert_allclose(constant(others), np.broadcast_to(truth.mean(axis=0), (500, 2)))
    assert np.abs(ridge(features, truth)(others) - truth.mean(axis=0)).std() < 0.6
    fids = np.array([[1 + 2j, 3j]])
    np.testing.assert_array_equal(features_of(fids), [[1.0, 0.0, 2.0, 3.0]])


def test_a_table_has_a_row_for_each_metabolite_and_stratum(tmp_path):
    sd = np.full_like(TRUTH, 0.1)
    broken = NOISY.copy()
    broken[0, 0] = np.nan
    masks = {**thirds(TRUTH[:, 0], "truth"), "one": np.arange(4000) == 3}
    rows = score_table(
        ("a", "b, c"), TRUTH, broken, sd=sd, crlb_sd=sd, constant=[0.5, 0.75], strata=masks, draws=20, estimator="fit"
    )
    assert [row["metabolite"] for row in rows] == ["a", "b, c"] * 4  # a stratum of one spectrum has no scores
    assert rows[0]["n"] == 3999 and rows[0]["estimator"] == "fit" and 0 < rows[0]["coverage95"] < 1
    assert rows[1]["sd_over_crlb"] == pytest.approx(1.0, abs=0.05)
    assert rows[0]["r2_low"] < rows[0]["r2"] < rows[0]["r2_high"]
    samples = NOISY[None, :50] + 0.1 * RNG.normal(size=(19, 50, 2))
    rows += score_table(("a", "b, c"), TRUTH[:50], NOISY[:50], samples=samples, draws=0, estimator="HMC")
    assert 0 <= rows[-1]["uniformity_p"] <= 1
    write_score_table(tmp_path / "scores.csv", rows)
    with (tmp_path / "scores.csv").open(encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    assert len(read) == 10 and read[1]["metabolite"] == "b, c" and read[-1]["r2_low"] == ""
    assert "nan" not in (tmp_path / "scores.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: accuracy(TRUTH, NOISY[:5]), "estimate has shape"),
        (lambda: accuracy(TRUTH[:, 0], NOISY[:, 0]), r"must be \[spectra, metabolites\]"),
        (lambda: accuracy(np.full((3, 1), np.nan), np.zeros((3, 1))), "not finite"),
        (lambda: accuracy(TRUTH, NOISY + 0j), "complex128; it must hold real"),
        (lambda: accuracy(TRUTH, NOISY, constant=[1.0]), "2 finite numbers"),
        (lambda: accuracy(np.zeros((0, 2)), np.zeros((0, 2))), "shape"),
        (lambda: bootstrap(TRUTH, NOISY, draws=0), "draws is 0"),
        (lambda: interval(bootstrap(TRUTH, NOISY, draws=1), 95.0), "level is 95.0"),
        (lambda: ridge(TRUTH, TRUTH[:5]), "features of 4000 spectra, but truth of 5"),
        (lambda: ridge(TRUTH, TRUTH, strength=-1.0), "must be positive"),
        (lambda: ridge(TRUTH * np.nan, TRUTH), "features hold"),
        (lambda: features_of(TRUTH), "must be complex"),
        (lambda: score_table(("a",), TRUTH, NOISY), "1 names for 2"),
        (lambda: score_table(("a", "b"), TRUTH, NOISY, strata={"x": np.ones(3, bool)}), "stratum 'x'"),
        (lambda: write_score_table("nowhere.csv", []), "no scores"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_truths_all_alike_have_no_slope():
    scores = accuracy(np.ones((5, 1)), RNG.normal(size=(5, 1)))
    assert np.isnan(scores.slope[0]) or np.isinf(scores.slope[0])
    assert not np.isfinite(scores.r2[0])
    assert np.isnan(accuracy(np.zeros((5, 1)), np.ones((5, 1))).mape_percent[0])
