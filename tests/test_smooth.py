"""The baseline solved for and out of the way, and its stiffness chosen: against dense linear algebra in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from synthetic import ACQUISITION, N_POINTS, TRUTH, basis, fid

from diffmrs.data import MRSData
from diffmrs.fitting import fit
from diffmrs.fitting.problem import Pieces
from diffmrs.fitting.smooth import Smoother, coefficients, off_baseline, smoother_for, stack
from diffmrs.fitting.stiffness import best_stiffness
from diffmrs.model import PolynomialBaseline, SplineBaseline, model_for


def a_model(baseline, noise_scale=()):
    return model_for(
        basis(("NAA", "Cr")),
        ppm_range=(1.5, 3.2),
        groups=(0, 0),
        shims=(0, 0),
        baseline=baseline,
        noise_scale=noise_scale,
    )


def complex_draw(rng, *shape):
    return rng.normal(size=(*shape, 2)) @ np.array([1, 1j])


@pytest.mark.parametrize("noise_scale", [(), ((1.5, 2.0, 5.0),)])
@pytest.mark.parametrize(
    ("baseline", "stiffness"),
    [
        (PolynomialBaseline(3), 1.0),
        (SplineBaseline(), 1e-2),
        (SplineBaseline(), 30.0),
        (SplineBaseline(causal=True), 1.0),
    ],
)
def test_taking_the_baseline_off_is_least_squares_in_everything_at_once(x64, baseline, stiffness, noise_scale):
    model = a_model(baseline, noise_scale)
    rng = np.random.default_rng(0)
    columns, target = complex_draw(rng, 5, model.n_window), complex_draw(rng, model.n_window)
    columns = np.cumsum(columns, axis=1)  # smooth, so that they overlap with the baseline

    weight = model.whitening
    functions = model.baseline_functions
    joint = np.concatenate([columns, functions]) * weight
    design = np.concatenate([joint.real, joint.imag], axis=1).T
    penalty = np.concatenate(
        [np.zeros((len(functions), 5)), np.diag(np.sqrt(stiffness * model.baseline_roughness))], axis=1
    )
    right = np.concatenate([(target * weight).real, (target * weight).imag, np.zeros(len(functions))])
    expected, *_ = np.linalg.lstsq(np.concatenate([design, penalty]), right, rcond=None)
    cost = np.sum((np.concatenate([design, penalty]) @ expected - right) ** 2)

    smoother = smoother_for(model, jnp.asarray(stiffness))
    left, rest = (off_baseline(stack(jnp.asarray(v), model), smoother) for v in (columns, target))
    x, *_ = np.linalg.lstsq(np.asarray(left).T, np.asarray(rest), rcond=None)
    followed = coefficients(stack(jnp.asarray(target - x @ columns), model), smoother)
    np.testing.assert_allclose(x, expected[:5], rtol=1e-6)
    np.testing.assert_allclose(followed, expected[5:], atol=1e-6 * np.abs(expected[5:]).max())
    assert np.sum((np.asarray(left).T @ x - np.asarray(rest)) ** 2) == pytest.approx(cost, rel=1e-8)
    hat = design[:, 5:] @ np.linalg.pinv(np.concatenate([design, penalty])[:, 5:])[:, : len(design)]
    assert np.trace(hat) == pytest.approx(float(smoother.dimensions), rel=1e-6)


def candidates_of(model):
    each = [
        smoother_for(model, jnp.asarray(s))
        for s in model.baseline.stiffness_candidates(model.ppm, model.baseline_roughness)
    ]
    return Smoother(each[0].functions, jnp.stack([s.kept for s in each]), jnp.stack([s.left for s in each]))


def a_linear_problem(model, smoothers, seed):
    """Columns, data and two soft constraints; the baseline is drawn with the stiffness of one of the candidates."""
    rng = np.random.default_rng(seed)
    columns = np.cumsum(rng.normal(size=(4, smoothers.functions.shape[1])), axis=1).T
    kept = np.asarray(smoothers.kept[seed % len(smoothers.kept)])
    drawn = rng.normal(size=kept.size) * np.where(kept < 1, np.sqrt(kept / np.maximum(1 - kept, 1e-12)), 10.0)
    y = columns @ rng.normal(size=4) + drawn @ np.asarray(smoothers.functions) + rng.normal(size=len(columns))
    constraints, off = rng.normal(size=(2, 4)), rng.normal(size=2)
    value = Pieces(*(jnp.asarray(v) for v in (-y, off[:1], off[1:])))
    slope = Pieces(*(jnp.asarray(v.T) for v in (columns, constraints[:1], constraints[1:])))
    return value, slope


def dense_evidence(value, slope, kept, functions, spread):
    """Log density of the data given a stiffness, up to a constant: covariance matrices written out."""
    y = -np.concatenate([value.data, value.ratios, value.values])
    n, rows = value.data.size, y.size
    flat = kept == 1
    variance = np.where(flat, 0.0, kept / np.where(flat, 1.0, 1 - kept))
    covariance = np.eye(rows)
    covariance[:n, :n] += functions.T @ (variance[:, None] * functions)
    constants = np.pad(functions[flat], ((0, 0), (0, rows - n))).T
    design = np.concatenate([np.concatenate([slope.data, slope.ratios, slope.values], axis=1).T, constants], axis=1)
    inverse = np.linalg.inv(covariance)
    normal = design.T @ inverse @ design
    rest = y - design @ np.linalg.solve(normal, design.T @ inverse @ y)
    square = rest @ inverse @ rest
    logs = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(normal)[1]
    return -0.5 * square / spread - 0.5 * logs, square


@pytest.mark.thorough
def test_the_most_probable_stiffness_is_that_of_the_dense_marginal_likelihood(x64):
    model = a_model(SplineBaseline())
    smoothers = candidates_of(model)
    chosen = set()
    for seed in range(0, 20, 2):
        value, slope = a_linear_problem(model, smoothers, seed)
        best, spread = _best(value, slope, jnp.ones(4), smoothers)[:2]
        functions = np.asarray(smoothers.functions)
        dense = [
            dense_evidence(jax.tree.map(np.asarray, value), jax.tree.map(np.asarray, slope), kept, functions, spread)
            for kept in np.asarray(smoothers.kept)
        ]
        assert int(best) == int(np.argmax([evidence for evidence, _ in dense]))
        rows = value.ratios.size + value.values.size
        freedom = value.data.size + rows - 4 - float(smoothers.kept[0].sum())
        assert float(spread) == pytest.approx(max(dense[0][1] / freedom, 1.0), rel=1e-6)
        chosen.add(int(best))
    assert len(chosen) >= 4  # the data do decide


_best = jax.jit(best_stiffness)


def test_a_parameter_at_its_bound_has_no_say_in_the_stiffness(x64):
    model = a_model(SplineBaseline())
    smoothers = candidates_of(model)
    value, slope = a_linear_problem(model, smoothers, 5)
    without = slope._replace(**{name: getattr(slope, name)[:3] for name in slope._fields})
    held = _best(value, slope, jnp.asarray([1.0, 1.0, 1.0, 0.0]), smoothers)
    gone = _best(value, without, jnp.ones(3), smoothers)
    assert int(held[0]) == int(gone[0])
    assert float(held[1]) == pytest.approx(float(gone[1]), rel=1e-6)


def test_all_candidates_are_tried_in_one_compiled_loop(x64):
    model = a_model(SplineBaseline())
    smoothers = candidates_of(model)
    value, slope = a_linear_problem(model, smoothers, 0)
    program = str(jax.make_jaxpr(best_stiffness)(value, slope, jnp.ones(4), smoothers))
    assert len(smoothers.kept) >= 5
    assert program.count(" cholesky") == 1
    assert program.count("scan") == 1


def humps() -> np.ndarray:
    """FID of three broad signals that no member of the basis resembles."""
    time = np.arange(N_POINTS) * ACQUISITION.dwell_time_s
    shifts = np.array([1.1, 2.45, 3.35])[:, None]
    frequency = (4.65 - shifts) * ACQUISITION.spectrometer_frequency_mhz
    return (np.array([120.0, -80.0, 100.0]) @ np.exp(2j * np.pi * frequency * time)) * np.exp(-((time / 0.006) ** 2))


@pytest.mark.slow
def test_the_data_choose_a_stiff_baseline_where_there_is_none_and_a_limp_one_for_humps():
    plain = fid(noise_sd=0.35)
    result = fit(MRSData(np.stack([plain, plain + humps()]), ACQUISITION, ("DIM_DYN",)), basis(), priors="none")
    without, bent = np.asarray(result.estimate.baseline_dimensions)
    assert without < 8  # the stiffest there is: 1 per ppm of each part
    assert bent > 12
    truth = np.array([TRUTH[name] for name in result.names])
    error = np.abs(np.asarray(result.estimate.parameters.amplitude) - truth) / np.asarray(result.estimate.sd.amplitude)
    strong = [result.names.index(name) for name in ("NAA", "GPC", "Ins", "Glu")]
    assert error[0].max() < 4
    assert error[1, strong].max() < 4
    np.testing.assert_allclose(result.estimate.chi2_reduced, 1.0, atol=0.15)
