import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from diffmrs.errors import InputError
from diffmrs.uncertainty import ratio_moments, truncated_normal_interval

CENTRES = st.floats(-30, 30)
LEVELS = st.floats(0.05, 0.999)


@given(centre=CENTRES, sd=st.floats(1e-3, 1e3), level=LEVELS)
def test_the_interval_holds_its_mass_and_is_not_negative(centre, sd, level):
    low, high = truncated_normal_interval(centre * sd, sd, level)
    law = truncnorm(-centre, np.inf, centre * sd, sd)
    assert 0 <= low < high
    if centre > -8:  # further out SciPy's own distribution function loses digits
        assert law.cdf(high) - law.cdf(low) == pytest.approx(level, abs=1e-6)


@given(centre=CENTRES, level=LEVELS)
def test_density_is_nowhere_higher_outside_than_inside(centre, level):
    low, high = truncated_normal_interval(centre, 1.0, level)
    edge = norm.pdf(high, centre)
    assert low == 0 or norm.pdf(low, centre) == pytest.approx(edge, rel=1e-6, abs=1e-300)
    if low == 0:
        assert norm.pdf(0, centre) >= edge


@given(centre=CENTRES, small=st.floats(0.05, 0.6), large=st.floats(0.61, 0.99))
def test_a_higher_level_gives_a_wider_interval(centre, small, large):
    inner, outer = (truncated_normal_interval(centre, 1.0, level) for level in (small, large))
    assert outer.low <= inner.low and inner.high <= outer.high


def test_far_from_zero_it_is_symmetric_and_at_zero_one_sided():
    low, high = truncated_normal_interval(np.array([10.0, 0.0, -2.0]), 1.0)
    assert low[0] == pytest.approx(10 - 1.959964) and high[0] == pytest.approx(10 + 1.959964)
    assert low[1] == 0 and high[1] == pytest.approx(1.959964)  # half a normal
    assert low[2] == 0 and 0 < high[2] < high[1]


def test_far_below_zero_it_is_that_of_an_exponential():
    assert truncated_normal_interval(-1e3, 1.0).high == pytest.approx(-np.log(0.05) / 1e3, rel=1e-3)


def test_shapes_nan_and_certainty_come_through():
    low, high = truncated_normal_interval(np.array([[1.0, np.nan], [2.0, -1.0]]), np.array([0.1, 0.0]))
    assert low.shape == high.shape == (2, 2)
    assert np.isnan(low[0, 1]) and np.isnan(high[0, 1])
    assert low[1, 1] == high[1, 1] == 0


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 95.0])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(InputError, match="between 0 and 1"):
        truncated_normal_interval(1.0, 1.0, level)


def test_ratio_of_two_estimates_spreads_as_draws_do():
    covariance = np.array([[0.04, 0.015], [0.015, 0.09]])
    draws = np.random.default_rng(0).multivariate_normal([3.0, 8.0], covariance, 200_000)
    ratio, sd = ratio_moments(3.0, 0.04, 8.0, 0.09, 0.015)
    assert float(ratio) == 0.375
    assert float(sd) == pytest.approx((draws[:, 0] / draws[:, 1]).std(), rel=0.02)
    assert np.isnan(ratio_moments(3.0, 0.04, 0.0, 0.09, 0.0)).all()
    assert float(ratio_moments(8.0, 0.09, 8.0, 0.09, 0.09)[1]) == 0  # a quantity over itself
