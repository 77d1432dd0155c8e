"""Leave patients out, again and again: every spectrum is classified by a network that has not seen its patient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from diffmrs.classify.baselines import BASELINES, baseline_probability
from diffmrs.classify.classifier import ClassifierOptions, train_classifier
from diffmrs.classify.folds import check_kinds, patient_folds
from diffmrs.classify.labelled import Labelled
from diffmrs.errors import InputError


@dataclass(frozen=True)
class CrossValidated:
    """What came of a cross-validation.

    Attributes:
        probability: of tumour, of each spectrum in each run, by a classifier that has not seen the patient; of the
            network under `"network"`, of others under their names. [runs, spectra]
        activation: mean over runs of the class activation map of each spectrum. [spectra, points]
        kept: share of the training spectra that were used, mean over runs and folds.
    """

    probability: dict[str, np.ndarray]
    activation: np.ndarray
    kept: float


def cross_validate(
    spectra: Labelled,
    options: ClassifierOptions = ClassifierOptions(),
    *,
    folds: int = 10,
    seeds: Sequence[int] = (0,),
    baselines: Sequence[str] = (),
    on_fold: Callable[[int, int], None] | None = None,
) -> CrossValidated:
    """Classify every spectrum by classifiers trained on other patients.

    All that is chosen on the way (which spectra are kept, when to stop) is chosen inside the training folds.

    Args:
        spectra: with labels and patients.
        options: how each network is trained.
        folds: number of folds; fewer where there are not so many patients of a kind.
        seeds: one run for each, with folds and weights of its own.
        baselines: names in `BASELINES` to run beside the network.
        on_fold: called after each fold with how many are done, and how many there are.

    Raises:
        InputError: too few patients, no seed, an unknown baseline, or scikit-learn is missing.
    """
    if not seeds:
        raise InputError("a cross-validation needs at least one seed")
    for name in baselines:
        if name not in BASELINES:
            raise InputError(f"there is no classifier {name!r}; there are {', '.join(BASELINES)}")
    # One is left out, one is watched, and at least one is learned from.
    check_kinds(spectra, 4 if folds == 2 else 3, f"to leave patients out in {folds} folds")
    count = spectra.label.size
    probability = {name: np.empty((len(seeds), count)) for name in ("network", *baselines)}
    activation, kept = np.zeros(spectra.points.shape), []
    parted = [patient_folds(spectra, folds, seed=seed) for seed in seeds]
    done, whole = 0, sum(map(len, parted))
    for run, (seed, fold_patients) in enumerate(zip(seeds, parted, strict=True)):
        for number, patients in enumerate(fold_patients):
            left_out = np.isin(spectra.patient, patients)
            given, points = spectra.rows(~left_out), spectra.points[left_out]
            own = 1000 * seed + number
            classifier = train_classifier(given, options, seed=own)
            probability["network"][run, left_out] = classifier.probability(points)
            activation[left_out] += classifier.activation(points) / len(seeds)
            kept.append(classifier.kept.size / given.label.size)
            for name in baselines:
                probability[name][run, left_out] = baseline_probability(name, given, points, seed=own)
            done += 1
            if on_fold is not None:
                on_fold(done, whole)
    return CrossValidated(probability, activation, float(np.mean(kept)))
