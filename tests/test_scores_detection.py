"""Flags fire as often as they say on usual spectra, and figures show what they were given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from diffmrs.errors import InputError
from diffmrs.scores import (
    auc,
    combined,
    flag_rate,
    gaussian_calibration,
    plot_coverage,
    plot_ecdf,
    plot_ranks,
    plot_truth_estimate,
    tail_p,
    threshold,
)

RNG = np.random.default_rng(2)


@pytest.mark.parametrize(("n", "wanted"), [(19, 0.05), (50, 0.1), (400, 0.05)])
def test_false_alarms_are_as_rare_as_asked_even_in_small_sets(n, wanted):
    sets = RNG.normal(size=(4000, n))
    limits = np.array([threshold(one, wanted) for one in sets[: 4000 if n < 100 else 500]])
    rate = (RNG.normal(size=limits.size * 20) > np.repeat(limits, 20)).mean()
    assert wanted - 1 / n - 0.01 < rate < wanted + 0.01


def test_a_set_too_small_raises_no_alarms_but_for_what_is_not_finite():
    limit = threshold(np.arange(10.0), 0.05)
    assert np.isinf(limit)
    assert flag_rate(np.array([1e9, np.nan]), limit).value == 0.5


def test_rates_have_binomial_intervals():
    rate = flag_rate(np.arange(100.0), 89.5)
    assert (rate.value, rate.n) == (0.1, 100)
    # Clopper & Pearson for 10 of 100, from tables.
    assert (rate.low, rate.high) == pytest.approx((0.0490, 0.1762), abs=1e-4)
    assert flag_rate(np.zeros(10), 1.0).low == 0.0 and flag_rate(np.ones(10), 0.0).high == 1.0


def test_auc_is_the_share_of_pairs_in_order():
    inside, outside = RNG.normal(size=60).round(1), 1 + RNG.normal(size=40).round(1)
    pairs = outside[:, None] - inside[None]
    assert auc(inside, outside) == pytest.approx((pairs > 0).mean() + 0.5 * (pairs == 0).mean())
    assert auc(inside, np.full(3, np.nan)) == 1.0


def test_p_values_of_usual_spectra_are_uniform():
    p = tail_p(RNG.normal(size=999), RNG.normal(size=4000))
    assert p.min() > 0 and p.max() <= 1
    np.testing.assert_allclose(np.quantile(p, [0.05, 0.5, 0.95]), [0.05, 0.5, 0.95], atol=0.03)
    assert tail_p(np.arange(9.0), np.array([100.0]))[0] == pytest.approx(0.1)
    assert tail_p(np.array([1.0, 2.0, 3.0]), np.array([2.0]))[0] == pytest.approx(0.75)


@pytest.mark.parametrize("common", [0.0, 0.9])
def test_several_scores_together_keep_to_the_false_alarms(common):
    def usual(n):
        shared = RNG.normal(size=(n, 1))
        return np.sqrt(common) * shared + np.sqrt(1 - common) * RNG.normal(size=(n, 4))

    reference, held_out, new = usual(4000), usual(4000), usual(20_000)
    new_scores = combined(reference, new)
    assert (new_scores > -np.log10(0.05)).mean() < 0.06
    exact = flag_rate(new_scores, threshold(combined(reference, held_out), 0.05))
    assert exact.value == pytest.approx(0.05, abs=0.012)
    # Whichever score is strange, the combination sees it.
    for k in range(4):
        strange = usual(500)
        strange[:, k] += 6.0
        assert (combined(reference, strange) > -np.log10(0.05)).mean() > 0.95


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: threshold(np.zeros(0)), "one number per spectrum"),
        (lambda: threshold(np.zeros(9), 5.0), "false_alarms is 5.0"),
        (lambda: auc(np.zeros((2, 2)), np.zeros(2)), "inside have shape"),
        (lambda: tail_p(np.zeros((5, 2)), np.zeros((5, 3))), "the same scores"),
        (lambda: combined(np.zeros(5), np.zeros(5)), r"\[spectra, scores\]"),
        (lambda: plot_coverage({}), "no calibrations"),
        (lambda: plot_ranks(np.zeros((3, 3)), 9), "one metabolite"),
        (lambda: plot_ecdf({"x": np.array([np.nan])}), "no values"),
        (lambda: plot_truth_estimate(np.zeros((3, 3)), np.zeros((3, 3))), "one metabolite"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_figures_draw_on_the_axes_they_are_given(tmp_path):
    truth = RNG.uniform(1, 2, size=500)
    estimate = 1.5 + 0.4 * (truth - 1.5) + 0.05 * RNG.normal(size=500)
    estimate[3] = np.nan
    figure = Figure()
    axes = figure.subplots(2, 2).ravel()
    stated = gaussian_calibration(truth[:, None], estimate[:, None], np.full((500, 1), 0.2))
    assert plot_truth_estimate(truth, estimate, name="NAA", ax=axes[0]) is axes[0]
    assert "slope 0.4" in axes[0].get_legend().get_texts()[2].get_text()
    assert plot_coverage({"a": stated}, metabolite=0, ax=axes[1]) is axes[1]
    np.testing.assert_allclose(axes[1].lines[1].get_ydata(), stated.coverage[:, 0])
    assert plot_ranks(RNG.integers(0, 20, size=500), 19, ax=axes[2]) is axes[2]
    assert plot_ecdf({"a": stated.pit}, ax=axes[3]) is axes[3]
    figure.savefig(tmp_path / "scores.png")
    with pytest.raises(InputError, match="metabolite is 3"):
        plot_coverage({"a": stated}, metabolite=3)
    assert plot_ranks(RNG.integers(0, 10, size=50), 9).get_figure() is not None
