"""Training of classifiers: it learns, repeats itself, keeps patients apart, and distils away wrong labels."""

from dataclasses import replace

import numpy as np
import pytest
from classified import OPTIONS, POINTS, toy
from matplotlib.figure import Figure

from diffmrs.classify import (
    Distillation,
    Mixing,
    baseline_probability,
    cross_validate,
    plot_activation,
    plot_clusters,
    plot_roc,
    train_classifier,
    weighted_auc,
    window_importance,
)
from diffmrs.errors import InputError

pytestmark = pytest.mark.slow  # compiles training steps


@pytest.fixture(scope="module")
def trained():
    return train_classifier(toy()[0], OPTIONS, seed=1)


def test_a_classifier_learns_what_tells_the_classes_apart(trained):
    new, true = toy(seed=5)
    probability = trained.probability(new.points)
    assert probability.shape == (72,)
    assert weighted_auc(true, probability) > 0.95
    assert trained.history[-1].numbers["validation_loss"] < trained.history[0].numbers["validation_loss"] + 0.1


def test_its_maps_light_the_line_that_differs(trained):
    new, true = toy(seed=6)
    maps = trained.activation(new.points)
    lit = maps[true == 1].mean(axis=0) - maps[true == 0].mean(axis=0)
    assert abs(int(lit.argmax()) - 8) <= 3
    assert lit[8] > 2 * abs(lit[26])


def test_the_answer_hangs_on_the_line_that_differs(trained):
    new, true = toy(seed=6)
    ppm = np.linspace(4.3, 0.2, POINTS)
    middle, loss = window_importance(trained.probability, new.points, true, ppm, width_ppm=0.9)
    differs, alike = (abs(middle - ppm[place]).argmin() for place in (8, 20))
    assert loss.argmax() == differs
    assert loss[differs] > 0.2
    assert loss[alike] < 0.5 * loss[differs]
    with pytest.raises(InputError, match="width"):
        window_importance(trained.probability, new.points, true, ppm, width_ppm=0.0)


def test_the_same_seed_gives_the_same_classifier_and_another_one_does_not(trained):
    points = toy(seed=5)[0].points
    again = train_classifier(toy()[0], OPTIONS, seed=1).probability(points)
    np.testing.assert_array_equal(trained.probability(points), again)
    other = train_classifier(toy()[0], OPTIONS, seed=2).probability(points)
    assert not np.array_equal(again, other)


def test_patients_that_are_watched_are_not_trained_on(trained):
    spectra, _ = toy()
    used = np.unique(spectra.patient[trained.kept])
    assert 4 <= used.size < spectra.patients.size
    assert np.isin(spectra.patient, used).sum() == trained.kept.size


def test_distillation_that_asks_for_agreement_takes_wrong_labels_out():
    spectra, true = toy(16, 8, wrong=0.2)
    wrong = spectra.label != true
    options = replace(
        OPTIONS, distillation=Distillation(theta=0.8, epochs=4, agree=True, least=0.3), mixing=Mixing("same", 0.3, 2)
    )
    found = train_classifier(spectra, options, seed=0)
    assert wrong[found.kept].mean() < 0.5 * wrong.mean()
    new, new_true = toy(seed=7)
    assert weighted_auc(new_true, found.probability(new.points)) > 0.75


def test_every_spectrum_is_judged_by_others_patients():
    spectra, true = toy(seed=2)
    done = []
    found = cross_validate(
        spectra, OPTIONS, folds=2, seeds=(0, 1), baselines=("svm", "forest"), on_fold=lambda *at: done.append(at)
    )
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert set(found.probability) == {"network", "svm", "forest"}
    for runs in found.probability.values():
        assert runs.shape == (2, 72)
        assert weighted_auc(true, runs.mean(axis=0)) > 0.9
    assert found.activation.shape == spectra.points.shape
    assert 0.3 < found.kept < 1
    with pytest.raises(InputError, match="no classifier 'knn'"):
        cross_validate(spectra, OPTIONS, baselines=("knn",))


def test_a_patient_that_tells_itself_by_a_mark_is_of_no_use_in_cross_validation():
    rng = np.random.default_rng(3)
    spectra, _ = toy(12, 6, seed=3)
    marks = rng.normal(size=(12, POINTS))
    points = (marks[spectra.patient] + 0.1 * rng.normal(size=spectra.points.shape)).astype(np.float32)
    only_marks = replace(spectra, points=points)
    inside = baseline_probability("svm", only_marks, points)
    assert weighted_auc(spectra.label, inside) > 0.99
    found = cross_validate(only_marks, OPTIONS, folds=2, baselines=("svm",))
    assert weighted_auc(spectra.label, found.probability["svm"][0]) < 0.85


def test_figures_are_drawn(tmp_path):
    spectra, _ = toy()
    ppm = np.linspace(4.3, 0.2, POINTS)
    axes = plot_roc(spectra.label, {"one": spectra.points[:, 8], "two": spectra.points[:, 20]})
    assert [text.get_text()[:3] for text in axes.get_legend().get_texts()] == ["one", "two"]
    axes = plot_activation(ppm, spectra.points, spectra.points, spectra.label)
    assert axes.get_xlim() == (4.3, 0.2)
    figure = plot_clusters(ppm, spectra.points, spectra.label, clusters=3)
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "clusters.png")
    with pytest.raises(InputError, match="too few"):
        plot_clusters(ppm, spectra.points[:4], spectra.label[:4])
