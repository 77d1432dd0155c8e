"""Baseline functions: what they span, what bending costs, and how many of them count."""

import numpy as np
import pytest
from synthetic import ACQUISITION, N_POINTS, basis

from diffmrs.errors import InputError
from diffmrs.model import NoBaseline, PolynomialBaseline, SplineBaseline, model_for

SCALES = ((), ((1.0, 2.0, 4.0), (3.0, 3.4, 0.5)))
KINDS = {
    "spline": SplineBaseline(),
    "causal spline": SplineBaseline(causal=True),
    "coarse spline": SplineBaseline(knots_per_ppm=3.0, range_per_ppm=(0.3, 2.0)),
    "constant": PolynomialBaseline(0),
    "high polynomial": PolynomialBaseline(20),
    "none": NoBaseline(),
}


def a_model(baseline, noise_scale=()):
    return model_for(
        basis(), ppm_range=(0.5, 4.2), groups=(0,) * 8, shims=(0,) * 8, baseline=baseline, noise_scale=noise_scale
    )


def stacked(values):
    return np.concatenate([values.real, values.imag], axis=-1)


def rest_of(target, functions):
    """The part of a complex curve that no real combination of functions follows, as a share of it."""
    coefficients = np.linalg.lstsq(stacked(functions).T, stacked(target), rcond=None)[0]
    return np.linalg.norm(target - coefficients @ functions) / np.linalg.norm(target)


@pytest.mark.parametrize("noise_scale", SCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_functions_are_orthonormal_where_noise_is_alike(kind, noise_scale):
    model = a_model(KINDS[kind], noise_scale)
    white = stacked(model.baseline_functions * model.whitening)
    np.testing.assert_allclose(white @ white.T, np.eye(len(white)), atol=1e-7)


@pytest.mark.parametrize("noise_scale", SCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_bending_costs_and_only_a_complex_constant_is_free(kind, noise_scale):
    model = a_model(KINDS[kind], noise_scale)
    roughness, functions = model.baseline_roughness, model.baseline_functions
    assert roughness.shape == functions.shape[:1]
    assert (roughness >= 0).all() and (np.diff(roughness) >= 0).all()
    if "spline" not in kind:
        assert (roughness == 0).all()
        return
    assert (roughness == 0).sum() == 2
    assert np.abs(np.diff(functions[:2], axis=1)).max() < 1e-6 * np.abs(functions[:2]).max()
    broad, narrow = (
        stacked(functions * model.whitening) @ stacked(smooth_signal(2.3, decay_s) * model.whitening)
        for decay_s in (0.002, 0.01)
    )
    costs = [roughness @ c**2 / (c @ c) for c in (broad, narrow)]
    assert costs[0] < 0.05 * costs[1]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("wanted", [0.6, 1.0, 3.0, 6.0])
def test_the_stiffness_gives_the_effective_dimensions_that_were_asked_for(causal, wanted):
    model = a_model(SplineBaseline(wanted, causal=causal))
    (stiffness,) = model.baseline.stiffness_candidates(model.ppm, model.baseline_roughness)
    trace = np.sum(1 / (1 + stiffness * model.baseline_roughness))
    assert trace == pytest.approx((1 if causal else 2) * wanted * np.ptp(model.ppm), rel=1e-6)


def test_a_baseline_stiffer_than_a_constant_is_a_constant():
    model = a_model(SplineBaseline(0.1))
    (stiffness,) = model.baseline.stiffness_candidates(model.ppm, model.baseline_roughness)
    assert np.sum(1 / (1 + stiffness * model.baseline_roughness)) == pytest.approx(2.0, abs=0.1)


def test_candidates_run_from_flexible_to_stiff_over_the_range():
    model = a_model(SplineBaseline(range_per_ppm=(0.7, 5.0)))
    stiffness = model.baseline.stiffness_candidates(model.ppm, model.baseline_roughness)
    traces = np.array([np.sum(1 / (1 + s * model.baseline_roughness)) for s in stiffness])
    assert len(stiffness) >= 5
    assert (np.diff(stiffness) > 0).all() and (np.diff(traces) < 0).all()
    np.testing.assert_allclose(traces[[0, -1]], 2 * np.ptp(model.ppm) * np.array([5.0, 0.7]), rtol=1e-6)


def smooth_signal(ppm_centre, decay_s):
    """Spectrum of a broad line that begins at time zero, in the window, without the library's transforms."""
    time = np.arange(N_POINTS) * ACQUISITION.dwell_time_s
    fid = np.exp(-((time / decay_s) ** 2)).astype(complex)
    fid[0] /= 2
    frequency = (a_model(NoBaseline()).ppm - ppm_centre) * ACQUISITION.spectrometer_frequency_mhz
    return np.exp(2j * np.pi * frequency[:, None] * time[None, :]) @ fid


@pytest.mark.parametrize("centre", [1.0, 2.3, 3.9])
def test_a_causal_baseline_follows_any_signal_that_begins_at_zero_and_no_other(centre):
    # 5 ms: about 0.4 ppm wide. Its real part alone is no signal that begins at zero.
    signal = smooth_signal(centre, 0.005)
    causal = a_model(SplineBaseline(causal=True)).baseline_functions
    free = a_model(SplineBaseline()).baseline_functions
    assert rest_of(signal, causal) < 0.02
    assert rest_of(signal, free) < 0.02
    assert rest_of(signal.real + 0j, free) < 0.02
    assert rest_of(signal.real + 0j, causal) > 0.2
    assert rest_of(signal.conj(), causal) > 0.2
    assert len(causal) <= len(free) / 2 + 2


@pytest.mark.parametrize("order", [0, 3, 8])
def test_a_polynomial_holds_all_polynomials_of_its_order_and_no_more(order):
    model = a_model(PolynomialBaseline(order))
    x = model.ppm - 2.0
    draw = np.random.default_rng(order)
    inside = np.polyval(draw.normal(size=(2, order + 1)).T @ np.array([1, 1j]), x)
    assert len(model.baseline_functions) == 2 * (order + 1)
    assert rest_of(inside, model.baseline_functions) < 1e-9
    assert rest_of(inside + 5 * x ** (order + 1), model.baseline_functions) > 1e-3


def test_a_spline_follows_a_hump_and_not_a_line():
    ppm = a_model(NoBaseline()).ppm
    hump, line = (np.exp(-4 * np.log(2) * ((ppm - 2.2) / width) ** 2) * (1 + 0.4j) for width in (0.4, 0.03))
    functions = a_model(SplineBaseline()).baseline_functions
    assert rest_of(hump, functions) < 0.01
    assert rest_of(line, functions) > 0.5


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: PolynomialBaseline(-1), "order is -1"),
        (lambda: PolynomialBaseline(41), "order is 41"),
        (lambda: SplineBaseline(0.0), "stiffness is 0.0"),
        (lambda: SplineBaseline(7.0), "stiffness is 7.0"),
        (lambda: SplineBaseline(float("nan")), "stiffness is nan"),
        (lambda: SplineBaseline(knots_per_ppm=1.0), "knots_per_ppm is 1.0"),
        (lambda: SplineBaseline(knots_per_ppm=31.0), "knots_per_ppm is 31.0"),
        (lambda: SplineBaseline(range_per_ppm=(3.0, 1.0)), "range_per_ppm is"),
        (lambda: SplineBaseline(range_per_ppm=(0.01, 1.0)), "range_per_ppm is"),
        (lambda: SplineBaseline(range_per_ppm=(1.0, 7.0)), "range_per_ppm is"),
    ],
)
def test_a_baseline_that_makes_no_sense_is_refused_in_one_line(call, says):
    with pytest.raises(InputError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_baseline_says_what_it_is(kind):
    words = KINDS[kind].in_words
    assert words and "\n" not in words
