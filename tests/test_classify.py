"""Classifiers of spectra: representation, sources, losses, folds, distillation, mixing and measures, by their laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from classified import OPTIONS, POINTS, TINY, toy
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from diffmrs.axes import Acquisition
from diffmrs.classify import (
    MEASURES,
    ClassifierOptions,
    ClassLoss,
    Distillation,
    Labelled,
    Mixing,
    PpmPoints,
    ResCNN,
    baseline_probability,
    compared,
    measures,
    mixed,
    patient_folds,
    points_of,
    roc_curve,
    sure_of,
    weighted_auc,
)
from diffmrs.classify.labelled import labelled_source, one_hot
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example, draw_examples
from diffmrs.learn.inputs import Representation


def line(ppm, acquisition, n_points=512):
    time = acquisition.time_s(n_points)
    hz = float(acquisition.ppm_to_hz(ppm))
    return np.exp(2j * np.pi * hz * time - 12 * time).astype(np.complex64)


@pytest.mark.parametrize("acquisition", [Acquisition(5e-4, 123.2), Acquisition(2.5e-4, 297.2)])
def test_a_line_peaks_at_its_shift_whatever_the_sampling(acquisition):
    spec = PpmPoints()
    assert isinstance(spec, Representation)
    seen = points_of(np.stack([line(2.0, acquisition), 50 * line(3.2, acquisition)]), acquisition)
    assert seen.shape == (2, 288)
    np.testing.assert_allclose(spec.ppm[seen.argmax(axis=1)], [2.0, 3.2], atol=0.015)
    np.testing.assert_allclose(seen.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(seen.std(axis=1), 1, rtol=1e-4)


def test_points_are_the_spectrum_at_the_grid():
    acquisition, spec = Acquisition(5e-4, 123.2), PpmPoints((1.0, 4.0), 40)
    fid = line(2.3, acquisition, 64) + 0.4j * line(3.0, acquisition, 64)
    halved = fid.copy()
    halved[0] /= 2
    hz = (4.65 - spec.ppm) * 123.2
    plain = (np.exp(-2j * np.pi * np.outer(hz, acquisition.time_s(64))) @ halved).real
    expected = (plain - plain.mean()) / plain.std()
    np.testing.assert_allclose(points_of(fid[None], acquisition, spec)[0], expected, atol=2e-4)


def test_spectra_that_cannot_be_seen_are_zeros_or_refused():
    acquisition = Acquisition(5e-4, 123.2)
    bad = np.stack([np.full(64, np.nan + 0j), np.zeros(64), line(2.0, acquisition, 64)]).astype(np.complex64)
    seen = points_of(bad, acquisition, PpmPoints(points=16))
    assert not seen[:2].any()
    assert seen[2].any()
    with pytest.raises(InputError, match="reach only"):
        points_of(bad, Acquisition(5e-3, 123.2))
    with pytest.raises(InputError, match="lower one"):
        PpmPoints((4.0, 1.0))


def test_both_classes_are_drawn_equally_often_and_labels_stay_with_their_spectra():
    points = np.arange(10, dtype=float)[:, None] * np.ones(4)
    label = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    draw = jax.jit(draw_examples, static_argnums=2)
    drawn = draw(jax.random.key(0), labelled_source(points, one_hot(label)), 2000)
    which = np.asarray(drawn.fid.real[:, 0]).astype(int)
    np.testing.assert_array_equal(np.asarray(drawn.z).argmax(axis=1), label[which])
    assert abs(np.mean(which == 0) - 0.5) < 0.05
    plain = draw(jax.random.key(0), labelled_source(points, one_hot(label), oversample=False, salt=1), 2000)
    counts = np.bincount(np.asarray(plain.fid.real[:, 0]).astype(int), minlength=10)
    assert counts.min() > 120
    assert counts.sum() == 2000
    with pytest.raises(InputError, match="10 spectra"):
        labelled_source(points, one_hot(label), capacity=4)


def test_labelled_spectra_are_checked():
    points = np.zeros((2, 4), np.float32)
    for label, patient, words in (
        (np.array([0, 2]), np.array([1, 1]), "0 or 1"),
        (np.array([0]), np.array([1, 1]), "shapes"),
    ):
        with pytest.raises(InputError, match=words):
            Labelled(points, label, patient)
    with pytest.raises(InputError, match="NaN"):
        Labelled(points + np.nan, np.array([0, 1]), np.array([1, 1]))


@settings(max_examples=25, deadline=None)
@given(patients=st.integers(4, 30), folds=st.integers(2, 12), seed=st.integers(0, 1000))
def test_folds_part_patients(patients, folds, seed):
    spectra, _ = toy(patients, 2)
    parted = patient_folds(spectra, folds, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(parted)), np.arange(patients))
    assert np.ptp([len(fold) for fold in parted]) <= 1
    assert len(parted) == min(folds, patients // 2)
    assert all({0, 1} == set(fold % 2) for fold in parted)


def test_folds_need_two_patients_of_a_kind():
    spectra, _ = toy(3, 2)
    with pytest.raises(InputError, match="at least 2 of each are needed"):
        patient_folds(spectra, 2)


@jax.jit
def computed(loss, logits, target):
    """The loss of a network that says `logits` whatever it sees."""
    count = logits.shape[0]
    batch = Example(jnp.zeros((count, 4), jnp.complex64), jnp.ones(count), None, target)
    return loss(lambda *_, rngs=None: logits, batch, None)


def loss_of(logits, target, **options):
    return computed(ClassLoss(**options), *(jnp.asarray(part, jnp.float32) for part in (logits, target)))


def test_losses_follow_their_formula():
    logits, target = np.array([[2.0, -1.0], [0.3, 0.5]]), np.array([[1.0, 0.0], [0.25, 0.75]])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    cross = -(target * np.log(p)).sum(axis=1).mean()
    assert float(loss_of(logits, target)[0]) == pytest.approx(cross, rel=1e-5)
    assert float(loss_of(logits, target, q=1e-3)[0]) == pytest.approx(cross, rel=1e-2)
    assert float(loss_of(logits, target, q=1.0)[0]) == pytest.approx((target * (1 - p)).sum(axis=1).mean(), rel=1e-5)
    assert float(loss_of(logits, target, q=0.7)[0]) == pytest.approx(
        (target * (1 - p**0.7) / 0.7).sum(axis=1).mean(), rel=1e-5
    )
    smooth = 0.8 * target + 0.1
    assert float(loss_of(logits, target, smoothing=0.2)[0]) == pytest.approx(
        -(smooth * np.log(p)).sum(axis=1).mean(), rel=1e-5
    )
    assert float(loss_of(logits, target)[1]["as_labelled"]) == 1.0


def test_spectra_without_an_answer_are_left_out_of_the_loss():
    one = loss_of([[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]])[0]
    two = loss_of([[1.0, 0.0], [np.nan, 0.0]], [[1.0, 0.0], [1.0, 0.0]])[0]
    assert float(one) == pytest.approx(float(two))
    with pytest.raises(InputError, match="q of the loss"):
        ClassLoss(q=1.5)


def test_a_loss_that_bears_wrong_labels_pulls_less_at_those_it_disbelieves():
    slope = jax.jit(jax.grad(lambda logits, loss, target: computed(loss, logits, target)[0]))
    logits, target = jnp.asarray([[4.0, 0.0]], jnp.float32), jnp.asarray([[0.0, 1.0]], jnp.float32)
    plain, robust = (float(jnp.abs(slope(logits, ClassLoss(q=q), target)[0, 0])) for q in (0.0, 0.7))
    assert robust < 0.2 * plain


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("partner", ["same", "other", "both"])
def test_mixtures_are_sums_of_spectra(partner, soft):
    label = np.array([0, 0, 1, 1, 1])
    spectra = Labelled(np.where(label, 3.0, 1.0)[:, None] * np.ones((1, 4), np.float32), label, np.arange(5))
    points, target = mixed(spectra, Mixing(partner, 0.25, 4, soft), np.random.default_rng(0))
    assert points.shape == (20, 4)
    np.testing.assert_array_equal(points[:5], spectra.points)
    own = np.tile(np.where(label, 3.0, 1.0), 4)
    other = (points[:, 0] - 0.75 * own) / 0.25
    allowed = {"same": own, "other": 4 - own}
    if partner in allowed:
        np.testing.assert_allclose(other[5:], allowed[partner][5:])
    assert np.isin(np.round(other[5:], 5), (1, 3)).all()
    share = (points[:, 0] - 1) / 2 if soft else np.tile(label, 4)
    np.testing.assert_allclose(target, np.stack([1 - share, share], axis=1), atol=1e-12)
    with pytest.raises(InputError, match="alpha"):
        Mixing(alpha=0.7)


def test_what_is_kept_is_sure_at_some_epoch():
    probability = np.array([[0.995, 0.4, 0.2, 0.6, 0.3], [0.9, 0.001, 0.3, 0.7, 0.2]])
    label = np.array([1, 1, 0, 0, 0])
    kept, labels = sure_of(probability, label, Distillation(least=0.01))
    # One of each label is kept at least: of the zeros none reaches 0.99, the surest is the last but two.
    np.testing.assert_array_equal(kept, [0, 1, 2])
    np.testing.assert_array_equal(labels, [1, 1, 0])
    _, predicted = sure_of(probability, label, Distillation(least=0.01, label="predicted"))
    np.testing.assert_array_equal(predicted, [1, 0, 0])
    kept, labels = sure_of(probability, label, Distillation(least=0.01, agree=True))
    np.testing.assert_array_equal(kept, [0, 2])
    np.testing.assert_array_equal(sure_of(probability, label, Distillation(least=1.0))[0], np.arange(5))
    with pytest.raises(InputError, match="theta"):
        Distillation(theta=0.3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(2, 20))
def test_area_under_the_curve_agrees_with_scikit_learn(seed, levels):
    rng = np.random.default_rng(seed)
    label = np.concatenate([[0, 1], rng.integers(0, 2, 20)])
    score, weight = rng.integers(0, levels, 22) / levels, rng.integers(1, 4, 22).astype(float)
    assert weighted_auc(label, score, weight) == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    repeated = np.repeat(np.arange(22), weight.astype(int))
    assert weighted_auc(label, score, weight) == pytest.approx(weighted_auc(label[repeated], score[repeated]))
    ours, theirs = roc_curve(label, score), sklearn_roc_curve(label, score, drop_intermediate=False)
    np.testing.assert_allclose(ours, theirs[:2])


def test_measures_by_hand():
    label, patient = np.array([1, 1, 0, 0, 0, 0]), np.array([0, 0, 0, 1, 1, 2])
    probability = np.array([0.9, 0.4, 0.5, 0.1, 0.2, 0.8])
    found = measures(label, probability, patient)
    assert tuple(found) == MEASURES
    assert found["sensitivity"] == 0.5
    assert found["specificity"] == 0.5
    assert found["accuracy"] == 0.5
    assert found["auc"] == pytest.approx(6 / 8)
    assert found["patient_accuracy"] == pytest.approx(2 / 3)  # means 0.6, 0.15 and 0.8
    assert found["patient_auc"] == 0.5
    assert np.isnan(weighted_auc(np.ones(3), np.arange(3.0)))


def test_the_same_classifier_gains_nothing_and_a_better_one_something():
    rng = np.random.default_rng(0)
    patient, label = np.repeat(np.arange(20), 5), np.repeat(np.arange(20) % 2, 5)
    noise = rng.normal(size=(2, 100))
    runs = {name: 1 / (1 + np.exp(noise - far * (label - 0.5))) for name, far in (("weak", 0.5), ("strong", 3.0))}
    runs["again"] = runs["weak"]
    found = compared(label, runs, patient, against="weak", draws=60)
    assert found["again"]["auc"]["gain_low"] == found["again"]["auc"]["gain_high"] == 0
    assert found["strong"]["auc"]["gain_low"] > 0
    assert found["again"]["auc"]["gain_sd"] == 0
    areas = [weighted_auc(label, run) for run in runs["strong"]]
    assert found["strong"]["auc"]["sd"] == pytest.approx(np.std(areas, ddof=1))
    for scores in found.values():
        assert scores["auc"]["low"] <= scores["auc"]["mean"] <= scores["auc"]["high"]
    with pytest.raises(InputError, match="there are weak"):
        compared(label, runs, patient, against="none")


@pytest.fixture(scope="module")
def network():
    return TINY.build(POINTS, nnx.Rngs(0))


def test_after_training_a_spectrum_is_judged_alike_in_any_company(network):
    signal = jnp.asarray(toy(4, 2)[0].points)[..., None]
    judge = nnx.jit(lambda network, signal: network(signal))
    learn = nnx.jit(lambda network, signal, key: network(signal, rngs=nnx.Rngs(dropout=key)))
    still = judge(network, signal)
    np.testing.assert_allclose(judge(network, signal.at[1:].set(3.0))[0], still[0], atol=1e-5)
    key, before = jax.random.key(0), np.asarray(network.norm.mean[...])
    loud = learn(network, signal, key)
    assert not np.allclose(network.norm.mean[...], before)
    assert not np.allclose(learn(network, signal.at[1:].set(3.0), key)[0], loud[0])


def test_activation_maps_sum_to_the_logits_and_move_with_the_spectrum(network):
    look = nnx.jit(lambda network, signal: (network(signal), network.features(signal), network.activation(signal)))
    logits, features, _ = look(network, jnp.asarray(toy(2, 1)[0].points)[..., None])
    kernel, bias = np.asarray(network.output.kernel[...]), np.asarray(network.output.bias[...])
    coarse = np.asarray(features) @ (kernel[:, 1] - kernel[:, 0])
    np.testing.assert_allclose(coarse.mean(axis=1) + bias[1] - bias[0], logits[:, 1] - logits[:, 0], atol=1e-5)
    bump = np.zeros((2, POINTS, 1), np.float32)
    bump[0, 13:15], bump[1, 17:19] = 1, 1
    quiet = np.asarray(look(network, jnp.zeros((2, POINTS, 1), jnp.float32))[2])
    maps = np.asarray(look(network, jnp.asarray(bump))[2]) - quiet
    # But for what the ends of the spectrum do through the ReLUs.
    np.testing.assert_allclose(maps[0, 8:20], maps[1, 12:24], atol=0.03 * np.abs(maps).max())
    weight = np.abs(maps[0])[4:-4]
    assert abs(weight @ np.arange(4, POINTS - 4) / weight.sum() - 13.5) < 3


def test_networks_and_options_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="multiple of 16"):
        ResCNN().build(100, nnx.Rngs(0))
    with pytest.raises(InputError, match="not fall"):
        ResCNN(filters=(8, 4))
    with pytest.raises(InputError, match="inner"):
        ClassifierOptions(inner=0.0)
    with pytest.raises(InputError, match="nothing to tell apart"):
        baseline_probability("svm", toy()[0].with_label(np.ones(72, int)), toy()[0].points)
    assert OPTIONS.network is TINY
    assert ResCNN().halvings == 4
