"""Train a classifier of spectra: patients set aside for validation, distillation, mixing, then the training loop."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from flax import nnx

from diffmrs.classify.distillation import Distillation, first_opinions, sure_of
from diffmrs.classify.folds import patient_folds
from diffmrs.classify.labelled import Labelled, labelled_source, one_hot
from diffmrs.classify.loss import ClassLoss
from diffmrs.classify.mixing import Mixing, mixed
from diffmrs.classify.predict import activation_maps, tumour_probability
from diffmrs.classify.rescnn import ResCNN
from diffmrs.errors import InputError
from diffmrs.learn.training import Progress, Training, train

PUBLISHED_TRAINING = Training(
    steps=6300, batch=32, learning_rate=3e-4, schedule="constant", every=210, validation=512, patience=5
)


@dataclass(frozen=True)
class ClassifierOptions:
    """How a classifier is trained.

    The published one has `distillation` and `mixing`; what the paper leaves open (learning rate, length, loss) is
    chosen here: Adam at 3e-4, at most 30 times through 6700 spectra, the loss of held-out patients watched.

    Attributes:
        network: what is trained.
        training: how; the number of steps is the same whatever is made of the spectra. Its seed is not used: compiled
            code is shared by all seeds.
        loss: what is minimised.
        oversample: draw both classes equally often.
        distillation: train on spectra that a first network is sure of; None for all.
        mixing: add mixtures of spectra; None for none.
        inner: share of the patients that are held out to watch the loss.
        capacity: spectra that compiled code makes room for (see `labelled_source`).
    """

    network: ResCNN = field(default_factory=ResCNN)
    training: Training = PUBLISHED_TRAINING
    loss: ClassLoss = field(default_factory=ClassLoss)
    oversample: bool = True
    distillation: Distillation | None = None
    mixing: Mixing | None = None
    inner: float = 0.15
    capacity: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.inner < 1:
            raise InputError(f"inner is {self.inner:g}; the share of patients held out must lie between 0 and 1")


@dataclass(frozen=True)
class Classifier:
    """A trained classifier.

    Attributes:
        network: trained.
        history: of the training.
        kept: numbers of the spectra it was trained on, among those that were given.
        opinions: of the first network; None without distillation. [epochs, training spectra]
    """

    network: Any
    history: list[Progress]
    kept: np.ndarray
    opinions: np.ndarray | None = None

    def probability(self, points: np.ndarray) -> np.ndarray:
        """Probability of tumour of each spectrum. [spectra]"""
        return tumour_probability(self.network, points)

    def activation(self, points: np.ndarray) -> np.ndarray:
        """Class activation map of each spectrum, see `ResCNNNetwork.activation`. [spectra, points]"""
        return activation_maps(self.network, points)


def train_classifier(
    spectra: Labelled,
    options: ClassifierOptions = ClassifierOptions(),
    *,
    seed: int = 0,
    opinions: np.ndarray | None = None,
) -> Classifier:
    """Train a classifier on spectra of several patients.

    Patients are set aside by which the loss is watched; no spectrum of theirs is trained on, distilled or mixed.

    Args:
        spectra: with labels, which may be wrong here and there.
        options: how.
        seed: of the weights, of who is set aside and of all that is drawn.
        opinions: of a first network for distillation, those of an earlier classifier of the same seed and spectra;
            they are made when absent. [epochs, training spectra]

    Raises:
        InputError: fewer than two patients of either kind, or a spectrum length that the network cannot take.
    """
    rng = np.random.default_rng([seed, 8])
    split, first, blend, order, weights = (int(rng.integers(2**31)) for _ in range(5))
    inner = patient_folds(spectra, max(2, round(1 / options.inner)), seed=split)
    watched = np.isin(spectra.patient, inner[0])
    kept = np.flatnonzero(~watched)
    judged, used = spectra.rows(watched), spectra.rows(kept)
    validation = labelled_source(judged.points, one_hot(judged.label), oversample=options.oversample)
    training = replace(options.training, seed=0)
    if options.distillation is not None:
        if opinions is None:
            opinions = first_opinions(
                used, options.distillation.epochs, options.network, training, options.loss, validation,
                seed=first, capacity=options.capacity,
            )  # fmt: skip
        chosen, labels = sure_of(opinions, used.label, options.distillation)
        kept, used = kept[chosen], used.rows(chosen).with_label(labels)
    points, target = used.points, one_hot(used.label)
    if options.mixing is not None:
        points, target = mixed(used, options.mixing, np.random.default_rng(blend))
    source = labelled_source(points, target, oversample=options.oversample, salt=order, capacity=options.capacity)
    network = options.network.build(spectra.points.shape[1], nnx.Rngs(weights))
    network, history = train(network, options.loss, source, training, validation=validation)
    return Classifier(network, history, kept, opinions)
