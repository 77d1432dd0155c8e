from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import check_derivative
from synthetic import ACQUISITION, fid

from diffmrs.axes import spectrum_of
from diffmrs.errors import InputError
from diffmrs.preprocess import transient_weights, weighted_mean
from diffmrs.preprocess.robust import median_of, spread_of

N_POINTS, N_TRANSIENTS, NOISE_SD = 1024, 32, 3.0
TIME = ACQUISITION.time_s(N_POINTS)
CLEAN = fid(phase_rad=0.0, shift_hz=0.0)
WINDOW = ACQUISITION.window(N_POINTS, (0.5, 4.2))
weigh = jax.jit(partial(transient_weights, acquisition=ACQUISITION))
weigh_sets = jax.jit(jax.vmap(partial(transient_weights, acquisition=ACQUISITION)))
mean_of = jax.jit(weighted_mean)

MOTION = {
    "signal lost": lambda clean: 0.6 * clean,
    "frequency": lambda clean: clean * np.exp(2j * np.pi * 6 * TIME),
    "phase": lambda clean: clean * np.exp(0.8j),
    "broad lines": lambda clean: clean * np.exp(-np.pi * 8 * TIME),
    "lipids": lambda clean: clean + 50 * np.exp((-2j * np.pi * (1.3 - 4.65) * 123.2 - np.pi * 20) * TIME),
    "echo": lambda clean: clean + 40 * np.exp(-(((TIME - 0.06) / 0.008) ** 2) + 2j * np.pi * 300 * TIME),
}


def noise(*shape, seed=0):
    return NOISE_SD * np.random.default_rng(seed).normal(size=(*shape, N_POINTS, 2)) @ np.array([1, 1j])


def transients(seed=0, **spoilt):
    """Aligned transients; `spoilt` maps a kind of motion to the rows it befell."""
    signal = np.tile(CLEAN, (N_TRANSIENTS, 1))
    for kind, rows in spoilt.items():
        signal[rows] = MOTION[kind.replace("_", " ")](CLEAN)
    return signal + noise(N_TRANSIENTS, seed=seed)


def test_clean_transients_lose_next_to_nothing():
    sets = np.stack([transients(seed) for seed in range(20)])
    found = weigh_sets(jnp.asarray(sets))
    np.testing.assert_allclose(np.asarray(found.weight).sum(axis=1), 1, rtol=1e-5)
    assert np.asarray(found.outlier).mean() < 0.005
    weighted = np.asarray(jax.vmap(weighted_mean)(jnp.asarray(sets), found.weight))

    def error(mean):
        return np.linalg.norm(np.asarray(spectrum_of(jnp.asarray(mean - CLEAN)))[:, WINDOW])

    assert error(weighted) < 1.01 * error(sets.mean(axis=1))
    signal = np.real(weighted @ CLEAN.conj()) / np.linalg.norm(CLEAN) ** 2
    np.testing.assert_allclose(signal.mean(), 1, atol=3e-3)  # weights do not favour transients that noise made larger


@pytest.mark.parametrize("kind", MOTION)
def test_motion_is_found(kind):
    rows = [3, 17, 30]
    found = weigh(jnp.asarray(transients(**{kind.replace(" ", "_"): rows})))
    outlier = np.asarray(found.outlier)
    assert outlier[rows].all()
    assert outlier.sum() <= 4
    assert not np.asarray(found.weight)[outlier].any()
    usual = np.delete(np.asarray(found.z_score), rows)
    assert np.asarray(found.z_score)[rows].min() > 4.5 > np.quantile(usual, 0.9)
    if kind == "signal lost":
        np.testing.assert_allclose(np.asarray(found.amplitude)[rows], 0.6, atol=0.15)


def test_a_third_of_the_transients_may_be_spoilt():
    rows = {"lipids": [0, 1, 2, 3], "frequency": [4, 5, 6], "echo": [7, 8, 9]}
    found = weigh(jnp.asarray(transients(**rows)))
    assert np.asarray(found.outlier)[:10].all()
    assert not np.asarray(found.outlier)[10:].any()


def test_the_robust_mean_is_nearly_that_of_the_good_ones():
    measured = transients(lipids=[0, 1], frequency=[2])
    robust = np.asarray(mean_of(jnp.asarray(measured), weigh(jnp.asarray(measured)).weight))
    ideal, plain = measured[3:].mean(axis=0), measured.mean(axis=0)
    assert np.linalg.norm(robust - CLEAN) < 1.02 * np.linalg.norm(ideal - CLEAN) < np.linalg.norm(plain - CLEAN)


def test_noisier_transients_count_for_less():
    measured = transients()
    measured[5] += 0.7 * noise(1, seed=8)[0]
    found = weigh(jnp.asarray(measured))
    weight = np.asarray(found.weight) * N_TRANSIENTS
    assert 0 < weight[5] < 0.9
    assert N_TRANSIENTS - 4 < float(found.effective) <= N_TRANSIENTS


def test_broken_transients_get_no_weight_and_harm_nobody():
    measured = transients()
    measured[2, 50], measured[4], measured[6] = np.nan, 0, np.inf
    found = weigh(jnp.asarray(measured))
    broken = np.zeros(N_TRANSIENTS, bool)
    broken[[2, 4, 6]] = True
    np.testing.assert_array_equal(found.outlier, broken)
    assert not np.asarray(found.weight)[broken].any()
    assert all(np.isfinite(np.asarray(part)).all() for part in found)
    mean = mean_of(jnp.asarray(measured), found.weight)
    reference = weigh(jnp.asarray(np.where(broken[:, None], 0, measured)))
    np.testing.assert_allclose(found.weight, reference.weight, atol=1e-6)
    assert np.linalg.norm(mean - CLEAN) < 1.05 * np.linalg.norm(measured[~broken].mean(axis=0) - CLEAN)


def test_nothing_usable_gives_zeros():
    found = weigh(jnp.full((N_TRANSIENTS, N_POINTS), jnp.nan + 0j))
    assert np.asarray(found.outlier).all()
    assert not np.asarray(found.weight).any()
    assert float(found.effective) == 0
    assert not np.asarray(mean_of(jnp.full((N_TRANSIENTS, N_POINTS), jnp.nan + 0j), found.weight)).any()


@pytest.mark.parametrize("count", [1, 3])
def test_a_few_transients_have_no_outlier_among_them(count):
    measured = transients()
    measured[count:] = 0
    found = weigh(jnp.asarray(measured))
    assert not np.asarray(found.outlier)[:count].any()
    np.testing.assert_allclose(np.asarray(found.weight).sum(), 1, rtol=1e-5)
    assert np.isfinite(np.asarray(found.z_score)).all()


def test_scale_and_phase_of_all_change_no_weight():
    measured = transients(phase=[1, 2])
    plain, turned = weigh(jnp.asarray(measured)), weigh(jnp.asarray(1e-6 * np.exp(2j) * measured))
    np.testing.assert_allclose(turned.weight, plain.weight, atol=1e-3 / N_TRANSIENTS)
    np.testing.assert_array_equal(turned.outlier, plain.outlier)


def test_order_does_not_matter():
    measured = transients(lipids=[4])
    order = np.random.default_rng(0).permutation(N_TRANSIENTS)
    plain, mixed = weigh(jnp.asarray(measured)), weigh(jnp.asarray(measured[order]))
    np.testing.assert_allclose(mixed.weight, np.asarray(plain.weight)[order], atol=1e-6)


def test_equal_weights_give_the_plain_mean():
    measured = transients()
    mean = mean_of(jnp.asarray(measured), jnp.full(N_TRANSIENTS, 0.25))
    np.testing.assert_allclose(mean, measured.mean(axis=0), atol=1e-4)


def test_precision_is_kept():
    measured = jnp.asarray(transients(), jnp.complex64)
    found = weigh(measured)
    assert found.weight.dtype == found.z_score.dtype == jnp.float32
    assert mean_of(measured, found.weight).dtype == jnp.complex64


def test_unusable_options_are_refused():
    measured = jnp.asarray(transients())
    with pytest.raises(InputError, match="limit is 0"):
        transient_weights(measured, ACQUISITION, limit=0.0)
    with pytest.raises(InputError, match="duration_s is -1"):
        transient_weights(measured, ACQUISITION, duration_s=-1.0)
    with pytest.raises(InputError, match="ppm range"):
        transient_weights(measured, ACQUISITION, window_ppm=(3.0, 2.0))


def test_derivatives_agree_with_finite_differences_beside_an_empty_voxel(x64):
    measured = transients(lipids=[3])[:12]
    measured, direction = (jnp.asarray(np.stack([part, 0 * part])) for part in (measured, noise(12, seed=5)))

    def averaged(fids):
        found = transient_weights(fids, ACQUISITION)
        return weighted_mean(fids, found.weight), found.z_score, found.distance, found.amplitude

    check_derivative(lambda step: jax.vmap(averaged)(measured + step * direction))


def test_median_of_those_that_count_agrees_with_numpy():
    generator = np.random.default_rng(0)
    values, counts = generator.normal(size=(40, 9)), generator.random((40, 9)) < 0.6
    counts[0] = False
    found = np.asarray(jax.jit(median_of)(jnp.asarray(values), jnp.asarray(counts)))
    expected = [np.median(row[keep]) if keep.any() else 0 for row, keep in zip(values, counts, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    wide = np.asarray(spread_of(jnp.asarray(generator.normal(size=20001)), jnp.ones(20001, bool)))
    np.testing.assert_allclose(wide, 1, atol=0.03)
