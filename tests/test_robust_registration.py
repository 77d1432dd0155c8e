import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from synthetic import ACQUISITION, LINES, TRUTH, lines_fid
from transients import CLEAN, POINTS, TIME, bounds, drawn, moved, noise, off

from diffmrs.errors import InputError
from diffmrs.preprocess import LIPIDS, WATER, Unstable, align_edited, register_robustly, take_off
from diffmrs.preprocess.nuisances import nuisance_directions

BLIND = jax.jit(lambda fids: register_robustly(fids, ACQUISITION))
NOISE = 4.0
SHIFT_BOUND, PHASE_BOUND = bounds(NOISE)


def single(fids):
    return jnp.asarray(fids, jnp.complex64)


def spoiled(count, seed=0):
    """Transients of which each third has water, and each fourth lipids, that stand off the model of the library."""
    rng = np.random.default_rng(seed)
    fids, shift, phase = drawn(count, span_hz=25.0, noise_sd=0.0, seed=seed)
    water = -300 * rng.normal(1, 0.2, count) * (np.arange(count) % 3 == 0)
    lipids = 200j * rng.normal(1, 0.2, count) * (np.arange(count) % 4 == 0)
    hz = ACQUISITION.ppm_to_hz(np.array([4.7, 1.25]))
    added = water[:, None] * 60 * TIME * np.exp((2j * np.pi * hz[0] - 60) * TIME)
    added = added + lipids[:, None] * np.exp((2j * np.pi * (hz[1] + rng.normal(0, 5, (count, 1))) - 150) * TIME)
    return fids + moved(shift, phase, added) + noise(fids.shape, NOISE, seed + 1), shift, phase


def test_without_a_template_it_reaches_the_cramer_rao_bound():
    fids, shift, phase = drawn(120, noise_sd=NOISE)
    off_hz, off_rad = off(BLIND(single(fids)), shift, phase)
    assert 0.8 < off_hz.std() / SHIFT_BOUND < 1.3
    assert 0.8 < off_rad.std() / PHASE_BOUND < 1.3
    assert np.abs(off_hz).max() < 6 * SHIFT_BOUND


def test_unstable_water_and_lipids_do_little_harm():
    fids, shift, phase = spoiled(120)
    found = BLIND(single(fids))
    off_hz, off_rad = off(found, shift, phase)
    assert off_hz.std() < 2 * SHIFT_BOUND
    assert off_rad.std() < 4 * PHASE_BOUND
    without = jax.jit(lambda fids: register_robustly(fids, ACQUISITION, nuisances=()))(single(fids))
    worse_hz, worse_rad = off(without, shift, phase)
    assert worse_hz.std() > 2 * off_hz.std() and worse_rad.std() > 2 * off_rad.std()
    seen = np.asarray(found.nuisance) > 0.01
    there = (np.arange(120) % 3 == 0) | (np.arange(120) % 4 == 0)
    assert np.mean(seen == there) > 0.9


def test_template_and_conventions():
    fids, shift, _ = drawn(120, span_hz=10.0, span_rad=1.0, noise_sd=NOISE, seed=5)
    found = BLIND(single(fids))
    assert abs(np.median(found.shift_hz)) < 1.0
    weight = found.weight * found.amplitude
    assert abs(np.angle(np.sum(weight * np.exp(1j * np.asarray(found.phase_rad))))) < 1e-3
    np.testing.assert_allclose(np.average(found.amplitude, weights=found.weight), 1.0, rtol=1e-3)
    np.testing.assert_allclose(found.noise_sd, NOISE, rtol=0.1)
    np.testing.assert_allclose(np.median(found.misfit), 1.0, atol=0.15)
    aligned = jax.vmap(lambda fid, its: take_off(fid, ACQUISITION, its))(single(fids), found.offsets)
    # What is left of each is noise round the template.
    assert np.abs(np.mean(aligned, axis=0) - found.template).max() < 6 * NOISE / np.sqrt(120)
    best = moved(np.median(shift), 0.0)
    assert np.abs(np.vdot(best, found.template)) > 0.99 * np.linalg.norm(best) * np.linalg.norm(found.template)


def test_spoiled_transients_count_less_and_nan_not_at_all():
    fids, shift, _ = drawn(120, span_hz=10.0, noise_sd=NOISE, seed=2)
    rng = np.random.default_rng(0)
    fids[7] = moved(3.0, 0.0, lines_fid([(2.6, 300, 0, 20)], n_points=POINTS)) + noise((POINTS,), NOISE, 3)
    fids[11] = np.nan
    fids[13] = 5 * NOISE * rng.normal(size=POINTS)
    found = BLIND(single(fids))
    weight = np.asarray(found.weight)
    assert weight[[7, 11, 13]].max() < 0.1 and weight[11] == 0
    assert np.median(weight) > 0.7
    others = np.delete(np.arange(120), [7, 11, 13])
    off_hz = (np.asarray(found.shift_hz) - shift)[others]
    assert (off_hz - np.median(off_hz)).std() < 1.3 * SHIFT_BOUND
    assert np.isfinite(found.template).all()


def test_scale_and_a_common_phase_change_nothing():
    fids, _, _ = spoiled(120, seed=4)
    found = BLIND(single(fids))
    again = BLIND(single(1e-4 * np.exp(0.5j) * fids))
    np.testing.assert_allclose(again.shift_hz, found.shift_hz, atol=0.1 * SHIFT_BOUND)
    np.testing.assert_allclose(again.amplitude, found.amplitude, atol=5e-3)
    np.testing.assert_allclose(again.weight, found.weight, atol=2e-2)


def test_zeros_are_no_trouble():
    found = BLIND(jnp.zeros((120, POINTS), jnp.complex64))
    assert np.isfinite(found.shift_hz).all() and not np.asarray(found.template).any()


def test_a_template_gives_absolute_offsets():
    fids, shift, phase = drawn(60, noise_sd=NOISE, seed=9)
    run = jax.jit(lambda fids: register_robustly(fids, ACQUISITION, template=single(CLEAN), n_points=400))
    found = run(single(fids))
    assert np.abs(found.shift_hz - shift).max() < 8 * SHIFT_BOUND
    assert np.abs(np.angle(np.exp(1j * (found.phase_rad - phase)))).max() < 8 * PHASE_BOUND
    np.testing.assert_array_equal(found.template, single(CLEAN))


@pytest.mark.thorough
@pytest.mark.slow
def test_gradients_of_the_whole(x64):
    """Of all rounds, with nuisances and a reweighted template, in the FIDs."""
    fids = spoiled(4, seed=1)[0][:, :256]
    towards = noise(fids.shape, 1.0, 7)
    weights = np.linspace(0.5, 1.5, 4)

    @jax.jit
    def along(step):
        found = register_robustly(jnp.asarray(fids) + step * jnp.asarray(towards), ACQUISITION, rounds=3)
        numbers = weights @ jnp.stack([found.shift_hz, found.phase_rad, found.amplitude, found.weight], axis=1)
        return numbers, jnp.abs(found.template[:5])

    check_grads(along, (0.05,), 1, modes=("rev",), rtol=2e-2)


def test_nuisance_directions_are_orthonormal_and_hold_what_they_should():
    directions, variances = nuisance_directions((WATER, LIPIDS), ACQUISITION, POINTS)
    np.testing.assert_allclose(directions @ directions.conj().T, np.eye(len(directions)), atol=1e-10)
    assert variances.shape == (2, len(directions)) and variances.max() == 1
    assert np.all((variances > 0).sum(axis=0) == 1)
    for ppm, decay in ((4.65, 50.0), (4.75, 200.0), (1.3, 150.0), (0.9, 400.0)):
        line = np.exp((2j * np.pi * ACQUISITION.ppm_to_hz(ppm) - decay) * TIME)
        assert np.linalg.norm(directions.conj() @ line) > 0.97 * np.linalg.norm(line)
    creatine = np.exp((2j * np.pi * ACQUISITION.ppm_to_hz(3.03) - 10) * TIME)
    assert np.linalg.norm(directions.conj() @ creatine) < 0.3 * np.linalg.norm(creatine)


def test_edited_conditions_are_aligned_with_one_another():
    off_fid = CLEAN
    changed = TRUTH["NAA"] * lines_fid(LINES["NAA"], n_points=POINTS)
    decay = np.exp(-np.pi * 6.0 * TIME - (np.pi * 4.0 * TIME) ** 2 / (4 * np.log(2)))
    on_fid = off_fid - 0.8 * changed * decay
    rng = np.random.default_rng(3)
    shift = rng.normal(0, 4, (2, 24)) + np.array([[0.0], [7.0]])
    phase = rng.normal(0, 0.3, (2, 24))
    clean = np.stack([on_fid, off_fid])[:, None, :] * np.ones((1, 24, 1))
    fids = moved(shift, phase, clean) + noise((2, 24, POINTS), 2.0)
    found = jax.jit(lambda fids: align_edited(fids, ACQUISITION))(single(fids))
    between = np.diff(np.mean(found.shift_hz - shift, axis=1))[0]
    assert abs(between) < 0.3
    assert abs(np.diff(np.mean(found.phase_rad - phase, axis=1))[0]) < np.radians(5)
    assert np.std(found.shift_hz - shift, axis=1).max() < 1.5 * bounds(2.0)[0]
    assert abs(np.mean(found.shift_hz)) < 3.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_points": 1000}, "n_points is 1000"),
        ({"limit_hz": 900.0}, "quarter of the bandwidth"),
        ({"rounds": 0}, "at least one"),
        ({"template": single(CLEAN[:100])}, "the template has 100 points"),
        ({"nuisances": (Unstable((2.0, 1.0), (10.0, 20.0)),)}, "2 to 1 ppm"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        register_robustly(single(CLEAN)[None], ACQUISITION, **options)


def test_one_condition_is_no_edited_series():
    with pytest.raises(InputError, match="two at least"):
        align_edited(single(CLEAN)[None, None], ACQUISITION)
